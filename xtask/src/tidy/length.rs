//! Length of Rust files: a warning when splitting is due, a limit, and a list that only shrinks.

use super::rules::{LENGTH_MAX, LENGTH_WARNING, LONG_FILES, LongFile};
use super::{Finding, House};

const LIST: &str = "xtask/src/tidy/rules.rs";

/// Looks at every Rust file that is not all tests.
pub(super) fn check(house: &House) -> Vec<Finding> {
    let mut findings: Vec<Finding> = house
        .rust
        .iter()
        .filter(|file| !file.is_test())
        .filter_map(|file| problem(&file.path, file.source.lines_before_tests, LONG_FILES))
        .collect();
    let gone = LONG_FILES
        .iter()
        .filter(|long| !house.paths.iter().any(|path| path == long.path));
    findings.extend(gone.map(|long| {
        Finding::error(
            LIST,
            1,
            format!("{} is listed as long and does not exist", long.path),
            "remove its line from LONG_FILES",
        )
    }));
    findings
}

fn problem(path: &str, lines: usize, list: &[LongFile]) -> Option<Finding> {
    if let Some(long) = list.iter().find(|long| long.path == path) {
        return match lines {
            _ if lines > long.lines => Some(Finding::error(
                path,
                lines,
                format!("{lines} lines, and it was {} already too long", long.lines),
                "put what is new into another file",
            )),
            _ if lines <= LENGTH_MAX => Some(Finding::error(
                LIST,
                1,
                format!("{path} has {lines} lines and needs no exception"),
                "remove its line from LONG_FILES",
            )),
            _ if lines < long.lines => Some(Finding::error(
                LIST,
                1,
                format!("{path} shrank from {} to {lines} lines", long.lines),
                format!("say {lines} in LONG_FILES"),
            )),
            _ => None,
        };
    }
    let finding = Finding::error(
        path,
        lines,
        format!("{lines} lines without tests (split above {LENGTH_WARNING}, limit {LENGTH_MAX})"),
        "one concept per file: move a part to a file of its own",
    );
    if lines > LENGTH_MAX {
        Some(finding)
    } else if lines > LENGTH_WARNING {
        Some(finding.warning())
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::Level;

    const LISTED: &[LongFile] = &[LongFile {
        path: "long.rs",
        lines: 1500,
    }];

    #[track_caller]
    fn check(path: &str, lines: usize, expected: Option<(Level, &str)>) {
        let found = problem(path, lines, LISTED);
        let found = found
            .as_ref()
            .map(|finding| (finding.level, finding.file.as_str()));
        assert_eq!(found, expected);
    }

    #[test]
    fn long_files_warn_and_very_long_ones_fail() {
        check("a.rs", 600, None);
        check("a.rs", 601, Some((Level::Warning, "a.rs")));
        check("a.rs", 1000, Some((Level::Warning, "a.rs")));
        check("a.rs", 1001, Some((Level::Error, "a.rs")));
    }

    #[test]
    fn exceptions_may_only_shrink() {
        check("long.rs", 1500, None);
        check("long.rs", 1501, Some((Level::Error, "long.rs")));
        check("long.rs", 1400, Some((Level::Error, LIST)));
        check("long.rs", 900, Some((Level::Error, LIST)));
    }
}
