//! Reporting (options §10).

use super::Kind::{Bool, Url};
use super::{Entry, Kind, Section};

const fn opt(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    meaning: &'static str,
) -> Entry {
    Entry::new(Section::Reporting, name, kind, default, meaning)
}

const NONE: &str = "no reporting events are sent";

pub(super) const ENTRIES: &[Entry] = &[
    opt(
        "rb.report_events",
        Bool,
        "true",
        "Raise reporting events at start and end of a session.",
    )
    .pending(NONE),
    opt(
        "rb.report_target",
        Url,
        "",
        "Where they go; empty = the internal store.",
    )
    .pending(NONE),
];
