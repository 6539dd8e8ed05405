//! The stages of the gate, in order, each with the time after which it is taken for hung.

use std::time::Duration;

/// A part of the gate.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stage {
    /// Name for `--stage` and the tables.
    pub(super) name: &'static str,
    /// What it finds out.
    pub(super) purpose: &'static str,
    /// It is ended after this time.
    pub(super) limit: Duration,
    /// Part of `--quick`.
    pub(super) quick: bool,
}

/// All stages. Clippy and rustdoc share checked dependencies, both kinds of tests share built ones.
pub(super) const STAGES: &[Stage] = &[
    Stage {
        name: "setup",
        purpose: "programs that tests use",
        limit: Duration::from_mins(10),
        quick: false,
    },
    Stage {
        name: "fmt",
        purpose: "format",
        limit: Duration::from_mins(1),
        quick: true,
    },
    Stage {
        name: "tidy",
        purpose: "house rules: packages, licences, files, documents",
        limit: Duration::from_mins(3),
        quick: true,
    },
    Stage {
        name: "clippy",
        purpose: "lints, warnings denied",
        limit: Duration::from_mins(12),
        quick: true,
    },
    Stage {
        name: "rustdoc",
        purpose: "documentation, warnings denied",
        limit: Duration::from_mins(6),
        quick: false,
    },
    Stage {
        name: "tests",
        purpose: "unit, contract and end-to-end tests",
        limit: Duration::from_mins(20),
        quick: true,
    },
    Stage {
        name: "doctests",
        purpose: "examples in the documentation",
        limit: Duration::from_mins(5),
        quick: false,
    },
];
