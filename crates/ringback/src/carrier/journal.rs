//! The carrier's record of every call: lines as things happen, a summary at the end.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;
use serde_json::{Value, json};

/// How the lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// One JSON object a line.
    Json,
    /// One short sentence a line.
    Text,
}

/// What is known about a call when something happens on it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<'a> {
    /// Milliseconds since 1970.
    pub(crate) at_ms: u64,
    /// The call on our side.
    pub(crate) call: &'a str,
    /// Called number or extension.
    pub(crate) number: &'a str,
    /// Number of the caller; on an agent's phone that of the customer.
    pub(crate) calling: &'a str,
    /// `customer` or `agent`.
    pub(crate) role: &'a str,
    /// Name of the behaviour in effect.
    pub(crate) behaviour: &'a str,
    /// What happened.
    pub(crate) what: &'a str,
}

/// Counts of one role.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Counts {
    /// Calls that came in.
    pub(crate) calls: u64,
    /// Calls that were answered.
    pub(crate) answered: u64,
    /// Answered calls in which the other person was heard.
    pub(crate) heard: u64,
    /// Calls that are over.
    pub(crate) ended: u64,
}

/// The record of a run.
pub(crate) struct Journal {
    out: Box<dyn Write + Send>,
    form: Form,
    roles: BTreeMap<String, Counts>,
    behaviours: BTreeMap<String, u64>,
    /// How often each customer's number was called.
    numbers: BTreeMap<String, u32>,
    /// How often each dial attempt came in, where the driver tells its Call-ID.
    attempts: BTreeMap<String, u32>,
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journal")
            .field("roles", &self.roles)
            .finish_non_exhaustive()
    }
}

impl Journal {
    /// A record that writes its lines to `out`.
    pub(crate) fn new(out: Box<dyn Write + Send>, form: Form) -> Self {
        Self {
            out,
            form,
            roles: BTreeMap::new(),
            behaviours: BTreeMap::new(),
            numbers: BTreeMap::new(),
            attempts: BTreeMap::new(),
        }
    }

    /// Writes down a new call; `attempt` is the caller's Call-ID when it is known.
    ///
    /// # Errors
    /// Writing the line failed.
    pub(crate) fn incoming(&mut self, entry: Entry<'_>, attempt: Option<&str>) -> io::Result<()> {
        self.counts(entry.role).calls += 1;
        *self
            .behaviours
            .entry(entry.behaviour.to_owned())
            .or_default() += 1;
        if entry.role == "customer" {
            *self.numbers.entry(entry.number.to_owned()).or_default() += 1;
        }
        if let Some(attempt) = attempt {
            *self.attempts.entry(attempt.to_owned()).or_default() += 1;
        }
        self.line(entry)
    }

    /// Writes down that something happened on a call.
    ///
    /// # Errors
    /// Writing the line failed.
    pub(crate) fn note(&mut self, entry: Entry<'_>) -> io::Result<()> {
        let counts = self.counts(entry.role);
        match entry.what {
            "answered" => counts.answered += 1,
            "heard_agent" | "heard_customer" => counts.heard += 1,
            "ended" | "ended_by_caller" => counts.ended += 1,
            _ => {}
        }
        self.line(entry)
    }

    /// Writes down that an agent's phone registered or lost its registration.
    ///
    /// # Errors
    /// Writing the line failed.
    pub(crate) fn account(&mut self, extension: &str, registered: bool) -> io::Result<()> {
        match self.form {
            Form::Json => self.json(&json!({
                "kind": "account", "extension": extension, "registered": registered,
            })),
            Form::Text if registered => writeln!(self.out, "phone {extension} is registered"),
            Form::Text => writeln!(self.out, "phone {extension} is not registered"),
        }
    }

    /// Writes an object on a line of its own, whatever the form.
    ///
    /// # Errors
    /// Writing the line failed.
    pub(crate) fn json(&mut self, value: &Value) -> io::Result<()> {
        writeln!(self.out, "{value}")?;
        self.out.flush()
    }

    /// The summary as it is printed at the end.
    pub(crate) fn summary(&self) -> Value {
        let twice = (!self.attempts.is_empty()).then(|| repeated(&self.attempts));
        json!({
            "kind": "summary",
            "roles": self.roles,
            "behaviours": self.behaviours,
            "numbers": self.numbers.len(),
            "called_again": repeated(&self.numbers),
            "dialed_twice": twice,
        })
    }

    fn counts(&mut self, role: &str) -> &mut Counts {
        self.roles.entry(role.to_owned()).or_default()
    }

    fn line(&mut self, entry: Entry<'_>) -> io::Result<()> {
        let Entry {
            at_ms,
            call,
            number,
            calling,
            role,
            behaviour,
            what,
        } = entry;
        match self.form {
            Form::Json => self.json(&json!({
                "kind": "call", "at_ms": at_ms, "call": call, "number": number,
                "calling": calling, "role": role, "behaviour": behaviour, "what": what,
            })),
            Form::Text => writeln!(self.out, "{role} {number} ({behaviour}): {what}"),
        }
    }
}

/// Entries that occurred more than once, with their counts.
fn repeated(counts: &BTreeMap<String, u32>) -> BTreeMap<&str, u32> {
    let more = counts.iter().filter(|(_, times)| **times > 1);
    more.map(|(name, times)| (name.as_str(), *times)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry<'a>(call: &'a str, role: &'a str, what: &'a str) -> Entry<'a> {
        Entry {
            at_ms: 1,
            call,
            number: "1",
            calling: "2",
            role,
            behaviour: "human",
            what,
        }
    }

    #[test]
    fn the_summary_counts_calls_and_finds_repetitions() {
        let mut journal = Journal::new(Box::new(io::sink()), Form::Json);
        for attempt in ["x.1", "x.2", "x.1"] {
            let call = entry("a", "customer", "incoming");
            journal.incoming(call, Some(attempt)).unwrap();
        }
        journal.note(entry("a", "customer", "answered")).unwrap();
        journal.note(entry("a", "customer", "heard_agent")).unwrap();
        journal.note(entry("a", "customer", "ended")).unwrap();
        let summary = journal.summary();
        assert_eq!(summary["dialed_twice"], json!({"x.1": 2}));
        assert_eq!(summary["called_again"], json!({"1": 3}));
        assert_eq!(
            summary["roles"]["customer"],
            json!({"calls": 3, "answered": 1, "heard": 1, "ended": 1})
        );
    }
}
