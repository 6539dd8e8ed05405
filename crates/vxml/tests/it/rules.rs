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

/// Tests on real calls, and of the host; those that stand for a rule say it above them.
const HOSTED: &[(&str, &str)] = &[
    (
        "voicexml",
        include_str!("../../../ringback/tests/it/voicexml.rs"),
    ),
    (
        "voicexml_sounds",
        include_str!("../../../ringback/tests/it/voicexml_sounds.rs"),
    ),
    (
        "voicexml_clients",
        include_str!("../../../ringback/tests/it/voicexml_clients.rs"),
    ),
    (
        "session_calls",
        include_str!("../../../ringback/tests/it/session_calls.rs"),
    ),
    (
        "session_dialogs",
        include_str!("../../../ringback/tests/it/session_dialogs.rs"),
    ),
    (
        "hostile_pages",
        include_str!("../../../ringback/tests/it/hostile_pages.rs"),
    ),
    (
        "voicexml_transfers",
        include_str!("../../../ringback/tests/it/voicexml_transfers.rs"),
    ),
];

/// A rule with the section that it stands in and its test.
struct Rule {
    section: String,
    text: String,
    test: String,
}

fn rules(module: &str, source: &str) -> Vec<Rule> {
    let mut rules = Vec::new();
    let (mut rule, mut is_test) = (String::new(), false);
    for line in source.lines() {
        let function = line.strip_prefix("async ").unwrap_or(line);
        if let Some(text) = line.strip_prefix("/// ") {
            if !rule.is_empty() {
                rule.push(' ');
            }
            rule.push_str(text);
        } else if line == "#[test]" || line == "#[tokio::test]" {
            is_test = true;
        } else if let Some(name) = function.strip_prefix("fn ") {
            if is_test {
                let name = name.split('(').next().unwrap_or_default();
                let (section, text) = rule.split_once(": ").unwrap_or(("", "no rule"));
                rules.push(Rule {
                    section: section.to_owned(),
                    text: text.to_owned(),
                    test: format!("{module}::{name}"),
                });
            }
            rule.clear();
            is_test = false;
        } else if line.is_empty() {
            rule.clear();
        }
    }
    rules
}

fn table(rules: &[Rule]) -> String {
    let mut rows = String::from("| section | rule | test |\n|---|---|---|\n");
    for rule in rules {
        let (section, text, test) = (&rule.section, &rule.text, &rule.test);
        // Writing to a String cannot fail.
        let _written = writeln!(rows, "| {section} | {text} | `{test}` |");
    }
    rows
}

/// Rules by standard and chapter, e.g. `V2.0 5`.
fn chapters(inner: &[Rule], hosted: &[Rule]) -> String {
    let chapter = |rule: &Rule| {
        let (standard, section) = rule.section.split_once(' ').unwrap_or((&rule.section, ""));
        let first = section.split('.').next().unwrap_or_default();
        // The sections of the reference are short, those of our own rules are many.
        let standard = standard.to_owned();
        match standard.as_str() {
            "V2.0" | "V2.1" => format!("{standard} {first}"),
            _ => standard,
        }
    };
    let mut counts = std::collections::BTreeMap::<String, (usize, usize)>::new();
    for rule in inner {
        counts.entry(chapter(rule)).or_default().0 += 1;
    }
    for rule in hosted {
        counts.entry(chapter(rule)).or_default().1 += 1;
    }
    let mut rows = String::from("| chapter | interpreter | on calls |\n|---|---|---|\n");
    for (chapter, (inner, hosted)) in counts {
        let _written = writeln!(rows, "| {chapter} | {inner} | {hosted} |");
    }
    rows
}

/// The index as it has to be: each rule with its test.
fn index() -> String {
    let all = |sources: &[(&str, &str)]| -> Vec<Rule> {
        let rules = sources.iter().map(|(module, source)| rules(module, source));
        rules.flatten().collect()
    };
    let inner = all(SOURCES);
    let mut hosted = all(HOSTED);
    hosted.retain(|rule| !rule.section.is_empty());
    format!(
        "# VoiceXML rules and their tests\n\n\
         Each rule that the interpreter implements, with the section it stands in and the test that holds it.\n\
         V2.0 and V2.1 are VoiceXML 2.0 and 2.1, SRGS and SISR the grammar and interpretation standards, G the\n\
         extensions of generated pages, R our own rules. The tests of the interpreter stand in\n\
         `crates/vxml/tests/it/rules`, those on calls, over SIP and RTP, in `crates/ringback/tests/it`; a test\n\
         keeps this page equal to the sentences above them.\n\n\
         {} rules of the interpreter, {} on calls: {} tests.\n\n{}\n\
         ## The interpreter\n\n{}\n## On calls\n\n{}",
        inner.len(),
        hosted.len(),
        inner.len() + hosted.len(),
        chapters(&inner, &hosted),
        table(&inner),
        table(&hosted),
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
