//! The carrier's record of every call: lines as things happen, a summary at the end.

use std::collections::{BTreeMap, HashMap};
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
    /// How often each attempt key came in.
    attempts: HashMap<String, u32>,
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
            attempts: HashMap::new(),
        }
    }

    /// Writes down a new call; `attempt` is what identifies the dial attempt of the caller.
    ///
    /// # Errors
    /// Writing the line failed.
    pub(crate) fn incoming(&mut self, entry: Entry<'_>, attempt: &str) -> io::Result<()> {
        self.counts(entry.role).calls += 1;
        *self
            .behaviours
            .entry(entry.behaviour.to_owned())
            .or_default() += 1;
        *self.attempts.entry(attempt.to_owned()).or_default() += 1;
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
        let mut repeated: Vec<&str> = self
            .attempts
            .iter()
            .filter(|(_, times)| **times > 1)
            .map(|(attempt, _)| attempt.as_str())
            .collect();
        repeated.sort_unstable();
        json!({
            "kind": "summary",
            "roles": self.roles,
            "behaviours": self.behaviours,
            "attempts": self.attempts.len(),
            "dialed_twice": repeated,
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
    fn the_summary_counts_calls_and_finds_attempts_dialed_twice() {
        let mut journal = Journal::new(Box::new(io::sink()), Form::Json);
        for (call, attempt) in [("a", "1-x.1"), ("b", "1-x.2"), ("c", "1-x.1")] {
            journal
                .incoming(entry(call, "customer", "incoming"), attempt)
                .unwrap();
        }
        journal.note(entry("a", "customer", "answered")).unwrap();
        journal.note(entry("a", "customer", "heard_agent")).unwrap();
        journal.note(entry("a", "customer", "ended")).unwrap();
        let summary = journal.summary();
        assert_eq!(summary["dialed_twice"], json!(["1-x.1"]));
        assert_eq!(summary["attempts"], 2);
        assert_eq!(
            summary["roles"]["customer"],
            json!({"calls": 3, "answered": 1, "heard": 1, "ended": 1})
        );
    }
}
