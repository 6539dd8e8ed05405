//! Recordings of the caller (`VoiceXML` 2.0 §2.3.6).

use std::sync::Arc;

use script::Argument;
use serde_json::{Value as Json, json};

use super::input::{Carried, Owner};
use super::listen::{Active, INTERDIGIT_MS};
use super::prompt::time_of;
use super::{Phase, Session};
use crate::effect::{Effect, RecordRequest, Recording};
use crate::grammar::Matcher;
use crate::model::{ItemKind, Record};
use crate::world::{Thrown, Try};

/// Longest recording where nothing else is said, ms.
const RECORD_MS: u64 = 60_000;
/// Longest recording, ms.
const RECORD_MAX_MS: u64 = 600_000;
/// Silence before a recording that has no sound, ms.
const SILENCE_MS: u64 = 5_000;

/// Which keys ended a recording.
#[derive(Clone, Copy, Debug)]
enum EndedBy {
    /// One that no grammar wants (`dtmfterm`).
    Key(char),
    /// Those of a grammar, by its position.
    Grammar(usize),
}

/// A recording that goes on.
#[derive(Debug)]
pub(super) struct Recorder {
    pub(super) id: u64,
    ends_by_key: bool,
    /// Grammars that end it.
    active: Vec<Active>,
    keys: String,
    interdigit_ms: u64,
    deadline: Option<i64>,
    ended: Option<EndedBy>,
}

impl Recorder {
    /// When the keys so far are all.
    pub(super) const fn deadline(&self) -> Option<i64> {
        self.deadline
    }

    fn complete(&self) -> Option<usize> {
        self.active
            .iter()
            .position(|active| active.matcher.state().complete)
    }

    fn wants(&self, key: char) -> bool {
        self.active.iter().any(|active| active.matcher.accepts(key))
    }

    /// The keys so far were nothing.
    fn forget_keys(&mut self) {
        self.keys.clear();
        self.deadline = None;
        for active in &mut self.active {
            active.matcher = Matcher::new(&Arc::clone(active.matcher.linked()));
        }
    }
}

impl Session {
    /// Whether a recording can be of the type that a page wants.
    pub(super) fn check_record(record: &Record) -> Try<()> {
        const KINDS: &[&str] = &[
            "audio/x-wav",
            "audio/wav",
            "audio/basic",
            "audio/x-alaw-basic",
            "audio/pcmu",
            "audio/pcma",
        ];
        let kind = record
            .kind
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase();
        if KINDS.contains(&kind.as_str()) {
            return Ok(());
        }
        let message = format!("recordings of type {kind} are not supported");
        Err(Box::new(Thrown::new("error.unsupported.format", message)))
    }

    /// The prompts are over: the caller speaks.
    pub(super) fn begin_record(&mut self, active: Vec<Active>) -> Try<()> {
        if self.check_hangup()? {
            return Ok(());
        }
        let dialog = self.dialog()?;
        let item = self.context().item.and_then(|at| dialog.items.get(at));
        let Some(ItemKind::Record(record)) = item.map(|item| &item.kind) else {
            return Err(Box::new(Thrown::semantic("there is no recording here")));
        };
        let time = |text: &Option<String>| text.as_deref().map(time_of).transpose();
        let max_time_ms = time(&record.max_time)?
            .unwrap_or(RECORD_MS)
            .min(RECORD_MAX_MS);
        let final_silence_ms = time(&record.final_silence)?;
        let timeout_ms = self.time_property("timeout", SILENCE_MS)?;
        let interdigit_ms = self.time_property("interdigittimeout", INTERDIGIT_MS)?;
        let id = self.id();
        self.effect(Effect::Record(RecordRequest {
            id,
            beep: record.beep,
            max_time_ms,
            final_silence_ms,
            timeout_ms,
            kind: record.kind.clone(),
        }));
        self.phase = Phase::Record(Box::new(Recorder {
            id,
            ends_by_key: record.ends_by_key,
            active,
            keys: String::new(),
            interdigit_ms,
            deadline: None,
            ended: None,
        }));
        Ok(())
    }

    pub(super) fn key_while_recording(&mut self, mut recorder: Box<Recorder>, key: char) {
        if recorder.ended.is_some() {
            self.phase = Phase::Record(recorder);
            return;
        }
        if !recorder.wants(key) {
            match recorder.complete() {
                Some(at) => return self.end_record(recorder, EndedBy::Grammar(at)),
                None if recorder.ends_by_key => {
                    return self.end_record(recorder, EndedBy::Key(key));
                }
                None => recorder.forget_keys(),
            }
        }
        if recorder.wants(key) {
            recorder.keys.push(key);
            for active in &mut recorder.active {
                active.matcher.press(key);
            }
            let mut states = recorder.active.iter().map(|active| active.matcher.state());
            let extendable = states.any(|state| state.extendable);
            if let Some(at) = recorder.complete().filter(|_| !extendable) {
                return self.end_record(recorder, EndedBy::Grammar(at));
            }
            recorder.deadline = Some(self.after(recorder.interdigit_ms));
        }
        self.phase = Phase::Record(recorder);
    }

    pub(super) fn time_of_record(&mut self, mut recorder: Box<Recorder>) {
        let now_ms = self.now_ms;
        if recorder.deadline.is_some_and(|deadline| deadline <= now_ms) {
            let last = recorder.keys.chars().last();
            match (recorder.complete(), last) {
                (Some(at), _) => return self.end_record(recorder, EndedBy::Grammar(at)),
                (None, Some(key)) if recorder.ends_by_key => {
                    return self.end_record(recorder, EndedBy::Key(key));
                }
                _ => recorder.forget_keys(),
            }
        }
        self.phase = Phase::Record(recorder);
    }

    fn end_record(&mut self, mut recorder: Box<Recorder>, by: EndedBy) {
        recorder.ended = Some(by);
        recorder.deadline = None;
        self.effect(Effect::StopRecord(recorder.id));
        self.phase = Phase::Record(recorder);
    }

    pub(super) fn recorded(&mut self, id: u64, recording: Recording) {
        let recorder = match std::mem::replace(&mut self.phase, Phase::Ended) {
            Phase::Record(recorder) if recorder.id == id => recorder,
            other => {
                self.phase = other;
                return;
            }
        };
        let done = self.keep_recording(&recorder, recording);
        self.caught(done);
    }

    fn keep_recording(&mut self, recorder: &Recorder, recording: Recording) -> Try<()> {
        let at = self.context().item.unwrap_or_default();
        let has_sound = !recording.handle.is_empty();
        let (keys, grammar) = match recorder.ended {
            None => (String::new(), None),
            Some(EndedBy::Key(key)) => (key.to_string(), None),
            Some(EndedBy::Grammar(at)) => (recorder.keys.clone(), recorder.active.get(at)),
        };
        if has_sound {
            let (duration, size) = (recording.duration_ms, recording.size);
            let maxtime = recording.at_max_time;
            let shadow = if recorder.ended.is_some() {
                let last = keys.chars().last().filter(|_| recorder.ends_by_key);
                json!({
                    "duration": duration, "size": size, "maxtime": maxtime,
                    "termchar": last.map(String::from), "utterance": keys, "inputmode": "dtmf",
                })
            } else {
                json!({"duration": duration, "size": size, "maxtime": maxtime})
            };
            self.fill(at, &Json::from(recording.handle.as_str()), Some(&shadow))?;
            self.recordings.insert(recording.handle);
        }
        if std::mem::take(&mut self.hangup_pending) {
            return Err(Box::new(Thrown::plain("connection.disconnect.hangup")));
        }
        match grammar {
            Some(active) => {
                self.interpret(&active.matcher, &keys)?;
                if !matches!(active.owner, Owner::Item) {
                    // A grammar from around the item: what it stands for goes on.
                    let owner = active.owner.clone();
                    return self.take_input(&Carried { owner, keys });
                }
                self.accept(&keys, None)?;
            }
            None if recorder.ended.is_some() => {
                let value = Json::from(keys.as_str());
                self.world
                    .apply(self.world.parts.value, &[Argument::Json(&value)])?;
                self.accept(&keys, None)?;
            }
            None => {}
        }
        if !has_sound {
            return Err(Box::new(Thrown::plain("noinput")));
        }
        self.context().just_filled = vec![at];
        self.fill_on(0)
    }
}
