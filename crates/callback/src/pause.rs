//! Which services are paused, and when that changes (callback-api §10.2, options §11).
//!
//! The pause list is a Transaction List with one section per service id: `paused = true` holds the
//! service until the list says otherwise, `from` and `to` hold it between two times.

use std::collections::BTreeMap;

use crate::Timestamp;
use crate::options::parse_bool;
use crate::transaction_list::TransactionList;

/// Keys of a section of the pause list.
pub const KEYS: &[&str] = &["paused", "from", "to"];

/// What the pause list says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pauses {
    by_id: BTreeMap<String, Window>,
}

/// From when to when a service is paused; an open end is `None`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Window {
    from: Option<Timestamp>,
    to: Option<Timestamp>,
}

impl Window {
    fn holds_at(self, now: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= now) && self.to.is_none_or(|to| now < to)
    }
}

impl Pauses {
    /// Reads the pause list; without one nothing is paused.
    #[must_use]
    pub fn of(list: Option<&TransactionList>) -> Self {
        let sections = list.map_or(&[][..], |list| &list.sections);
        let window = |section: &crate::transaction_list::ListSection| {
            let time = |key: &str| section.get(key).and_then(Timestamp::parse_iso);
            let (from, to) = (time("from"), time("to"));
            let paused = match section.get("paused").and_then(parse_bool) {
                Some(paused) => paused,
                None => from.is_some() || to.is_some(),
            };
            paused.then(|| (section.name.clone(), Window { from, to }))
        };
        Self {
            by_id: sections.iter().filter_map(window).collect(),
        }
    }

    /// Whether the service with this id is paused.
    #[must_use]
    pub fn holds(&self, id: &str, now: Timestamp) -> bool {
        self.by_id
            .get(id)
            .is_some_and(|window| window.holds_at(now))
    }

    /// When a service begins or ceases to be paused next.
    #[must_use]
    pub fn next_change(&self, now: Timestamp) -> Option<Timestamp> {
        let times = self
            .by_id
            .values()
            .flat_map(|window| [window.from, window.to]);
        times.flatten().filter(|at| *at > now).min()
    }
}

/// Checks a value of a section of the pause list.
///
/// # Errors
/// What may be written.
pub fn check(key: &str, value: &str) -> Result<(), &'static str> {
    let is_good = match key {
        "paused" => parse_bool(value).is_some(),
        "from" | "to" => Timestamp::parse_iso(value).is_some(),
        _ => true,
    };
    match key {
        _ if is_good => Ok(()),
        "paused" => Err("true or false"),
        _ => Err("a time such as 2026-10-05T13:00:00Z"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transaction_list::import;

    fn pauses(text: &str) -> Pauses {
        let import = import("Ringback_Paused", text, true);
        assert_eq!(import.errors, []);
        Pauses::of(Some(&import.list))
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_iso(text).unwrap()
    }

    #[test]
    fn a_service_is_paused_by_a_word_or_between_times() {
        let pauses = pauses(
            "[billing]\npaused = true\n[loans]\nfrom = 2026-10-05T13:00:00Z\n\
             to = 2026-10-05T14:00:00Z\n[open]\npaused = false\nfrom = 2020-01-01T00:00:00Z\n\
             [until]\nto = 2026-10-05T13:30:00Z\n[empty]\n",
        );
        let held = |time: &str| {
            ["billing", "loans", "open", "until", "empty", "other"]
                .map(|id| pauses.holds(id, at(time)))
        };
        assert_eq!(
            held("2026-10-05T12:59:59Z"),
            [true, false, false, true, false, false]
        );
        assert_eq!(
            held("2026-10-05T13:00:00Z"),
            [true, true, false, true, false, false]
        );
        assert_eq!(
            held("2026-10-05T13:59:59Z"),
            [true, true, false, false, false, false]
        );
        assert_eq!(
            held("2026-10-05T14:00:00Z"),
            [true, false, false, false, false, false]
        );
        assert_eq!(
            pauses.next_change(at("2026-10-05T13:00:00Z")),
            Some(at("2026-10-05T13:30:00Z"))
        );
        assert_eq!(pauses.next_change(at("2026-10-05T14:00:00Z")), None);
        assert_eq!(Pauses::of(None), Pauses::default());
    }

    #[test]
    fn values_of_the_pause_list_are_checked_by_line() {
        let import = import(
            "L",
            "[billing]\npaused = maybe\n[loans]\nfrom = soon\n",
            true,
        );
        let errors: Vec<_> = import
            .errors
            .iter()
            .map(|e| (e.line, e.option.as_str()))
            .collect();
        assert_eq!(errors, [(2, "paused"), (4, "from")]);
        assert_eq!(import.warnings, []);
    }
}
