//! The environment variables that tests obey, each read once.

use std::path::PathBuf;
use std::sync::OnceLock;

/// Where shared test material lies.
const TEST_DATA: &str = "RINGBACK_TEST_DATA";
/// File to which a skipped test appends a line.
const SKIPPED_LOG: &str = "RINGBACK_SKIPPED_LOG";

#[expect(
    clippy::disallowed_methods,
    reason = "tests have no configuration but these variables"
)]
fn path(name: &str) -> Option<PathBuf> {
    std::env::var(name)
        .ok()
        .filter(|text| !text.is_empty())
        .map(PathBuf::from)
}

pub(crate) fn test_data() -> Option<PathBuf> {
    static READ: OnceLock<Option<PathBuf>> = OnceLock::new();
    READ.get_or_init(|| path(TEST_DATA)).clone()
}

pub(crate) fn skipped_log() -> Option<PathBuf> {
    static READ: OnceLock<Option<PathBuf>> = OnceLock::new();
    READ.get_or_init(|| path(SKIPPED_LOG)).clone()
}
