//! The page that tells which test raises which event.

use std::collections::BTreeSet;

use super::*;

/// The names in backquotes of one cell of a table's row.
fn named(row: &str, cell: usize) -> Vec<&str> {
    let text = row.split('|').nth(cell).unwrap_or_default();
    text.split('`').skip(1).step_by(2).collect()
}

/// The sources of the tests with a server and of the delivery.
fn other_tests() -> String {
    let mut text = String::new();
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut folders = vec![root.join("ringback/tests"), root.join("engine/src/notify")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                text.push_str(&std::fs::read_to_string(path).unwrap());
            }
        }
    }
    text
}

/// No two events, and no two rows of the sequences, share a test with a server.
fn each_has_a_test_of_its_own(page: &str) {
    let mut seen = BTreeSet::new();
    let (mut events, mut sequences) = (0, 0);
    for row in page.lines() {
        let event = row.strip_prefix("| `_cbe_on_");
        let start = match event.and_then(|rest| rest.split_once('`')) {
            Some((name, _)) => format!("{name}_arrives_"),
            None if row.starts_with("| sequence:") => "sequence_".to_owned(),
            None => continue,
        };
        *(if event.is_some() {
            &mut events
        } else {
            &mut sequences
        }) += 1;
        for name in named(row, 3) {
            assert!(
                name.starts_with(&start),
                "{name} is no test of this row: {row}"
            );
            assert!(seen.insert(name), "{name} stands in two rows");
        }
    }
    // 19 events, the success of section 10, the 22 rows of section 11, the delayed reminder.
    assert_eq!((events, sequences), (19, 24));
}

/// The page that tells which test raises which event cannot rot.
#[test]
fn the_page_of_events_names_a_test_of_each() {
    let page = include_str!("../../../../../../docs/notifications-events.md");
    let tests = concat!(
        include_str!("../sequences.rs"),
        include_str!("events.rs"),
        include_str!("lists.rs")
    );
    let others = other_tests();
    for event in EventId::ALL.iter().filter(|e| e.family() != Family::Native) {
        let row = page
            .lines()
            .find(|line| line.contains(&format!("`{}`", event.as_str())));
        let row = row.unwrap_or_else(|| panic!("{} is not on the page", event.as_str()));
        assert!(
            !named(row, 2).is_empty() && !named(row, 3).is_empty(),
            "{row}"
        );
        let short = event.as_str().trim_start_matches("_cbe_on_");
        for name in named(row, 2) {
            let at = tests
                .find(&format!("fn {name}()"))
                .unwrap_or_else(|| panic!("{name}"));
            let text = tests[at..].split("\n}\n").next().unwrap();
            assert!(text.contains(short), "{name} says nothing of {short}");
        }
    }
    each_has_a_test_of_its_own(page);
    for row in page.lines().filter(|line| line.starts_with("| ")) {
        if row.contains("sequence:") {
            let name = named(row, 2)[0];
            let test = format!("fn {name}()");
            assert!(
                [
                    tests,
                    include_str!("../plugin.rs"),
                    include_str!("../forecast.rs")
                ]
                .iter()
                .any(|file| file.contains(&test)),
                "{name}"
            );
        }
        for name in named(row, 3) {
            assert!(others.contains(&format!("fn {name}()")), "{name}");
        }
    }
}
