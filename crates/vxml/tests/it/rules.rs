//! One test per rule of the recommendations; the sentence above each test is the rule.

mod data;
mod errors;
mod events;
mod forms;
mod grammars;
mod input;
mod line;
mod output;
mod pages;
mod scopes;

use std::fmt::Write as _;

const SOURCES: &[(&str, &str)] = &[
    ("forms", include_str!("rules/forms.rs")),
    ("events", include_str!("rules/events.rs")),
    ("scopes", include_str!("rules/scopes.rs")),
    ("pages", include_str!("rules/pages.rs")),
    ("input", include_str!("rules/input.rs")),
    ("grammars", include_str!("rules/grammars.rs")),
    ("output", include_str!("rules/output.rs")),
    ("data", include_str!("rules/data.rs")),
    ("line", include_str!("rules/line.rs")),
    ("errors", include_str!("rules/errors.rs")),
];

/// The index as it has to be: each rule with its test.
fn index() -> String {
    let mut rows = String::new();
    let mut count = 0;
    for (module, source) in SOURCES {
        let mut rule = String::new();
        let mut is_test = false;
        for line in source.lines() {
            if let Some(text) = line.strip_prefix("/// ") {
                if !rule.is_empty() {
                    rule.push(' ');
                }
                rule.push_str(text);
            } else if line == "#[test]" {
                is_test = true;
            } else if let Some(name) = line.strip_prefix("fn ") {
                if is_test {
                    let name = name.split('(').next().unwrap_or_default();
                    let (section, rule) = rule.split_once(": ").unwrap_or(("", "no rule"));
                    count += 1;
                    // Writing to a String cannot fail.
                    let _written = writeln!(rows, "| {section} | {rule} | `{module}::{name}` |");
                }
                rule.clear();
                is_test = false;
            } else if line.is_empty() {
                rule.clear();
            }
        }
    }
    format!(
        "# VoiceXML rules and their tests\n\n\
         Each rule that the interpreter implements, with the section it stands in and the test that holds it.\n\
         V2.0 and V2.1 are VoiceXML 2.0 and 2.1, SRGS and SISR the grammar and interpretation standards, G the\n\
         extensions of generated pages, R our own rules. The tests stand in `crates/vxml/tests/it/rules`; a test\n\
         keeps this page equal to the sentences above them.\n\n\
         {count} rules, {count} tests.\n\n| section | rule | test |\n|---|---|---|\n{rows}"
    )
}

#[test]
fn the_index_of_rules_is_up_to_date() {
    let written = include_str!("../../../../docs/vxml-rules.md");
    let wanted = index();
    if written != wanted {
        let first = wanted.lines().zip(written.lines()).find(|(a, b)| a != b);
        panic!("docs/vxml-rules.md differs: {first:?}; it has to be:\n{wanted}");
    }
}

#[test]
fn every_rule_names_its_section() {
    for row in index().lines().filter(|line| line.contains("::")) {
        assert!(!row.contains("no rule"), "{row}");
    }
}
