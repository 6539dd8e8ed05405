//! The conformance documents of the W3C, found through `RINGBACK_TEST_DATA`.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use scxml::Start;

use crate::lost_conditions::restored;
use crate::support::{World, load};

/// Tests that fail and why; this list may only shrink.
const KNOWN_FAILURES: &[(&str, &str)] = &[];

/// The folder of the documents; a skip is counted where the gate asks for it.
#[expect(
    clippy::disallowed_methods,
    reason = "test material is found through the environment"
)]
fn folder(test: &str) -> Option<PathBuf> {
    let found = std::env::var("RINGBACK_TEST_DATA").ok().map(PathBuf::from);
    let found = found.and_then(|base| {
        [base.join("data/scxml-irp"), base.join("scxml-irp")]
            .into_iter()
            .find(|folder| folder.is_dir())
    });
    if found.is_none() {
        let line = format!("{test}: RINGBACK_TEST_DATA names no folder with data/scxml-irp");
        println!("skipped {line}");
        if let Ok(path) = std::env::var("RINGBACK_SKIPPED_LOG") {
            let file = std::fs::OpenOptions::new()
                .append(true)
                .create(true)
                .open(path);
            writeln!(file.unwrap(), "{line}").unwrap();
        }
    }
    found
}

/// Runs one document; gives what went wrong.
fn verdict(folder: &Path, name: &str) -> Result<(), String> {
    let files = |url: &str| {
        let text = std::fs::read_to_string(folder.join(url)).map_err(|error| error.to_string())?;
        Ok(restored(url, text))
    };
    let document = load(name, &files).map_err(|problems| format!("{problems:?}"))?;
    let report = World::new(document, Start::default(), &files).run(600_000);
    match report.final_state() {
        "pass" => Ok(()),
        _ => Err(format!(
            "{:?}, active {:?}, log {:?}",
            report.ending, report.configuration, report.log
        )),
    }
}

fn run_list(test: &str, list: &str) {
    let Some(folder) = folder(test) else { return };
    let names = std::fs::read_to_string(folder.join(list)).unwrap();
    let mut wrong = Vec::new();
    let mut passed = 0;
    for name in names.split_whitespace() {
        let known = KNOWN_FAILURES.iter().any(|(failing, _)| *failing == name);
        match (verdict(&folder, name), known) {
            (Ok(()), false) => passed += 1,
            (Ok(()), true) => wrong.push(format!(
                "{name} passes: take it off the list of known failures"
            )),
            (Err(_), true) => {}
            (Err(message), false) => wrong.push(format!("{name}: {message}")),
        }
    }
    println!(
        "{list}: {passed} passed, {} known failures",
        KNOWN_FAILURES.len()
    );
    assert!(
        wrong.is_empty(),
        "{passed} passed, {} did not:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(passed > 0, "{list} is empty");
}

#[test]
fn mandatory_documents_pass() {
    run_list("mandatory_documents_pass", "mandatory-auto.txt");
}

#[test]
fn optional_documents_pass() {
    run_list("optional_documents_pass", "optional-auto.txt");
}
