//! The option catalogue: every option of a service, its type, default, bounds and honest status.
//!
//! One entry per option, in one file per section; validation, defaults, `ringback options` and
//! the warnings about what is not built yet all follow from it.

use std::collections::HashMap;
use std::sync::OnceLock;

mod application;
mod builtin;
mod general;
mod generic;
mod kind;
mod notification;
mod own;
mod queue_management;
mod reporting;
mod scheduled_call;
mod servers;
mod table;
mod tested;
mod treatments;
mod urs_queueing;
mod user_terminated;

pub use kind::{Kind, parse_bool};
pub use table::{Row, Table, ValueRow, table};

/// Where an option stands in the original's documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Section {
    /// What runs and who may call it.
    Generic,
    /// General.
    General,
    /// URS Queueing.
    UrsQueueing,
    /// Scheduled Call.
    ScheduledCall,
    /// Queue Management.
    QueueManagement,
    /// Notification (device push).
    Notification,
    /// Voice – User Terminated.
    UserTerminated,
    /// Voice Treatment.
    VoiceTreatment,
    /// No Category.
    NoCategory,
    /// Reporting.
    Reporting,
    /// Application section `[callback]`.
    Application,
    /// Application sections `[lab]` and `[features]`.
    Lab,
    /// Application section `[push]`.
    Push,
    /// Application section `[gms]`.
    Gms,
    /// Application section `[server]`.
    Server,
    /// Builtin services.
    Builtin,
    /// Ringback's own options.
    Own,
}

impl Section {
    /// The title people know.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Generic => "Generic",
            Self::General => "General",
            Self::UrsQueueing => "URS Queueing",
            Self::ScheduledCall => "Scheduled Call",
            Self::QueueManagement => "Queue Management",
            Self::Notification => "Notification",
            Self::UserTerminated => "Voice - User Terminated",
            Self::VoiceTreatment => "Voice Treatment",
            Self::NoCategory => "No Category",
            Self::Reporting => "Reporting",
            Self::Application => "callback",
            Self::Lab => "lab",
            Self::Push => "push",
            Self::Gms => "gms",
            Self::Server => "server",
            Self::Builtin => "Builtin services",
            Self::Own => "Ringback",
        }
    }

    /// Its options belong to a service, not to the application.
    #[must_use]
    pub const fn is_of_service(self) -> bool {
        !matches!(
            self,
            Self::Application | Self::Lab | Self::Push | Self::Gms | Self::Server
        )
    }
}

/// How far an option or one of its values is built (options §1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Changes behaviour.
    Effective,
    /// Known, has no meaning here; the reason.
    Accepted(&'static str),
    /// To come; what happens instead today.
    Pending(&'static str),
    /// Cannot be set; the reason.
    Refused(&'static str),
}

impl Status {
    /// The word of `ringback options --status`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Effective => "effective",
            Self::Accepted(_) => "accepted",
            Self::Pending(_) => "pending",
            Self::Refused(_) => "refused",
        }
    }

    /// The reason, or what happens instead; empty for effective ones.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Effective => "",
            Self::Accepted(text) | Self::Pending(text) | Self::Refused(text) => text,
        }
    }
}

/// One option.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The name that everything uses after reading.
    pub name: &'static str,
    /// Other spellings that are read as this option.
    pub aliases: &'static [&'static str],
    /// Where it belongs.
    pub section: Section,
    /// What its values look like.
    pub kind: Kind,
    /// Unit of the number, e.g. `s`.
    pub unit: Option<&'static str>,
    /// The value that an unset option has; may be empty.
    pub default: &'static str,
    /// It has to be set (a default fills it in).
    pub mandatory: bool,
    /// Shown among the advanced ones.
    pub advanced: bool,
    /// What it does.
    pub meaning: &'static str,
    /// A service may hold it although it belongs to an application section.
    pub of_service_too: bool,
    /// How far it is built.
    pub status: Status,
    /// Values whose status differs from the option's.
    pub values: &'static [(&'static str, Status)],
    /// The option that has to be on for this one to matter.
    pub needs: Option<&'static str>,
}

/// Sections in the order of options §2–§17.
const SECTIONS: &[&[Entry]] = &[
    generic::ENTRIES,
    general::ENTRIES,
    urs_queueing::ENTRIES,
    scheduled_call::ENTRIES,
    queue_management::ENTRIES,
    notification::ENTRIES,
    user_terminated::ENTRIES,
    treatments::ENTRIES,
    reporting::ENTRIES,
    application::ENTRIES,
    servers::ENTRIES,
    builtin::ENTRIES,
    own::ENTRIES,
];

/// Every option, section by section.
pub fn all() -> impl Iterator<Item = &'static Entry> {
    SECTIONS.iter().copied().flatten()
}

/// Finds the option of a service by name or alias. Numbered names (`_bh_regular3`) find their
/// entry `_bh_regular<n>`; options of `[callback]` are found too, for a service may hold them.
#[must_use]
pub fn find(name: &str) -> Option<&'static Entry> {
    let index = index();
    index.get(name).copied().or_else(|| {
        let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
        if stem.len() == name.len() {
            return None;
        }
        index.get(format!("{stem}<n>").as_str()).copied()
    })
}

/// Finds an option of an application section such as `[callback]` by name or alias.
#[must_use]
pub fn find_in(section: Section, name: &str) -> Option<&'static Entry> {
    all().find(|e| e.section == section && (e.name == name || e.aliases.contains(&name)))
}

/// The default of a service's option; empty for unknown names.
#[must_use]
pub fn default_of(name: &str) -> &'static str {
    find(name).map_or("", |entry| entry.default)
}

/// The values that are not built yet, as `name=value`, with what happens instead.
pub fn pending_values() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    all().flat_map(|entry| {
        entry
            .values
            .iter()
            .filter_map(|(value, status)| match status {
                Status::Pending(instead) => Some((entry.name, *value, *instead)),
                _ => None,
            })
    })
}

impl Entry {
    const fn new(
        section: Section,
        name: &'static str,
        kind: Kind,
        default: &'static str,
        meaning: &'static str,
    ) -> Self {
        Self {
            name,
            aliases: &[],
            section,
            kind,
            unit: None,
            default,
            mandatory: false,
            advanced: false,
            meaning,
            of_service_too: false,
            status: Status::Effective,
            values: &[],
            needs: None,
        }
    }

    const fn aliases(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }

    const fn unit(mut self, unit: &'static str) -> Self {
        self.unit = Some(unit);
        self
    }

    const fn mandatory(mut self) -> Self {
        self.mandatory = true;
        self
    }

    const fn advanced(mut self) -> Self {
        self.advanced = true;
        self
    }

    const fn of_service_too(mut self) -> Self {
        self.of_service_too = true;
        self
    }

    const fn accepted(mut self, reason: &'static str) -> Self {
        self.status = Status::Accepted(reason);
        self
    }

    const fn pending(mut self, instead: &'static str) -> Self {
        self.status = Status::Pending(instead);
        self
    }

    const fn refused(mut self, reason: &'static str) -> Self {
        self.status = Status::Refused(reason);
        self
    }

    const fn values(mut self, values: &'static [(&'static str, Status)]) -> Self {
        self.values = values;
        self
    }

    const fn needs(mut self, name: &'static str) -> Self {
        self.needs = Some(name);
        self
    }

    /// The test that shows what the option does; effective ones have one.
    #[must_use]
    pub fn test(&self) -> Option<&'static str> {
        match self.status {
            Status::Effective => tested::test_of(self.name),
            Status::Accepted(_) | Status::Pending(_) | Status::Refused(_) => None,
        }
    }

    /// Status of the option when it is set to `value`.
    #[must_use]
    pub fn status_of(&self, value: &str) -> Status {
        let value = value.trim();
        if !matches!(self.status, Status::Effective) && !self.is_off(value) {
            return self.status;
        }
        let same = |known: &str| match (self.kind, parse_bool(known)) {
            (Kind::Bool, Some(known)) => parse_bool(value) == Some(known),
            _ => known.eq_ignore_ascii_case(value),
        };
        self.values
            .iter()
            .find(|(v, _)| same(v))
            .map_or(Status::Effective, |(_, status)| *status)
    }

    /// A value that asks for nothing: empty, `false`, or 0 where that switches off. Accepted and
    /// refused options ask for something whatever their value.
    fn is_off(&self, value: &str) -> bool {
        if !matches!(self.status, Status::Pending(_)) {
            return false;
        }
        value.is_empty()
            || match self.kind {
                Kind::Bool => parse_bool(value) == Some(false),
                Kind::Enum(_) => value.eq_ignore_ascii_case("false"),
                Kind::Int { .. } => value == "0",
                _ => false,
            }
    }
}

fn index() -> &'static HashMap<&'static str, &'static Entry> {
    static INDEX: OnceLock<HashMap<&'static str, &'static Entry>> = OnceLock::new();
    INDEX.get_or_init(|| {
        let mut index = HashMap::new();
        let of_service = all().filter(|e| e.section.is_of_service());
        let of_application =
            all().filter(|e| e.section == Section::Application || e.of_service_too);
        for entry in of_service.chain(of_application) {
            for name in std::iter::once(&entry.name).chain(entry.aliases) {
                index.entry(*name).or_insert(entry);
            }
        }
        index
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_and_aliases_are_unique_and_found() {
        let mut seen = HashSet::new();
        for entry in all() {
            let scope = if entry.section.is_of_service() {
                "service"
            } else {
                entry.section.title()
            };
            for name in std::iter::once(&entry.name).chain(entry.aliases) {
                assert!(seen.insert((scope, *name)), "{scope} {name} twice");
            }
        }
        for (alias, name) in [
            (
                "_plugin_on_dial_invoke_on_called_failed",
                "_plugin_on_dial_invoke_on_call_failed",
            ),
            (
                "_on_customer_connect treatment_url",
                "_on_customer_connect_treatment_url",
            ),
            ("_urs_ewt_vq", "_urs_ewt_virtual_queue"),
            (
                "_throttle_customer_number_limit",
                "_throttle_request_parameters_limit",
            ),
            ("_bh_regular12", "_bh_regular<n>"),
            ("_fetch_retry_delay", "_fetch_retry_delay"),
        ] {
            assert_eq!(find(alias).map(|e| e.name), Some(name), "{alias}");
        }
        assert!(find("_nonsense").is_none());
        assert!(find("_ttl1").is_none());
        assert!(find_in(Section::Push, "pushEnabled").is_some());
    }

    #[test]
    fn defaults_fit_their_own_kind() {
        for entry in all() {
            if !entry.default.is_empty() {
                assert_eq!(entry.kind.check(entry.default), Ok(()), "{}", entry.name);
            }
            for (value, _) in entry.values {
                assert_eq!(entry.kind.check(value), Ok(()), "{}={value}", entry.name);
            }
            assert!(entry.meaning.ends_with(['.', ')']), "{}", entry.name);
        }
    }

    #[test]
    fn options_that_steer_others_exist() {
        for entry in all() {
            if let Some(needs) = entry.needs {
                assert!(find(needs).is_some(), "{} needs {needs}", entry.name);
            }
        }
    }

    #[test]
    fn a_pending_option_that_is_switched_off_asks_for_nothing() {
        let status = |name: &str, value: &str| find(name).unwrap().status_of(value).word();
        assert_eq!(status("_agent_preview", "false"), "effective");
        assert_eq!(status("_agent_preview", "yes"), "pending");
        assert_eq!(status("_max_request_by_time_bucket", "7"), "pending");
        assert_eq!(status("_max_request_by_time_bucket", "0"), "effective");
        assert_eq!(status("_call_direction", "userterminated"), "effective");
        assert_eq!(status("_call_direction", "USERORIGINATED"), "pending");
        assert_eq!(status("_media_type", "chat"), "refused");
        assert_eq!(status("_delay_connid_attempt_loop", "100"), "accepted");
        assert_eq!(status("_wait_for_user_confirm", "1"), "effective");
        assert_eq!(
            status("_userterminated_first_connect_party", "AGENT"),
            "effective"
        );
    }

    #[test]
    fn values_that_are_not_built_are_listed() {
        let listed: Vec<_> = pending_values()
            .map(|(n, v, _)| format!("{n}={v}"))
            .collect();
        for value in ["_call_direction=USERORIGINATED", "_type=builtin"] {
            assert!(listed.iter().any(|l| l == value), "{value}");
        }
    }
}
