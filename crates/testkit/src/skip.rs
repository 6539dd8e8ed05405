//! Skipping a test aloud.

use std::fs::OpenOptions;
use std::io::Write;

use crate::environment;

/// Ends the running test when something it needs is missing, and says so.
///
/// Each argument is a `Result<_, String>` whose error is the reason.
#[macro_export]
macro_rules! require {
    ($($need:expr),+ $(,)?) => {
        $(if let Err(reason) = $need {
            fn here() {}
            $crate::skipped(std::any::type_name_of_val(&here), &reason);
            return;
        })+
    };
}

/// Records that a test was skipped: one line `<test>: <reason>` on standard error and, when
/// `RINGBACK_SKIPPED_LOG` names a file, in it. `place` is the path of an item inside the test.
#[expect(clippy::print_stderr, reason = "a skipped test is said aloud")]
pub fn skipped(place: &str, reason: &str) {
    let line = format!("{}: {reason}", test_name(place));
    eprintln!("skipped {line}");
    if let Some(path) = environment::skipped_log() {
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let written = file.and_then(|mut file| writeln!(file, "{line}"));
        if let Err(error) = written {
            panic!("cannot write {}: {error}", path.display());
        }
    }
}

/// `it::walk::busy::{{closure}}::here` is the test `walk::busy`.
fn test_name(place: &str) -> String {
    let parts: Vec<&str> = place
        .split("::")
        .filter(|part| *part != "here" && !part.starts_with('{'))
        .collect();
    parts.iter().skip(1).copied().collect::<Vec<_>>().join("::")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_inside_a_test_gives_its_name() {
        assert_eq!(test_name("it::walk::busy::{{closure}}::here"), "walk::busy");
        assert_eq!(test_name("it::walk::busy::here"), "walk::busy");
    }
}
