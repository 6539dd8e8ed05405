//! The page that tells which test holds which promise cannot rot.

use std::path::Path;

/// The last part of `package module::test` or `…test`.
fn test_name(words: &str) -> Option<&str> {
    let (_, name) = words.rsplit_once("::").or_else(|| words.rsplit_once('…'))?;
    let is_name = name
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b"_0123456789".contains(&b));
    (is_name && !name.is_empty()).then_some(name.trim())
}

#[test]
fn the_page_of_telephony_names_tests_that_exist() {
    let page = include_str!("../../../../docs/telephony.md");
    let mut sources = String::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("..")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                sources.push_str(&std::fs::read_to_string(path).unwrap());
            }
        }
    }
    let mut count = 0;
    for row in page.lines().filter(|line| line.starts_with("| ")) {
        for name in row.split('`').skip(1).step_by(2).filter_map(test_name) {
            assert!(sources.contains(&format!("fn {name}()")), "{name}");
            count += 1;
        }
    }
    assert!(count > 60, "{count}");
}
