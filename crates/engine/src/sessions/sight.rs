//! What operators see of sessions: which run, where they stand, what they said and heard.
//!
//! Each session has a sight beside it that the thread which runs it keeps up to date, so that
//! looking at a session never waits for its scripts.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use callback::{CallbackId, Error, ErrorCode, mask};
use scxml::{Document, Ending, Hub, Output, Session, Target};
use serde_json::{Value, json};
use tokio::sync::broadcast;

use super::Sessions;
use super::cell::{Cell, Input};
use crate::limits;

/// How often the heap of a session is looked at, ms.
const HEAP_EVERY_MS: i64 = 1_000;

/// Everything that is seen of all sessions.
#[derive(Debug)]
pub(super) struct Sights {
    /// Sessions that ended, the last one at the back.
    ended: Mutex<VecDeque<Arc<Sight>>>,
    changes: broadcast::Sender<String>,
}

impl Default for Sights {
    fn default() -> Self {
        Self {
            ended: Mutex::default(),
            changes: broadcast::Sender::new(limits::SESSION_CHANGES_MAX),
        }
    }
}

/// What is seen of one session with those that it invoked.
#[derive(Debug)]
pub(super) struct Sight {
    id: String,
    callback: Option<CallbackId>,
    starter: Option<String>,
    /// ms since 1970.
    made: AtomicI64,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    /// The session itself first, then those it invoked.
    members: Vec<Member>,
    /// Messages that wait for their time.
    planned: usize,
    log: VecDeque<Line>,
    /// When heaps were looked at, ms since 1970.
    weighed: i64,
    /// Bytes of the texts in the log.
    bytes: usize,
    /// Number of the last line.
    lines: u64,
    /// When (ms since 1970) and how.
    ended: Option<(i64, String)>,
}

#[derive(Debug)]
struct Member {
    id: String,
    document: Arc<Document>,
    active: Vec<String>,
    events: u64,
    microsteps: u64,
    heap: u64,
}

/// A line of the log of a session.
#[derive(Debug)]
struct Line {
    number: u64,
    at: i64,
    session: String,
    kind: &'static str,
    text: String,
}

impl Sight {
    pub(super) fn new(id: &str, callback: Option<CallbackId>, starter: Option<String>) -> Self {
        Self {
            id: id.to_owned(),
            callback,
            starter,
            made: AtomicI64::new(0),
            seen: Mutex::default(),
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes an input before the session takes it.
    pub(super) fn hears(&self, input: &Input, now_ms: i64) {
        let (session, kind, text) = match input {
            Input::Event(session, event) | Input::Answer(session, event) => {
                (session, "event", event.name.clone())
            }
            Input::Request(event, _) => (&self.id, "request", event.name.clone()),
            Input::Call(_, happened) => match happened.word() {
                Some(word) => (&self.id, "event", word.to_owned()),
                None => return,
            },
            Input::Undelivered {
                session, reason, ..
            } => (session, "undelivered", reason.clone()),
            Input::Stop => (&self.id, "stop", String::new()),
            _ => return,
        };
        self.seen().add(now_ms, session, kind, text);
    }

    /// Notes what the session did.
    pub(super) fn tells(&self, output: &Output, now_ms: i64) {
        let mut seen = self.seen();
        let (session, kind, text) = match output {
            Output::Log { session, line } => {
                let text = if line.label.is_empty() {
                    line.text.clone()
                } else {
                    format!("{}: {}", line.label, line.text)
                };
                (session, "log", mask::numbers(&text))
            }
            Output::Action { session, action } => {
                let text = format!("{}:{}", action.module, action.element.name);
                (session, "action", text)
            }
            Output::Load { session, url, .. } => (session, "load", mask::url(url)),
            Output::Http {
                session, message, ..
            }
            | Output::Message { session, message } => {
                let to = match &message.target {
                    Target::Http(to) => mask::url(to),
                    Target::Session(to) | Target::Invoked(to) | Target::Module(to) => to.clone(),
                    Target::Own | Target::Parent => String::new(),
                };
                (session, "send", format!("{} {to}", message.event.name))
            }
            Output::Ended {
                session,
                ending,
                configuration,
                ..
            } => {
                let text = match ending {
                    Ending::Final { state, .. } => format!("final state {state}"),
                    Ending::Stopped => "stopped".to_owned(),
                    Ending::Limit { message } => message.clone(),
                };
                if *session == self.id {
                    seen.ended = Some((now_ms, text.clone()));
                    if let Some(own) = seen.members.first_mut() {
                        own.active.clone_from(configuration);
                    }
                }
                (session, "end", text)
            }
        };
        seen.add(now_ms, session, kind, text);
    }

    /// Looks where the session stands after an input.
    pub(super) fn look(&self, hub: &Hub, now_ms: i64) {
        let mut seen = self.seen();
        if seen.ended.is_some() || hub.is_empty() {
            return;
        }
        // Looking at a whole heap takes a while.
        let weighs = now_ms.saturating_sub(seen.weighed) >= HEAP_EVERY_MS;
        if weighs {
            seen.weighed = now_ms;
        }
        let mut members: Vec<Member> = Vec::with_capacity(hub.len());
        let mut moves = Vec::new();
        for session in hub.sessions() {
            let before = seen.members.iter().find(|one| one.id == session.id());
            let now = Member::of(
                session,
                before.filter(|_| !weighs).map(|before| before.heap),
            );
            if before.is_none_or(|before| before.active != now.active) {
                moves.push((now.id.clone(), now.active.join(", ")));
            }
            members.push(now);
        }
        members.sort_by(|a, b| a.id.len().cmp(&b.id.len()).then_with(|| a.id.cmp(&b.id)));
        seen.members = members;
        seen.planned = hub.planned();
        for (session, active) in moves {
            seen.add(now_ms, &session, "states", active);
        }
    }

    /// It is over, whether it told so or not.
    fn over(&self, now_ms: i64) {
        let mut seen = self.seen();
        if seen.ended.is_none() {
            let text = if seen.members.is_empty() {
                "it did not begin"
            } else {
                "a script hung"
            };
            seen.ended = Some((now_ms, text.to_owned()));
            seen.add(now_ms, &self.id, "end", text.to_owned());
        }
    }

    /// Without its log.
    fn to_json(&self, waiting: usize, now_ms: i64) -> Value {
        let seen = self.seen();
        let made = self.made.load(Ordering::Relaxed);
        let own = seen.members.first();
        let state = match (&seen.ended, own) {
            (Some(_), _) => "ended",
            (None, Some(_)) => "running",
            (None, None) => "waiting",
        };
        let until = seen.ended.as_ref().map_or(now_ms, |(at, _)| *at);
        let mut view = own.map_or_else(|| json!({"active": []}), Member::to_json);
        view["id"] = json!(self.id);
        view["state"] = json!(state);
        view["callback_id"] = json!(self.callback);
        view["started_by"] = json!(self.starter);
        view["made_ms"] = json!(made);
        view["age_ms"] = json!(until.saturating_sub(made).max(0));
        view["queue"] = json!(waiting);
        view["planned"] = json!(seen.planned);
        view["lines"] = json!(seen.lines);
        if let Some((at, how)) = &seen.ended {
            view["ended_ms"] = json!(at);
            view["ended"] = json!(how);
        }
        let invoked = seen.members.iter().skip(1).map(Member::to_json);
        view["invoked"] = Value::Array(invoked.collect());
        view
    }

    fn log(&self) -> Value {
        let seen = self.seen();
        let lines = seen.log.iter().map(|line| {
            json!({"number": line.number, "at_ms": line.at, "session": line.session,
                "kind": line.kind, "text": line.text})
        });
        Value::Array(lines.collect())
    }

    fn document(&self, id: &str) -> Option<Arc<Document>> {
        let seen = self.seen();
        let member = seen.members.iter().find(|member| member.id == id);
        member.map(|member| Arc::clone(&member.document))
    }
}

impl Seen {
    fn add(&mut self, at: i64, session: &str, kind: &'static str, text: String) {
        let text = cut(text);
        self.lines += 1;
        let session = cut(session.to_owned());
        self.bytes += text.len() + session.len();
        self.log.push_back(Line {
            number: self.lines,
            at,
            session,
            kind,
            text,
        });
        while self.log.len() > limits::SESSION_LINES_MAX
            || self.bytes > limits::SESSION_LINES_BYTES_MAX
        {
            let Some(gone) = self.log.pop_front() else {
                return;
            };
            self.bytes = self
                .bytes
                .saturating_sub(gone.text.len() + gone.session.len());
        }
    }
}

fn cut(text: String) -> String {
    if text.len() <= limits::SESSION_LINE_MAX {
        return text;
    }
    let cut = text.floor_char_boundary(limits::SESSION_LINE_MAX);
    format!("{}…", text.get(..cut).unwrap_or_default())
}

impl Member {
    /// `heap`: its bytes when they are not looked at anew.
    fn of(session: &Session, heap: Option<u64>) -> Self {
        let active = session.configuration().into_iter().map(str::to_owned);
        Self {
            id: session.id().to_owned(),
            document: Arc::clone(session.document()),
            active: active.collect(),
            events: session.events(),
            microsteps: session.microsteps(),
            heap: heap.unwrap_or_else(|| session.heap_bytes()),
        }
    }

    fn to_json(&self) -> Value {
        json!({
            "id": self.id, "document": mask::url(self.document.url()),
            "name": self.document.name(), "active": self.active, "events": self.events,
            "microsteps": self.microsteps, "heap_bytes": self.heap,
        })
    }
}

/// Ids of sessions that changed, as they change.
#[derive(Debug)]
pub struct SessionChanges {
    receiver: broadcast::Receiver<String>,
}

impl SessionChanges {
    /// Waits for the next session that changed; `Some(None)` when some were missed, `None` at the
    /// end of the server.
    pub async fn next(&mut self) -> Option<Option<String>> {
        match self.receiver.recv().await {
            Ok(id) => Some(Some(id)),
            Err(broadcast::error::RecvError::Lagged(_)) => Some(None),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

fn missing() -> Error {
    Error::new(ErrorCode::NotFound, "There is no session with this id")
}

impl Sessions {
    /// A session is registered: its age counts from now on.
    pub(super) fn show(&self, cell: &Cell) {
        cell.sight.made.store(self.now_ms(), Ordering::Relaxed);
        self.changed(cell);
    }

    /// Something happened to a session.
    pub(super) fn changed(&self, cell: &Cell) {
        let changes = &self.inner.sights.changes;
        if changes.receiver_count() > 0 {
            // The last listener may have gone.
            drop(changes.send(cell.id.clone()));
        }
    }

    /// A session is over; it stays in sight for a while.
    pub(super) fn keep_sight(&self, cell: &Cell) {
        cell.sight.over(self.now_ms());
        let mut ended = super::lock(&self.inner.sights.ended);
        while ended.len() >= limits::SESSIONS_ENDED_KEPT {
            ended.pop_front();
        }
        ended.push_back(Arc::clone(&cell.sight));
        drop(ended);
        self.changed(cell);
    }

    /// All live sessions, the youngest first, then the last ones that ended.
    pub(crate) fn list(&self) -> Vec<Value> {
        let now_ms = self.now_ms();
        let cells: Vec<Arc<Cell>> = super::lock(&self.inner.cells).values().cloned().collect();
        let mut live: Vec<&Arc<Cell>> = cells.iter().collect();
        live.sort_by_key(|cell| {
            let made = cell.sight.made.load(Ordering::Relaxed);
            (std::cmp::Reverse(made), cell.id.clone())
        });
        let live = live
            .into_iter()
            .map(|cell| cell.sight.to_json(cell.waiting(), now_ms));
        let ended = super::lock(&self.inner.sights.ended);
        let ended = ended.iter().rev().map(|sight| sight.to_json(0, now_ms));
        live.chain(ended).collect()
    }

    /// One session, live or ended a while ago, with its log when that is wanted.
    pub(crate) fn sight(&self, id: &str, with_log: bool) -> Result<Value, Error> {
        let (sight, waiting) = self.find_sight(id)?;
        let mut view = sight.to_json(waiting, self.now_ms());
        if with_log {
            view["log"] = sight.log();
        }
        Ok(view)
    }

    fn find_sight(&self, id: &str) -> Result<(Arc<Sight>, usize), Error> {
        if let Some(cell) = self.cell(id) {
            return Ok((Arc::clone(&cell.sight), cell.waiting()));
        }
        let root = id.split('.').next().unwrap_or_default();
        let ended = super::lock(&self.inner.sights.ended);
        let found = ended.iter().rev().find(|sight| sight.id == root);
        found
            .map(|sight| (Arc::clone(sight), 0))
            .ok_or_else(missing)
    }

    /// The chart of a session as SVG; each state is a group with `data-state`.
    pub(crate) async fn chart(&self, id: &str) -> Result<String, Error> {
        let (sight, _) = self.find_sight(id)?;
        let document = sight.document(id).ok_or_else(|| {
            Error::new(
                ErrorCode::NotFound,
                "The session has not begun, so it has no chart yet",
            )
        })?;
        // Thousands of states take a while.
        tokio::task::spawn_blocking(move || document.to_svg())
            .await
            .map_err(|_panic| Error::new(ErrorCode::Internal, "The chart cannot be drawn"))
    }

    /// Listens to what changes.
    pub(crate) fn listen(&self) -> SessionChanges {
        SessionChanges {
            receiver: self.inner.sights.changes.subscribe(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_keeps_the_last_lines_within_its_bounds() {
        let sight = Sight::new("A", None, None);
        for number in 0..2 * limits::SESSION_LINES_MAX {
            sight.seen().add(1, "A", "log", number.to_string());
        }
        let log = sight.log();
        let lines = log.as_array().unwrap();
        assert_eq!(lines.len(), limits::SESSION_LINES_MAX);
        let last = 2 * limits::SESSION_LINES_MAX;
        assert_eq!(lines.last().unwrap()["number"], last);
        sight.seen().add(1, "A", "log", "ü".repeat(100_000));
        let seen = sight.seen();
        assert!(seen.bytes <= limits::SESSION_LINES_BYTES_MAX);
        assert!(seen.log.back().unwrap().text.len() <= limits::SESSION_LINE_MAX + 3);
    }

    #[test]
    fn a_session_that_never_began_says_so() {
        let sight = Sight::new("A", None, None);
        assert_eq!(sight.to_json(2, 5)["state"], "waiting");
        sight.over(7);
        let view = sight.to_json(0, 9);
        assert_eq!(view["state"], "ended");
        assert_eq!(
            (&view["age_ms"], &view["ended"]),
            (&json!(7), &json!("it did not begin"))
        );
    }
}
