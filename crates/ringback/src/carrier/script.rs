//! What the carrier does for which number, and how each agent's phone behaves.

use std::path::PathBuf;

use serde::Deserialize;
use serde_json::{Map, Value};

/// What happens when a number is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// Answers, says a few words, listens, talks with the agent.
    #[default]
    Human,
    /// 486 with Q.850 cause 17.
    Busy,
    /// Busy for the first calls, then a human.
    BusyThenHuman,
    /// 180 and nothing else.
    NoAnswer,
    /// 603 after ringing.
    Decline,
    /// A long greeting, a beep, then it listens.
    Machine,
    /// Answers with the tone of a fax machine.
    Fax,
    /// Busy tone in early media, then 486.
    EarlyBusy,
    /// Special information tone in early media, then a refusal.
    Sit,
    /// Lets one hear an audio file after the answer, or before it and then refuses with 480.
    Clip,
}

impl Kind {
    /// The name as it stands in scripts and in the journal.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Human => "human",
            Self::Busy => "busy",
            Self::BusyThenHuman => "busy_then_human",
            Self::NoAnswer => "no_answer",
            Self::Decline => "decline",
            Self::Machine => "machine",
            Self::Fax => "fax",
            Self::EarlyBusy => "early_busy",
            Self::Sit => "sit",
            Self::Clip => "clip",
        }
    }
}

/// The behaviour of one number or of a pattern of numbers.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Customer {
    /// A number, or a pattern with one `*` for any rest.
    pub(crate) number: String,
    /// What happens.
    pub(crate) behaviour: Kind,
    /// Time from the call to the answer or refusal, ms.
    pub(crate) ring_ms: u64,
    /// Time from the answer to the first word, ms.
    pub(crate) speak_after_ms: u64,
    /// Length of a human's first utterance, ms.
    pub(crate) speech_ms: u32,
    /// A human hangs up this long after hearing the agent, ms; 0 = waits for the other side.
    pub(crate) talk_ms: u64,
    /// A human hangs up when no agent was heard this long after the answer, ms.
    pub(crate) patience_ms: u64,
    /// Calls that find the line busy before a human answers (`busy_then_human`).
    pub(crate) busy_times: u32,
    /// Length of a machine's greeting, ms.
    pub(crate) greeting_ms: u32,
    /// Frequency of a machine's beep, Hz.
    pub(crate) beep_hz: u16,
    /// Length of early-media tones before the refusal, ms.
    pub(crate) tone_ms: u64,
    /// Path of the audio file (`clip`).
    pub(crate) file: PathBuf,
    /// The audio file is heard before the answer, which never comes (`clip`).
    pub(crate) early: bool,
    /// A human presses a key this often after the first words, ms; 0 = never.
    pub(crate) key_every_ms: u64,
    /// Final status instead of the usual one of the behaviour; 0 = the usual one.
    pub(crate) status: u16,
}

impl Default for Customer {
    fn default() -> Self {
        Self {
            number: String::from("*"),
            behaviour: Kind::Human,
            ring_ms: 1_000,
            speak_after_ms: 300,
            speech_ms: 900,
            talk_ms: 0,
            patience_ms: 60_000,
            busy_times: 1,
            greeting_ms: 5_000,
            beep_hz: 1_000,
            tone_ms: 4_000,
            file: PathBuf::new(),
            early: false,
            key_every_ms: 0,
            status: 0,
        }
    }
}

/// What an agent's phone does when it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Pickup {
    /// Answers.
    #[default]
    Answer,
    /// Rings for ever.
    Never,
    /// Refuses with 603.
    Decline,
}

impl Pickup {
    /// The name as it stands in scripts and in the journal.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::Never => "never",
            Self::Decline => "decline",
        }
    }
}

/// The behaviour of an agent's phone.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Agent {
    /// An extension, or a pattern with one `*` for any rest.
    pub(crate) extension: String,
    /// What happens.
    pub(crate) behaviour: Pickup,
    /// Time from the call to the answer or refusal, ms.
    pub(crate) answer_ms: u64,
    /// Hangs up this long after the answer, ms; 0 = waits for the other side.
    pub(crate) talk_ms: u64,
}

impl Default for Agent {
    fn default() -> Self {
        Self {
            extension: String::from("*"),
            behaviour: Pickup::Answer,
            answer_ms: 300,
            talk_ms: 3_000,
        }
    }
}

/// Behaviours in order; the first pattern that matches counts.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Script {
    /// Customers' numbers.
    pub(crate) numbers: Vec<Customer>,
    /// Agents' phones.
    pub(crate) agents: Vec<Agent>,
}

/// Why a script was not understood.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The JSON form does not parse or names something unknown.
    #[error("the script is not a table of behaviours")]
    Json(#[source] serde_json::Error),
    /// An entry of the short form has no `=`.
    #[error("'{0}' is not of the form PATTERN=BEHAVIOUR[,key=value ...]")]
    Entry(String),
    /// An entry of the short form names something unknown.
    #[error("'{0}' names an unknown behaviour, key or value")]
    Value(String, #[source] serde_json::Error),
}

impl Script {
    /// Reads a script: JSON, or the short form `+4930*=busy;+1202*=human,ring_ms=500;agent:7002=never`.
    ///
    /// # Errors
    /// [`Error`] names the entry that is wrong.
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        if text.trim_start().starts_with('{') {
            return serde_json::from_str(text).map_err(Error::Json);
        }
        let mut script = Self::default();
        let entries = text.split([';', '\n']).map(str::trim);
        for entry in entries.filter(|e| !e.is_empty() && !e.starts_with('#')) {
            let (pattern, rest) = entry
                .split_once('=')
                .ok_or_else(|| Error::Entry(entry.to_owned()))?;
            match pattern.trim().strip_prefix("agent:") {
                Some(extension) => script
                    .agents
                    .push(short(entry, "extension", extension, rest)?),
                None => script
                    .numbers
                    .push(short(entry, "number", pattern.trim(), rest)?),
            }
        }
        Ok(script)
    }

    /// The behaviour of a number; a human when nothing is said about it.
    pub(crate) fn customer(&self, number: &str) -> Customer {
        let rule = self.numbers.iter().find(|c| matches(&c.number, number));
        rule.cloned().unwrap_or_default()
    }

    /// The behaviour of an agent's phone.
    pub(crate) fn agent(&self, extension: &str) -> Agent {
        let rule = self
            .agents
            .iter()
            .find(|a| matches(&a.extension, extension));
        rule.cloned().unwrap_or_default()
    }
}

/// One entry of the short form as the struct that the JSON form would give.
fn short<T: for<'de> Deserialize<'de>>(
    entry: &str,
    key: &str,
    pattern: &str,
    rest: &str,
) -> Result<T, Error> {
    let mut parts = rest.split(',').map(str::trim);
    let mut map = Map::new();
    map.insert(key.to_owned(), Value::from(pattern));
    map.insert(
        "behaviour".to_owned(),
        Value::from(parts.next().unwrap_or_default()),
    );
    for part in parts {
        let (name, value) = part
            .split_once('=')
            .ok_or_else(|| Error::Entry(entry.to_owned()))?;
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
        map.insert(name.to_owned(), value);
    }
    serde_json::from_value(Value::Object(map)).map_err(|e| Error::Value(entry.to_owned(), e))
}

/// A pattern is the text itself or has one `*` that stands for any text.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((head, tail)) => text
            .strip_prefix(head)
            .is_some_and(|rest| rest.ends_with(tail)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_short_form_and_the_json_form_say_the_same() {
        let short = Script::parse("+1202*=human,ring_ms=500; 4711=busy\nagent:7002=never").unwrap();
        let json = Script::parse(
            r#"{"numbers":[{"number":"+1202*","behaviour":"human","ring_ms":500},
                {"number":"4711","behaviour":"busy"}],
                "agents":[{"extension":"7002","behaviour":"never"}]}"#,
        );
        assert_eq!(short, json.unwrap());
    }

    #[test]
    fn the_first_pattern_that_matches_counts() {
        let script = Script::parse("+12025550101=fax;+1202*=machine;*99=decline").unwrap();
        let kind = |number| script.customer(number).behaviour;
        assert_eq!(kind("+12025550101"), Kind::Fax);
        assert_eq!(kind("+12025550102"), Kind::Machine);
        assert_eq!(kind("4999"), Kind::Decline);
        assert_eq!(kind("4998"), Kind::Human);
        assert_eq!(script.agent("7001").behaviour, Pickup::Answer);
    }

    #[test]
    fn unknown_words_are_refused() {
        for text in [
            "4711",
            "4711=asleep",
            "4711=busy,colour=red",
            "4711=busy,x",
            "{\"numbers\":3}",
        ] {
            assert!(Script::parse(text).is_err(), "{text}");
        }
    }
}
