//! A call without a phone: prepared answers, virtual time, no line.

use std::collections::VecDeque;

use serde_json::{Value as Json, json};

use crate::effect::{
    Answer, Effect, Ending, FetchError, FetchRequest, Input, LogLine, Mark, Message, Play,
    RecordRequest, Recording, Segment, Spoken, Trace, TransferOutcome, TransferRequest, Waiting,
};
use crate::model::TransferKind;
use crate::session::Session;

/// Waits that stay unanswered before the time limit is over.
const UNANSWERED_MAX: u32 = 20;
/// Between two keys, ms.
const KEY_MS: i64 = 100;
/// Length of a recording, ms.
const RECORDING_MS: u64 = 3_000;

/// What a rehearsal tells.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Something happened.
    Line(Line),
    /// Something has to be fetched; the answer goes to [`Rehearsal::answer`].
    Fetch(Box<FetchRequest>),
    /// The end.
    Ended(Box<Ending>),
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Line {
    /// A prompt was played.
    Prompt {
        /// Words, names of audio files, silence.
        text: String,
        /// A key stops it.
        barge_in: bool,
    },
    /// Keys became an input.
    Input {
        /// The keys.
        keys: String,
        /// Whether a grammar took them.
        matched: bool,
    },
    /// An event was thrown.
    Event {
        /// Its name.
        name: String,
        /// Its message.
        message: String,
    },
    /// A jump to a page or dialog.
    Goto(String),
    /// A line of the log, or of what the line was asked to do.
    Log(LogLine),
}

impl Line {
    /// The line as `ringback vxml run --json` prints it.
    pub fn to_json(&self) -> Json {
        match self {
            Self::Prompt { text, barge_in } => {
                json!({"kind": "prompt", "text": text, "bargein": barge_in})
            }
            Self::Input { keys, matched } => {
                json!({"kind": "input", "keys": keys, "matched": matched})
            }
            Self::Event { name, message } => {
                json!({"kind": "event", "event": name, "message": message})
            }
            Self::Goto(url) => json!({"kind": "goto", "url": url}),
            Self::Log(line) => {
                json!({"kind": "log", "label": line.label, "level": line.level, "text": line.text})
            }
        }
    }
}

/// A session with prepared answers: each answers one wait.
///
/// For an input an answer is keys, `hangup`, or nothing for no input. A recording ends by keys,
/// `hangup` or nothing for no sound. A transfer ends with the answer's text, e.g. `busy`, with
/// `error:noroute`, or with nothing as it usually does. A message is JSON. Waits beyond the last
/// answer get no input, and after twenty of them the time limit is over.
pub struct Rehearsal {
    session: Session,
    answers: VecDeque<String>,
    unanswered: u32,
    now_ms: i64,
    playing: Option<Play>,
    recording: Option<RecordRequest>,
    stops_recording: bool,
    transfer: Option<TransferRequest>,
    recordings: u32,
    has_audio: Box<dyn Fn(&str) -> bool + Send>,
    lines: VecDeque<Step>,
    can_speak: bool,
}

impl std::fmt::Debug for Rehearsal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rehearsal")
            .field("session", &self.session)
            .field("now_ms", &self.now_ms)
            .finish_non_exhaustive()
    }
}

impl Rehearsal {
    /// Begins with a page; `has_audio` says whether an audio address can be had.
    pub fn new(
        mut session: Session,
        url: &str,
        answers: Vec<String>,
        has_audio: Box<dyn Fn(&str) -> bool + Send>,
    ) -> Self {
        let can_speak = session.can_speak();
        session.start(url, 0);
        Self {
            session,
            answers: answers.into(),
            unanswered: 0,
            now_ms: 0,
            playing: None,
            recording: None,
            stops_recording: false,
            transfer: None,
            recordings: 0,
            has_audio,
            lines: VecDeque::new(),
            can_speak,
        }
    }

    /// The session itself.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Virtual time, ms.
    pub fn now_ms(&self) -> i64 {
        self.now_ms
    }

    /// Answers a [`Step::Fetch`].
    pub fn answer(&mut self, id: u64, answer: Result<Answer, FetchError>) {
        self.session
            .handle(Input::Fetched { id, answer }, self.now_ms);
    }

    /// Goes on to the next thing that is worth telling; none when a fetch waits for its answer or
    /// the end was told.
    pub fn poll(&mut self) -> Option<Step> {
        loop {
            if let Some(step) = self.lines.pop_front() {
                return Some(step);
            }
            while let Some(effect) = self.session.poll_effect() {
                self.effect(effect);
            }
            if !self.lines.is_empty() {
                continue;
            }
            match self.session.waiting() {
                Waiting::Nothing | Waiting::Fetch => return None,
                Waiting::Play => self.played(),
                Waiting::Input => self.input(),
                Waiting::Record => self.record(),
                Waiting::Transfer => self.pass_on(),
                Waiting::Message => self.message(),
            }
        }
    }

    fn tell(&mut self, line: Line) {
        self.lines.push_back(Step::Line(line));
    }

    fn note(&mut self, label: &str, text: String) {
        self.tell(Line::Log(LogLine {
            label: Some(label.to_owned()),
            level: None,
            text,
        }));
    }

    fn effect(&mut self, effect: Effect) {
        match effect {
            Effect::Fetch(request) => self.lines.push_back(Step::Fetch(request)),
            Effect::Play(play) => {
                for prompt in &play.prompts {
                    let text = self.text(&prompt.segments);
                    let barge_in = play.barge_in;
                    self.lines
                        .push_back(Step::Line(Line::Prompt { text, barge_in }));
                }
                let (id, marks) = (play.id, marks(&play).0);
                self.playing = Some(play);
                self.session.handle(Input::Begun { id, marks }, self.now_ms);
            }
            Effect::StopPlay(_) => self.playing = None,
            Effect::Record(request) => {
                self.note("record", format!("up to {} ms", request.max_time_ms));
                self.recording = Some(request);
            }
            Effect::StopRecord(_) => self.stops_recording = true,
            Effect::Transfer(request) => {
                self.note("transfer", request.destination.clone());
                self.transfer = Some(*request);
            }
            Effect::StopTransfer(_) => {}
            Effect::Send(message) => {
                let event = message.event.unwrap_or_default();
                self.note(
                    "send",
                    format!("{event} {}", message.data).trim().to_owned(),
                );
            }
            Effect::Log(line) => self.tell(Line::Log(line)),
            Effect::Trace(Trace::Goto(url)) => self.tell(Line::Goto(url)),
            Effect::Trace(Trace::Event { name, message }) => {
                self.tell(Line::Event { name, message });
            }
            Effect::Trace(Trace::Input { keys, matched }) => {
                self.tell(Line::Input { keys, matched });
            }
            Effect::Trace(Trace::Warning(text)) => self.note("warning", text),
            Effect::Ended(ending) => self.lines.push_back(Step::Ended(ending)),
        }
    }

    fn text(&self, segments: &[Segment]) -> String {
        let parts: Vec<String> = segments
            .iter()
            .map(|segment| match segment {
                Segment::Speech { text, .. } => text.clone(),
                Segment::Audio { url, fallback, .. } => {
                    if (self.has_audio)(url) {
                        format!("[{url}]")
                    } else {
                        self.text(fallback)
                    }
                }
                Segment::Recording(handle) => format!("[{handle}]"),
                Segment::Break(ms) => format!("[silence {ms} ms]"),
                Segment::Mark(name) => format!("[mark {name}]"),
            })
            .filter(|part| !part.is_empty())
            .collect();
        parts.join(" ")
    }

    /// Whether a prompt would need words that nobody can speak.
    fn is_unplayable(&self, prompt: &Spoken) -> bool {
        let missing = |segment: &Segment| match segment {
            Segment::Audio { url, fallback, .. } => {
                !(self.has_audio)(url)
                    && fallback
                        .iter()
                        .any(|inner| matches!(inner, Segment::Speech { .. }))
            }
            _ => false,
        };
        !self.can_speak && prompt.segments.iter().any(missing)
    }

    fn played(&mut self) {
        if self.playing.as_ref().is_none_or(|play| play.repeats)
            && self.session.next_time().is_some()
        {
            return self.elapse();
        }
        let Some(play) = self.playing.take() else {
            // A wait without a prompt cannot be: it ends rather than hangs.
            self.session.handle(Input::Stop, self.now_ms);
            return;
        };
        self.now_ms = self.now_ms.saturating_add(marks(&play).1);
        let input = if play.prompts.iter().any(|prompt| self.is_unplayable(prompt)) {
            Input::Unplayable(play.id)
        } else {
            Input::Played(play.id)
        };
        self.session.handle(input, self.now_ms);
    }

    /// On to the time that the session waits for.
    fn elapse(&mut self) {
        match self.session.next_time() {
            Some(next) => {
                self.now_ms = self.now_ms.max(next);
                self.session.handle(Input::Time, self.now_ms);
            }
            None if self.playing.as_ref().is_some_and(|play| !play.repeats) => self.played(),
            None => self.session.handle(Input::Stop, self.now_ms),
        }
    }

    /// The next prepared answer; none when the limit of unanswered waits was reached.
    fn next_answer(&mut self) -> Option<String> {
        if let Some(answer) = self.answers.pop_front() {
            return Some(answer);
        }
        self.unanswered += 1;
        if self.unanswered > UNANSWERED_MAX {
            self.session.handle(Input::Stop, self.now_ms);
            return None;
        }
        Some(String::new())
    }

    fn input(&mut self) {
        let fails = self
            .playing
            .as_ref()
            .is_some_and(|play| play.prompts.iter().any(|prompt| self.is_unplayable(prompt)));
        if fails {
            self.played();
            return;
        }
        if self.session.is_collecting() {
            self.elapse();
            return;
        }
        let Some(answer) = self.next_answer() else {
            return;
        };
        let answer = answer.trim();
        if answer == "hangup" {
            self.session.handle(Input::Hangup, self.now_ms);
        } else if answer.is_empty() {
            // All is heard, then nothing comes.
            let mut turns = 0;
            while self.session.waiting() == Waiting::Input && self.playing.is_some() && turns < 100
            {
                turns += 1;
                self.played();
                while let Some(effect) = self.session.poll_effect() {
                    self.effect(effect);
                }
            }
            if self.session.waiting() == Waiting::Input {
                self.elapse();
            }
        } else {
            self.press(answer);
        }
    }

    fn press(&mut self, keys: &str) {
        for key in keys.chars().filter(|key| !key.is_whitespace()) {
            self.now_ms += KEY_MS;
            self.session.handle(Input::Key(key), self.now_ms);
        }
    }

    fn record(&mut self) {
        let Some(request) = self.recording.clone() else {
            self.session.handle(Input::Stop, self.now_ms);
            return;
        };
        if !self.stops_recording {
            let answer = match self.answers.pop_front() {
                Some(answer) => answer,
                None => "#".to_owned(),
            };
            let answer = answer.trim();
            if answer.is_empty() {
                self.finish_recording(&request, false);
                return;
            }
            self.now_ms += i64::try_from(RECORDING_MS).unwrap_or_default();
            if answer == "hangup" {
                self.session.handle(Input::Hangup, self.now_ms);
            } else {
                self.press(answer);
            }
            // Keys of a grammar that could go on.
            if let Some(time) = self.session.next_time()
                && self.session.waiting() == Waiting::Record
            {
                self.now_ms = self.now_ms.max(time);
                self.session.handle(Input::Time, self.now_ms);
            }
        }
        if self.session.waiting() == Waiting::Record {
            self.finish_recording(&request, true);
        }
    }

    fn finish_recording(&mut self, request: &RecordRequest, has_sound: bool) {
        self.recording = None;
        self.stops_recording = false;
        self.recordings += 1;
        let duration_ms = RECORDING_MS.min(request.max_time_ms);
        let recording = if has_sound {
            Recording {
                handle: format!("recording:{}", self.recordings),
                duration_ms,
                // 8,000 samples of 16 bit a second.
                size: duration_ms * 16,
                at_max_time: duration_ms == request.max_time_ms,
            }
        } else {
            Recording::default()
        };
        let id = request.id;
        self.session
            .handle(Input::Recorded { id, recording }, self.now_ms);
    }

    fn pass_on(&mut self) {
        let Some(request) = self.transfer.take() else {
            self.session.handle(Input::Stop, self.now_ms);
            return;
        };
        let answer = self.answers.pop_front().unwrap_or_default();
        let answer = answer.trim();
        let leaves = request.kind != TransferKind::Bridge;
        let ended = |result: &str| TransferOutcome::Ended {
            result: result.to_owned(),
            duration_ms: RECORDING_MS,
        };
        let is_keys = !answer.is_empty()
            && answer
                .chars()
                .all(|c| c.is_ascii_digit() || "*# ".contains(c));
        let outcome = match answer {
            "hangup" => {
                self.session.handle(Input::Hangup, self.now_ms);
                return;
            }
            "" if leaves => TransferOutcome::Left,
            "" => ended("far_end_disconnect"),
            other => match other.strip_prefix("error:") {
                Some(kind) => TransferOutcome::Failed(kind.to_owned()),
                None if is_keys => {
                    self.press(other);
                    ended("far_end_disconnect")
                }
                None => ended(other),
            },
        };
        let id = request.id;
        self.session
            .handle(Input::Transferred { id, outcome }, self.now_ms);
    }

    fn message(&mut self) {
        let Some(answer) = self.next_answer() else {
            return;
        };
        match serde_json::from_str(answer.trim()) {
            Ok(data) => {
                let message = Message { event: None, data };
                self.session.handle(Input::Message(message), self.now_ms);
            }
            Err(_none) if answer.trim() == "hangup" => {
                self.session.handle(Input::Hangup, self.now_ms);
            }
            Err(_none) => self.elapse(),
        }
    }
}

/// The marks of a play and how long it takes: only silence does.
fn marks(play: &Play) -> (Vec<Mark>, i64) {
    let (mut marks, mut at_ms) = (Vec::new(), 0_u64);
    for segment in play.prompts.iter().flat_map(|prompt| &prompt.segments) {
        match segment {
            Segment::Break(ms) => at_ms = at_ms.saturating_add(u64::from(*ms)),
            Segment::Mark(name) => marks.push(Mark {
                name: name.clone(),
                at_ms,
            }),
            _ => {}
        }
    }
    (marks, i64::try_from(at_ms).unwrap_or(i64::MAX))
}
