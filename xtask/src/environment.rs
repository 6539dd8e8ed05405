//! The environment variables this tool looks at, each read here and nowhere else.
#![expect(
    clippy::disallowed_methods,
    reason = "a tool outside the product has no configuration file to read"
)]

use std::env;
use std::path::{Path, PathBuf};

/// Where the shared test material lies, when the caller says so.
pub(crate) const TEST_DATA: &str = "RINGBACK_TEST_DATA";

/// File to which tests append one line for each test they skip, with the reason.
pub(crate) const SKIPPED_LOG: &str = "RINGBACK_SKIPPED_LOG";

/// The cargo that started us, else the one in the search path.
pub(crate) fn cargo() -> String {
    env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned())
}

/// Whether a pipeline runs us (`CI` set to something).
pub(crate) fn in_pipeline() -> bool {
    env::var_os("CI").is_some_and(|value| !value.is_empty())
}

/// The directory of the shared test material; `None` when unset or empty.
pub(crate) fn test_data() -> Option<PathBuf> {
    env::var_os(TEST_DATA)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
}

/// Names of the variables that `cargo run` sets for us and that must not reach a cargo we start:
/// build scripts that watch them would run again and again.
pub(crate) fn set_by_cargo_run() -> Vec<String> {
    env::vars_os()
        .filter_map(|(name, _)| name.into_string().ok())
        .filter(|name| {
            name.starts_with("CARGO_PKG_")
                || name.starts_with("CARGO_MANIFEST_")
                || matches!(name.as_str(), "CARGO_BIN_NAME" | "CARGO_CRATE_NAME")
        })
        .collect()
}

/// Whether a program of this name is in the search path.
pub(crate) fn has_program(name: &str) -> bool {
    env::var_os("PATH").is_some_and(|path| {
        env::split_paths(&path).any(|directory| Path::new(&directory).join(name).is_file())
    })
}
