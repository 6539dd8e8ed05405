//! Several sessions together: messages between them, timers, sessions started by others.
//!
//! A hub does everything about sessions that needs no I/O. What does is an [`Output`]; what comes
//! back is handed in. Deliveries happen in the order in which they were asked for, so a run
//! depends on its inputs only.

mod route;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use crate::effect::{Ending, LogLine, Message, ModuleAction};
use crate::event::{Data, Event};
use crate::http::HttpRequest;
use crate::model::Document;
use crate::session::{Directory, Session, Start};

/// Deliveries that one call makes; what is left is due at once, so that a hub whose sessions
/// write to each other without end still returns to its host.
const DELIVERIES_MAX: usize = 1_000;

/// Something for the host of a hub to do.
#[derive(Clone, Debug)]
pub enum Output {
    /// Load the document of an invoked session; answer with [`Hub::handle_document`].
    Load {
        /// The session that invokes.
        session: String,
        /// The id of its `<invoke>`.
        invoke_id: String,
        /// Address of the document.
        url: String,
    },
    /// Send a request; answer failures with [`Hub::handle_undelivered`].
    Http {
        /// The sender.
        session: String,
        /// What is sent.
        request: HttpRequest,
        /// The message that it is made of.
        message: Box<Message>,
    },
    /// Deliver a message to a session or module that is not here; answer failures with
    /// [`Hub::handle_undelivered`].
    Message {
        /// The sender.
        session: String,
        /// What is sent.
        message: Box<Message>,
    },
    /// A line of the log.
    Log {
        /// The session that writes.
        session: String,
        /// What it writes.
        line: LogLine,
    },
    /// An element of a module; answer with events.
    Action {
        /// The session that asks.
        session: String,
        /// What it asks for.
        action: Box<ModuleAction>,
    },
    /// A session that the host started has ended; the hub has forgotten it.
    Ended {
        /// Its id.
        session: String,
        /// How it ended.
        ending: Ending,
        /// The states that were active last.
        configuration: Vec<String>,
        /// External events it took.
        events: u64,
        /// Microsteps it made.
        microsteps: u64,
    },
}

/// What a hub needs to know.
#[derive(Clone, Debug, Default)]
pub struct HubSettings {
    /// Base of the addresses of `BasicHTTP` processors; the id of the session is appended.
    pub http_base: Option<String>,
    /// Messages to sessions that are not here go to the host; otherwise nobody is there.
    pub sessions_elsewhere: bool,
    /// What a hub as a whole may take.
    pub limits: crate::limits::Limits,
}

struct Entry {
    session: Session,
    parent: Option<String>,
    start: Start,
    children: u64,
    /// Invocations whose document is being loaded.
    loading: HashMap<String, Vec<(String, Data)>>,
    /// Sessions that this one invoked, by the id of the `<invoke>`.
    invoked: HashMap<String, String>,
    timers: usize,
    /// Ended by its parent: nobody wants to know how.
    quiet: bool,
}

/// What waits for a session. Starts and ends of others wait, too: nested calls would let a chain
/// of sessions use up the stack.
enum Mail {
    Event(Event),
    Document(String, Result<Arc<Document>, String>),
    Stop,
    Undelivered(Box<Message>, String),
}

struct Timer {
    session: String,
    message: Message,
}

/// Sessions with their timers and messages.
#[derive(Default)]
pub struct Hub {
    settings: HubSettings,
    sessions: HashMap<String, Entry>,
    timers: BTreeMap<(i64, u64), Timer>,
    mail: VecDeque<(String, Mail)>,
    outputs: VecDeque<Output>,
    sequence: u64,
    directory: Arc<Directory>,
}

impl std::fmt::Debug for Hub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hub")
            .field("sessions", &self.sessions.len())
            .field("timers", &self.timers.len())
            .finish_non_exhaustive()
    }
}

/// A session that cannot be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotStarted {
    /// The hub holds as many sessions as it may.
    #[error("there are too many sessions")]
    TooMany,
    /// A session with this id is there.
    #[error("a session with this id is there")]
    Exists,
}

impl Hub {
    /// An empty hub.
    pub fn new(settings: HubSettings) -> Self {
        Self {
            settings,
            ..Self::default()
        }
    }

    /// Starts a session; its id is in `start`.
    ///
    /// # Errors
    /// The id is taken, or the hub is full.
    pub fn start(
        &mut self,
        document: Arc<Document>,
        start: Start,
        now_ms: i64,
    ) -> Result<(), NotStarted> {
        self.begin(document, start, None, now_ms)?;
        self.pump(now_ms);
        Ok(())
    }

    /// Delivers an external event; false when the session is not here or refuses it.
    pub fn handle_event(&mut self, session: &str, event: Event, now_ms: i64) -> bool {
        let Some(entry) = self.sessions.get_mut(session) else {
            return false;
        };
        let taken = entry.session.handle_event(event, now_ms);
        self.drain(session, now_ms);
        self.pump(now_ms);
        taken
    }

    /// Delivers a request that came to the address of a session's `BasicHTTP` processor.
    pub fn handle_http(&mut self, session: &str, request: HttpRequest, now_ms: i64) -> bool {
        self.handle_event(session, request.into_event(), now_ms)
    }

    /// Hands in the document of an invoked session, or why there is none.
    pub fn handle_document(
        &mut self,
        session: &str,
        invoke_id: &str,
        document: Result<Arc<Document>, String>,
        now_ms: i64,
    ) {
        self.loaded(session, invoke_id, document, now_ms);
        self.pump(now_ms);
    }

    /// Tells that a message could not be delivered.
    pub fn handle_undelivered(
        &mut self,
        session: &str,
        message: Message,
        reason: &str,
        now_ms: i64,
    ) {
        let mail = Mail::Undelivered(Box::new(message), reason.to_owned());
        self.mail.push_back((session.to_owned(), mail));
        self.pump(now_ms);
    }

    /// Delivers what is due.
    pub fn handle_time(&mut self, now_ms: i64) {
        self.pump(now_ms);
        while let Some(first) = self.timers.first_entry() {
            if first.key().0 > now_ms {
                return;
            }
            let timer = first.remove();
            if let Some(entry) = self.sessions.get_mut(&timer.session) {
                entry.timers = entry.timers.saturating_sub(1);
                self.deliver(&timer.session, timer.message);
            }
            self.pump(now_ms);
        }
    }

    /// When [`Self::handle_time`] has something to do next.
    pub fn next_time(&self) -> Option<i64> {
        if !self.mail.is_empty() {
            return Some(i64::MIN);
        }
        self.timers.first_key_value().map(|((at, _), _)| *at)
    }

    /// Ends a session from outside, with all it started.
    pub fn stop(&mut self, session: &str, now_ms: i64) {
        if let Some(entry) = self.sessions.get_mut(session) {
            entry.session.stop(now_ms);
        }
        self.drain(session, now_ms);
        self.pump(now_ms);
    }

    /// The next thing for the host to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// A live session.
    pub fn session(&self, id: &str) -> Option<&Session> {
        self.sessions.get(id).map(|entry| &entry.session)
    }

    /// All live sessions, invoked ones included, in no order.
    pub fn sessions(&self) -> impl Iterator<Item = &Session> {
        self.sessions.values().map(|entry| &entry.session)
    }

    /// Number of messages that wait for their time.
    pub fn planned(&self) -> usize {
        self.timers.len()
    }

    /// Number of live sessions, invoked ones included.
    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    /// True without a live session.
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    fn begin(
        &mut self,
        document: Arc<Document>,
        mut start: Start,
        parent: Option<String>,
        now_ms: i64,
    ) -> Result<(), NotStarted> {
        if self.sessions.len() >= self.settings.limits.sessions {
            return Err(NotStarted::TooMany);
        }
        let id = start.id.clone();
        if self.sessions.contains_key(&id) {
            return Err(NotStarted::Exists);
        }
        if let Some(base) = &self.settings.http_base {
            start.http_location = Some(format!("{}/{id}", base.trim_end_matches('/')));
        }
        if !self.settings.sessions_elsewhere {
            start.directory = Some(Arc::clone(&self.directory));
        }
        self.directory.insert(&id);
        let session = Session::new(document, start.clone());
        let entry = Entry {
            session,
            parent,
            start,
            children: 0,
            loading: HashMap::new(),
            invoked: HashMap::new(),
            timers: 0,
            quiet: false,
        };
        let entry = self.sessions.entry(id.clone()).or_insert(entry);
        entry.session.start(now_ms);
        self.drain(&id, now_ms);
        Ok(())
    }

    /// Delivers mail, bounded.
    fn pump(&mut self, now_ms: i64) {
        for _ in 0..DELIVERIES_MAX {
            let Some((to, mail)) = self.mail.pop_front() else {
                return;
            };
            let Some(entry) = self.sessions.get_mut(&to) else {
                continue;
            };
            match mail {
                // A full queue refuses; the sender was told nothing else than by a slow receiver.
                Mail::Event(event) => {
                    entry.session.handle_event(event, now_ms);
                }
                Mail::Document(invoke_id, document) => {
                    self.loaded(&to, &invoke_id, document, now_ms);
                    continue;
                }
                Mail::Stop => entry.session.stop(now_ms),
                Mail::Undelivered(message, reason) => {
                    entry.session.handle_undelivered(&message, &reason, now_ms);
                }
            }
            self.drain(&to, now_ms);
        }
    }

    /// Carries out the effects of a session.
    fn drain(&mut self, id: &str, now_ms: i64) {
        while let Some(effect) = self
            .sessions
            .get_mut(id)
            .and_then(|entry| entry.session.poll_effect())
        {
            self.carry_out(id, effect, now_ms);
        }
    }
}
