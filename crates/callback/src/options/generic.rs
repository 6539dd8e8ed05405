//! Generic options: what runs and who may call it (options §2).

use super::Kind::{Enum, Text};
use super::Status::Pending;
use super::{Entry, Kind, Section};

const fn opt(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    meaning: &'static str,
) -> Entry {
    Entry::new(Section::Generic, name, kind, default, meaning)
}

pub(super) const ENTRIES: &[Entry] = &[
    opt(
        "_type",
        Enum(&["builtin", "ors"]),
        "",
        "Kind of the service: builtin runs inside the server, ors is a callback or an SCXML document.",
    )
    .mandatory()
    .values(&[("builtin", Pending("builtin services do not run yet; requests to this one fail"))]),
    opt("_service", Text, "", "What runs: callback is the built-in callback flow.").mandatory(),
    opt("_service_type", Text, "", "callback: the document at _service runs callbacks."),
    opt("username", Text, "", "User name of this service's own credentials."),
    opt("password", Text, "", "Password of this service's own credentials."),
];
