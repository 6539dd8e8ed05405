//! Words that must not be left behind: reminders, debugging aids, machine paths, hidden crates.

use super::rules::{CONFINED, IO_NAMES, WITHOUT_IO};
use super::{Finding, House, RustFile, TextFile, has_extension};
use crate::source::has_word;

/// Reminders; a plan belongs into an issue.
const REMINDERS: &[&str] = &["TODO", "FIXME", "XXX"];

/// Debugging aids and stubs, in code.
const CALLS: &[(&str, &str)] = &[
    ("dbg!", "remove it, or log with `tracing`"),
    ("todo!", "build it, or answer by name that it is not built"),
    (
        "unimplemented!",
        "build it, or answer by name that it is not built",
    ),
    (
        "#[ignore",
        "assert today's behaviour and say that it is wrong",
    ),
];

/// Directories of one machine; put together so that this file does not hold them.
const MACHINE_PATHS: &[&str] = &[
    concat!("/", "home/"),
    concat!("/", "root/"),
    concat!("/", "work/"),
];

/// The directory for temporary files; code outside tests asks the system for it.
const TEMPORARY: &str = concat!("/", "tmp/");

/// Looks into every text.
pub(super) fn check(house: &House) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &house.rust {
        findings.extend(rust(file));
    }
    for file in &house.texts {
        findings.extend(text(file));
    }
    findings
}

fn rust(file: &RustFile) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut report = |line: usize, problem: String, remedy: &str| {
        findings.push(Finding::error(&file.path, line, problem, remedy));
    };
    for (line, text) in numbered(&file.source.without_texts) {
        for word in REMINDERS.iter().filter(|word| has_word(text, word)) {
            report(line, format!("a {word} is left"), "do it, or open an issue");
        }
        for confined in CONFINED {
            let allowed = confined
                .places
                .iter()
                .any(|place| file.path.starts_with(place));
            if !allowed && has_word(text, confined.name) {
                let problem = format!(
                    "`{}` is named outside {}",
                    confined.name,
                    confined.places.join(", ")
                );
                report(line, problem, "speak of the port instead");
            }
        }
    }
    for (line, text) in numbered(&file.source.code) {
        for (call, remedy) in CALLS.iter().filter(|(call, _)| text.contains(call)) {
            report(line, format!("`{call}` is left"), remedy);
        }
        if file.is_test_line(line) && text.contains("thread::sleep") {
            report(
                line,
                "a test sleeps".to_owned(),
                "wait for a condition with a deadline",
            );
        }
        if !file.is_test_line(line) && is_without_io(&file.path) {
            for name in IO_NAMES.iter().filter(|name| has_word(text, name)) {
                let problem = format!("`{name}` in a package without input, output and clock");
                report(line, problem, "take what is needed as an argument");
            }
        }
    }
    for (line, text) in numbered(&file.source.texts) {
        let temporary = !file.is_test_line(line) && text.contains(TEMPORARY);
        for path in MACHINE_PATHS.iter().chain(temporary.then_some(&TEMPORARY)) {
            if text.contains(path) {
                report(
                    line,
                    format!("a path of one machine: {path}"),
                    "take it from the configuration",
                );
            }
        }
    }
    findings
}

fn text(file: &TextFile) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut report = |line: usize, problem: String, remedy: &str| {
        findings.push(Finding::error(&file.path, line, problem, remedy));
    };
    let has_reminders = has_extension(
        &file.path,
        &[
            "toml", "sh", "sql", "ts", "tsx", "css", "xml", "yml", "yaml",
        ],
    );
    for (line, text) in numbered(&file.text) {
        if has_reminders {
            for word in REMINDERS.iter().filter(|word| has_word(text, word)) {
                report(line, format!("a {word} is left"), "do it, or open an issue");
            }
        }
        for path in MACHINE_PATHS.iter().filter(|path| text.contains(**path)) {
            report(
                line,
                format!("a path of one machine: {path}"),
                "use a path relative to the repository",
            );
        }
        if text.ends_with('\r') {
            report(
                line,
                "the line ends with CR LF".to_owned(),
                "end lines with LF",
            );
        }
    }
    if !file.text.is_empty() && !file.text.ends_with('\n') {
        report(
            file.text.lines().count(),
            "the last line has no end".to_owned(),
            "end it with LF",
        );
    }
    findings
}

fn is_without_io(path: &str) -> bool {
    path.strip_prefix("crates/")
        .and_then(|path| path.split_once("/src/"))
        .is_some_and(|(package, _)| WITHOUT_IO.contains(&package))
}

/// Lines with their numbers from 1; a CR before the line end is kept.
fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(text.split('\n'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, whole: &str, expected: &[(usize, &str)]) {
        let found = rust(&RustFile::example(path, whole));
        let found: Vec<(usize, &str)> = found
            .iter()
            .map(|finding| (finding.line, finding.problem.as_str()))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn reminders_are_found_in_comments_but_not_in_texts() {
        let reminder = format!("a();\n// {} later", REMINDERS.first().unwrap());
        check("crates/a/src/a.rs", &reminder, &[(2, "a TODO is left")]);
        check("crates/a/src/a.rs", "f(\"1-XXX\")", &[]);
        check("crates/a/src/a.rs", "XXXL", &[]);
    }

    #[test]
    fn debugging_aids_are_found_in_code_but_not_in_comments() {
        check("crates/a/src/a.rs", "dbg!(x)", &[(1, "`dbg!` is left")]);
        check("crates/a/src/a.rs", "// never dbg!", &[]);
        check(
            "crates/a/src/a.rs",
            "#[ignore = \"slow\"]",
            &[(1, "`#[ignore` is left")],
        );
    }

    #[test]
    fn tests_do_not_sleep() {
        let sleep = "std::thread::sleep(x);\n#[cfg(test)]\nmod tests {\nstd::thread::sleep(x);\n}";
        check("crates/store/src/a.rs", sleep, &[(4, "a test sleeps")]);
        check(
            "crates/store/tests/it/a.rs",
            "thread::sleep(x)",
            &[(1, "a test sleeps")],
        );
    }

    #[test]
    fn the_sip_stack_is_named_in_its_place_only() {
        check(
            "crates/telephony/src/embedded/stack.rs",
            "use rsipstack::x;",
            &[],
        );
        check("crates/telephony/src/embedded.rs", "use rsipstack::x;", &[]);
        check(
            "crates/telephony/src/port.rs",
            "// like rsipstack",
            &[(
                1,
                "`rsipstack` is named outside crates/telephony/src/embedded",
            )],
        );
    }

    #[test]
    fn packages_without_io_have_no_clock() {
        let problem = "`Instant` in a package without input, output and clock";
        check("crates/sip/src/a.rs", "fn f(now: Instant)", &[(1, problem)]);
        check("crates/sip/src/a.rs", "fn f(instant: u64)", &[]);
        check("crates/store/src/a.rs", "fn f(now: Instant)", &[]);
    }

    #[test]
    fn machine_paths_are_found_in_texts() {
        let whole = format!("f(\"{}me\")", MACHINE_PATHS.first().unwrap());
        assert_eq!(
            rust(&RustFile::example("crates/a/src/a.rs", &whole)).len(),
            1
        );
        let whole = format!("f(\"{TEMPORARY}x\")");
        assert_eq!(
            rust(&RustFile::example("crates/a/src/a.rs", &whole)).len(),
            1
        );
        assert_eq!(
            rust(&RustFile::example("crates/a/tests/it/a.rs", &whole)).len(),
            0
        );
    }

    #[test]
    fn texts_have_plain_line_ends() {
        let file = TextFile {
            path: "a.md".to_owned(),
            text: "one\r\ntwo".to_owned(),
        };
        let lines: Vec<usize> = text(&file).iter().map(|finding| finding.line).collect();
        assert_eq!(lines, [1, 2]);
    }
}
