//! How many tests of which kind ran, read from the output of `cargo nextest` and `cargo test`.

use std::fmt;

/// Numbers of tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// In the packages themselves.
    pub(super) unit: usize,
    /// In `tests/`: contract and end-to-end.
    pub(super) integration: usize,
    /// Examples in documentation.
    pub(super) documentation: usize,
    /// Of all these, how many failed.
    pub(super) failed: usize,
}

impl Counts {
    /// Reads what a test runner printed.
    pub(super) fn read(output: &str) -> Self {
        let mut counts = Self::default();
        // Which kind the results of `cargo test` that follow belong to.
        let mut kind = Kind::Unit;
        for line in output.lines() {
            let line = without_colour(line);
            let line = line.trim();
            if let Some(new) = heading(line) {
                kind = new;
            } else if let Some((passed, failed)) = summary(line) {
                counts.add(kind, passed + failed);
                counts.failed += failed;
            } else if let Some((kind, passed)) = nextest_line(line) {
                counts.add(kind, 1);
                counts.failed += usize::from(!passed);
            }
        }
        counts
    }

    fn add(&mut self, kind: Kind, number: usize) {
        match kind {
            Kind::Unit => self.unit += number,
            Kind::Integration => self.integration += number,
            Kind::Documentation => self.documentation += number,
        }
    }

    /// No test ran.
    pub(super) fn is_empty(self) -> bool {
        self == Self::default()
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = [
            (self.unit, "unit"),
            (self.integration, "integration"),
            (self.documentation, "documentation"),
            (self.failed, "failed"),
        ];
        let mut separator = "";
        for (number, kind) in kinds.into_iter().filter(|(number, _)| *number > 0) {
            write!(f, "{separator}{number} {kind}")?;
            separator = ", ";
        }
        Ok(())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Unit,
    Integration,
    Documentation,
}

/// `Running unittests src/lib.rs (…)`, `Running tests/it/main.rs (…)`, `Doc-tests sip`.
fn heading(line: &str) -> Option<Kind> {
    if line.starts_with("Doc-tests ") {
        return Some(Kind::Documentation);
    }
    let what = line.strip_prefix("Running ")?;
    if what.starts_with("unittests ") {
        Some(Kind::Unit)
    } else if what.starts_with("tests/") {
        Some(Kind::Integration)
    } else {
        None
    }
}

/// `test result: ok. 12 passed; 1 failed; …` of `cargo test`.
fn summary(line: &str) -> Option<(usize, usize)> {
    let rest = line.strip_prefix("test result: ")?;
    let number = |word: &str| {
        rest.split([';', '.'])
            .find_map(|part| part.trim().strip_suffix(word)?.trim().parse().ok())
    };
    Some((number("passed")?, number("failed")?))
}

/// `PASS [   0.005s] (1/9) sip tag::tests::x` of nextest; a failure is repeated in the summary at
/// the end, where it has no position, and is counted at its first mention.
fn nextest_line(line: &str) -> Option<(Kind, bool)> {
    let (status, rest) = line.split_once(" [")?;
    let passed = match status {
        "PASS" | "LEAK" => true,
        "FAIL" | "TIMEOUT" | "LEAK-FAIL" | "ABORT" => false,
        signal if signal.starts_with("SIG") => false,
        _ => return None,
    };
    let (_duration, rest) = rest.split_once("] ")?;
    let (_position, rest) = rest.trim_start().strip_prefix('(')?.split_once(") ")?;
    let binary = rest.split_whitespace().next()?;
    let kind = match binary.split_once("::") {
        Some((_, target)) if !target.starts_with("bin/") => Kind::Integration,
        _ => Kind::Unit,
    };
    Some((kind, passed))
}

/// The line without the escape sequences that colour it.
fn without_colour(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut characters = line.chars();
    while let Some(c) = characters.next() {
        if c == '\u{1b}' {
            // Up to the letter that ends the sequence.
            characters.by_ref().find(char::is_ascii_alphabetic);
        } else {
            plain.push(c);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(output: &str, expected: &str) {
        assert_eq!(Counts::read(output).to_string(), expected);
    }

    #[test]
    fn nextest_is_understood() {
        check(
            "    Starting 4 tests across 3 binaries\n\
             \u{1b}[32;1m        PASS\u{1b}[0m [   0.005s] (1/4) sip offer::tests::a\n\
             \x20       PASS [   0.005s] (2/4) xtask::bin/xtask source::tests::b\n\
             \x20       PASS [   1.205s] (3/4) ringback::it walk::c\n\
             \x20       FAIL [   0.100s] (4/4) ringback::it walk::d\n\
             \x20    Summary [   1.3s] 4 tests run: 3 passed, 1 failed, 0 skipped\n\
             \x20       FAIL [   0.100s] ringback::it walk::d\n",
            "2 unit, 2 integration, 1 failed",
        );
    }

    #[test]
    fn cargo_test_is_understood() {
        check(
            "     Running unittests src/lib.rs (target/debug/deps/sip-1)\n\
             test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n\
             \x20    Running tests/it/main.rs (target/debug/deps/it-1)\n\
             test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured\n\
             \x20  Doc-tests sip\n\
             test result: ok. 3 passed; 0 failed; 0 ignored; finished in 0.1s\n",
            "12 unit, 3 integration, 3 documentation, 1 failed",
        );
    }

    #[test]
    fn other_output_counts_nothing() {
        check("warning: x\nPASS\nRunning late\n", "");
        assert!(Counts::read("").is_empty());
    }
}
