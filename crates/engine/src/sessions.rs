//! Hosts SCXML sessions: plugins, and what operators start themselves.
//!
//! A session is a cell with an inbox. Threads of a small pool run cells that have something to
//! do, one input at a time; whatever needs the network or the call happens in tasks and comes
//! back as an input. A script that hangs costs its own session and one thread for as long as it
//! hangs, nothing else (ors-scxml §10).

mod act;
mod api;
mod application;
mod calls;
mod cell;
mod dialog;
mod documents;
mod family;
mod fetch;
mod interaction;
mod interactions;
mod legs;
mod objects;
mod queue;
mod series;
mod sight;
mod strategy;
mod treat;

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use callback::lifecycle::{Input as LifecycleInput, PluginEvent};
use callback::mask;
use callback::plugin::Question;
use callback::service::Resolver;
use rand::RngExt;
use scxml::{Data, Document, Event, Output, Start};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use self::calls::{Parked, Placed};
use self::cell::{Beginning, Cell, Input, PluginOf};
use self::documents::{Documents, Fetching, NoDocument};
use self::interaction::Happened;
use self::objects::object_model;
pub use self::sight::SessionChanges;
use self::sight::Sights;
use crate::clock::Clock;
use crate::limits;
use crate::pool::{Host, Pool};
use crate::shard::{self, Command};
use crate::supervisor::Supervisor;
use crate::voicexml::VoiceXml;

/// What happens on the call of a plugin's session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// The customer pressed a key.
    Digit(char),
    /// Its play of this number is over.
    Played(u64),
    /// The customer hung up; whether the session had the call.
    Deleted { attached: bool },
    /// The other side's phone rings.
    Ringing,
    /// It was answered.
    Answered,
    /// The detector knows who answered: a call state.
    Judged(u8),
    /// A call that a session placed is over.
    Over(Over),
}

/// How a call that a session placed ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Over {
    pub(crate) answered: bool,
    pub(crate) call_state: u8,
    pub(crate) detail: &'static str,
    /// SIP status, 0 when there was none.
    pub(crate) status: u16,
}

/// How sessions are hosted.
#[derive(Clone, Copy, Debug)]
pub struct SessionsConfig {
    /// `fetch.max_age`, s: documents are looked at again after this time.
    pub max_age_s: u32,
    /// `_fetch_timeout`, s: the longest wait for one fetch of a document.
    pub fetch_timeout_s: u32,
    /// `script.max_stuck_threads`: more make the process unhealthy.
    pub max_stuck_threads: u32,
}

impl Default for SessionsConfig {
    fn default() -> Self {
        Self {
            max_age_s: 60,
            fetch_timeout_s: 10,
            max_stuck_threads: 4,
        }
    }
}

/// What the sessions work with.
pub(crate) struct Parts {
    pub(crate) config: SessionsConfig,
    /// `http.public_url`.
    pub(crate) public_url: String,
    pub(crate) client: reqwest::Client,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) supervisor: Supervisor,
}

/// All sessions; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Sessions {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    cells: Mutex<HashMap<String, Arc<Cell>>>,
    /// Sessions of plugins by the token of their question.
    plugins: Mutex<HashMap<String, Arc<Cell>>>,
    /// Calls that sessions placed.
    calls: Mutex<HashMap<String, Placed>>,
    /// Those that their session let go.
    parked: Mutex<HashMap<String, Parked>>,
    /// Numbers of such calls.
    parkings: AtomicU64,
    pool: Arc<Pool<Cell>>,
    documents: Documents,
    /// What operators see.
    sights: Sights,
    client: reqwest::Client,
    clock: Arc<dyn Clock>,
    commands: mpsc::Sender<Command>,
    supervisor: Supervisor,
    max_stuck: usize,
    public_url: String,
    /// The operator's lists, once they are there.
    lists: OnceLock<Arc<Resolver>>,
    /// Who runs applications and speaks, once it is there.
    voicexml: OnceLock<VoiceXml>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Sessions {
    /// Starts the threads.
    pub(crate) fn start(parts: Parts) -> Self {
        let pool = Pool::new("session");
        let (max_age_s, timeout_s) = (parts.config.max_age_s, parts.config.fetch_timeout_s);
        let fetch = Fetching {
            client: parts.client.clone(),
            max_age_s: i64::from(max_age_s),
            timeout: Duration::from_secs(timeout_s.into()),
        };
        let inner = Arc::new(Inner {
            cells: Mutex::default(),
            plugins: Mutex::default(),
            calls: Mutex::default(),
            parked: Mutex::default(),
            parkings: AtomicU64::new(0),
            pool: Arc::clone(&pool),
            documents: Documents::new(fetch, Arc::clone(&parts.clock)),
            sights: Sights::default(),
            client: parts.client,
            clock: parts.clock,
            commands: parts.commands,
            supervisor: parts.supervisor.clone(),
            public_url: parts.public_url,
            max_stuck: usize::try_from(parts.config.max_stuck_threads).unwrap_or(usize::MAX),
            lists: OnceLock::new(),
            voicexml: OnceLock::new(),
        });
        pool.start(Arc::downgrade(&inner));
        Self { inner }
    }

    /// Lets the threads end.
    pub(crate) fn stop(&self) {
        self.inner.pool.stop();
    }

    /// Why the process should be started anew; `None` when it is healthy.
    pub(crate) fn illness(&self) -> Option<String> {
        let stuck = self.inner.pool.illness(self.inner.max_stuck)?;
        Some(format!("{stuck} threads hang in scripts"))
    }

    /// Starts the session of a plugin; what happens is told to its callback.
    pub(crate) fn ask(&self, question: Question, reply_url: String) {
        let plugin = PluginOf::new(&question, reply_url);
        let cell = Cell::of_plugin(new_id(), plugin, &question, &self.http_base());
        if !self.register(&cell) {
            self.tell(
                &cell,
                PluginEvent::Failed {
                    detail: "plugin_start_failed".to_owned(),
                    why: "there are too many sessions".to_owned(),
                },
            );
            return;
        }
        self.bind(&question.token, &cell);
        let sessions = self.clone();
        self.inner.supervisor.spawn("plugin", async move {
            let found = sessions.document(&question.url, &question.dialect).await;
            match found {
                Ok(document) => sessions.begin_plugin(&cell, document, &question).await,
                Err(why) => {
                    let why = why.to_string();
                    sessions.forget(&cell);
                    sessions.tell(
                        &cell,
                        PluginEvent::Failed {
                            detail: "plugin_start_failed".to_owned(),
                            why,
                        },
                    );
                }
            }
        });
    }

    /// The document at an address, in the dialect of this name.
    async fn document(&self, url: &str, dialect: &str) -> Result<Arc<Document>, NoDocument> {
        let dialect = documents::dialect(dialect)?;
        self.inner.documents.get(url, dialect).await
    }

    /// Where the `BasicHTTP` processors of sessions are; their ids follow.
    fn http_base(&self) -> String {
        format!(
            "{}/scxml/basichttp",
            self.inner.public_url.trim_end_matches('/')
        )
    }

    async fn begin_plugin(&self, cell: &Arc<Cell>, document: Arc<Document>, question: &Question) {
        let reply_url = cell.plugin.as_ref().map_or("", |plugin| &plugin.reply_url);
        let mut params: Vec<(String, Data)> = question
            .parameters(reply_url)
            .into_iter()
            .map(|(name, value)| (name, Data::Json(value)))
            .collect();
        if question.call.is_none() {
            params.push(("_interaction_id".to_owned(), Data::None));
        }
        let interaction = question.call.as_ref().map(ToString::to_string);
        let events = match (&interaction, question.attached) {
            (Some(id), true) => vec![
                event(
                    "interaction.added",
                    json!({"interactionid": id, "focusdeviceid": question.customer_number}),
                ),
                event("interaction.present", json!({"interactionid": id})),
            ],
            _ => vec![event(
                "plugin.start",
                json!({"call_state": question.call_state, "dial_attempt": question.dial_attempt}),
            )],
        };
        let start = Start {
            id: cell.id.clone(),
            params,
            object_model: Some(object_model(&self.inner.public_url, Some(question))),
            functions: self.host_functions(cell),
            watch: Arc::new(scxml::ThreadTime),
            seed: rand::rng().random(),
            ..Start::default()
        };
        self.push(
            cell,
            Input::Start(Box::new(Beginning {
                document,
                start,
                events,
            })),
        );
        let ttl = Duration::from_secs(u64::try_from(question.ttl_s).unwrap_or(0));
        tokio::time::sleep(ttl + limits::SESSION_AFTER_TTL).await;
        self.push(cell, Input::Stop);
    }

    /// Nobody waits for the plugin's answer any more.
    pub(crate) fn end_plugin(&self, token: &str) {
        if let Some(cell) = self.of_token(token) {
            if !cell.has_begun() {
                // Its document is still being fetched: it never runs.
                self.forget(&cell);
            }
            self.push(&cell, Input::Stop);
        }
    }

    /// Tells a plugin's session what happened on its call.
    pub(crate) fn signal(&self, token: &str, signal: Signal) {
        let Some(cell) = self.of_token(token) else {
            return;
        };
        let interaction = cell.plugin.as_ref().and_then(|p| p.interaction.clone());
        let happened = match signal {
            Signal::Digit(digit) => Happened::Digit(digit),
            Signal::Played(play) => Happened::Played(play),
            Signal::Deleted { attached } => Happened::Deleted { attached },
            // These are of calls that sessions place.
            Signal::Ringing | Signal::Answered | Signal::Judged(_) | Signal::Over(_) => return,
        };
        if let Some(interaction) = interaction {
            self.push(&cell, Input::Call(interaction, happened));
        }
    }

    fn bind(&self, token: &str, cell: &Arc<Cell>) {
        lock(&self.inner.plugins).insert(token.to_owned(), Arc::clone(cell));
    }

    fn of_token(&self, token: &str) -> Option<Arc<Cell>> {
        lock(&self.inner.plugins).get(token).cloned()
    }

    fn register(&self, cell: &Arc<Cell>) -> bool {
        let mut cells = lock(&self.inner.cells);
        if cells.len() >= limits::SESSIONS_MAX {
            return false;
        }
        cells.insert(cell.id.clone(), Arc::clone(cell));
        drop(cells);
        self.show(cell);
        true
    }

    fn forget(&self, cell: &Cell) {
        let was_alive = cell.die();
        if was_alive {
            self.tell_starter(cell);
        }
        lock(&self.inner.cells).remove(&cell.id);
        if was_alive {
            self.keep_sight(cell);
        }
        self.release_calls(cell);
        if let Some(plugin) = &cell.plugin {
            lock(&self.inner.plugins).remove(&plugin.token);
        }
    }

    /// A live session.
    fn cell(&self, id: &str) -> Option<Arc<Cell>> {
        // Sessions that others invoked live with those: `<root>.<n>`.
        let root = id.split('.').next().unwrap_or_default();
        lock(&self.inner.cells).get(root).cloned()
    }

    /// Gives a session an input; `false` when it takes none.
    fn push(&self, cell: &Arc<Cell>, input: Input) -> bool {
        self.inner.pool.see_to(cell, cell.push(input))
    }

    /// Tells the callback of a plugin's session.
    fn tell(&self, cell: &Cell, event: PluginEvent) {
        let Some(plugin) = &cell.plugin else { return };
        let command = Command::Tell {
            id: plugin.callback.clone(),
            input: LifecycleInput::Plugin {
                token: plugin.token.clone(),
                event,
            },
        };
        shard::post(&self.inner.commands, &self.inner.supervisor, command);
    }

    fn now_ms(&self) -> i64 {
        self.inner.clock.now().0
    }

    /// One input, and everything that follows from it at once.
    fn take(&self, cell: &Arc<Cell>, input: Input) {
        let now_ms = self.now_ms();
        cell.sight.hears(&input, now_ms);
        let mut body = cell.body();
        match input {
            Input::Start(beginning) => {
                let Beginning {
                    document,
                    start,
                    events,
                } = *beginning;
                if body.hub.start(document, start, now_ms).is_ok() {
                    self.tell(cell, begun(cell));
                }
                for event in events {
                    body.hub.handle_event(&cell.id, event, now_ms);
                }
            }
            Input::Event(session, event) | Input::Answer(session, event) => {
                body.hub.handle_event(&session, event, now_ms);
            }
            Input::Document {
                session,
                invoke_id,
                document,
            } => body
                .hub
                .handle_document(&session, &invoke_id, document, now_ms),
            Input::Undelivered {
                session,
                message,
                reason,
            } => body
                .hub
                .handle_undelivered(&session, *message, &reason, now_ms),
            Input::Request(event, reply) => self.request(cell, &mut body, event, reply),
            Input::Tick => {
                cell.due.reached();
                body.hub.handle_time(now_ms);
            }
            Input::Call(interaction, happened) => {
                self.happened(cell, &mut body, &interaction, happened);
            }
            Input::Stop => body.hub.stop(&cell.id, now_ms),
        }
        if cell.is_dead() {
            // It hung and came back: its time is over.
            return;
        }
        while let Some(output) = body.hub.poll_output() {
            cell.sight.tells(&output, now_ms);
            self.perform(cell, &mut body, output);
        }
        cell.sight.look(&body.hub, now_ms);
        self.changed(cell);
        self.plan_tick(cell, body.hub.next_time());
    }

    /// Plans when the session's next message is due.
    fn plan_tick(&self, cell: &Arc<Cell>, next: Option<i64>) {
        let Some(next) = next else { return };
        let (sessions, weak) = (self.clone(), Arc::downgrade(cell));
        let supervisor = &self.inner.supervisor;
        cell.due.plan(supervisor, next, self.now_ms(), move || {
            if let Some(cell) = weak.upgrade() {
                sessions.push(&cell, Input::Tick);
            }
        });
    }

    fn perform(&self, cell: &Arc<Cell>, body: &mut cell::Body, output: Output) {
        match output {
            Output::Load {
                session,
                invoke_id,
                url,
            } => {
                let (sessions, cell) = (self.clone(), Arc::clone(cell));
                let place = cell.begin_fetch();
                self.inner.supervisor.spawn("session", async move {
                    let document = match place {
                        Some(_place) => sessions.inner.documents.get(&url, None).await,
                        None => Err(NoDocument::Fetch(act::too_many_fetches())),
                    };
                    let document = document.map_err(|why| documents::told(&url, &why));
                    let input = Input::Document {
                        session,
                        invoke_id,
                        document,
                    };
                    sessions.push(&cell, input);
                });
            }
            Output::Http {
                session,
                request,
                message,
            } => self.send_http(cell, session, request, message),
            Output::Message { session, message } => {
                if !self.to_page(body, &session, &message) {
                    self.send_message(cell, body, session, message);
                }
            }
            Output::Log { session, line } => {
                let text: String = line.text.chars().take(1_000).collect();
                let (text, label) = (mask::numbers(&text), mask::numbers(&line.label));
                tracing::info!(session, label, text, "a document says");
            }
            Output::Action { session, action } => self.act(cell, body, &session, *action),
            Output::Ended {
                ending, session, ..
            } => {
                if let scxml::Ending::Limit { message } = &ending {
                    tracing::warn!(session, message, "a session took more than it may");
                }
                self.forget(cell);
                // Whoever waits for a response gets none, and finds the session gone.
                body.requests.clear();
                self.tell(cell, strategy::over(cell, &ending));
            }
        }
    }
}

impl Host<Cell> for Inner {
    fn take(self: Arc<Self>, cell: &Arc<Cell>, input: Input) {
        Sessions { inner: self }.take(cell, input);
    }

    fn hangs(self: Arc<Self>, cell: &Arc<Cell>) {
        let sessions = Sessions { inner: self };
        sessions.forget(cell);
        sessions.tell(cell, strategy::stuck(cell));
    }
}

/// What the callback of a session hears of its start.
fn begun(cell: &Cell) -> PluginEvent {
    match &cell.plugin {
        Some(plugin) if plugin.runs => PluginEvent::Running {
            session: cell.id.clone(),
        },
        _ => PluginEvent::Started,
    }
}

/// An event from outside.
fn event(name: &str, data: Value) -> Event {
    Event::external(name, Data::Json(data))
}

/// 26 characters in base 32 of 128 random bits (ors-scxml §9).
fn new_id() -> String {
    const DIGITS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut bits: u128 = rand::rng().random();
    let mut text = String::with_capacity(26);
    for _ in 0..26 {
        let digit = usize::try_from(bits & 31).unwrap_or(0);
        text.push(char::from(*DIGITS.get(digit).unwrap_or(&b'A')));
        bits >>= 5;
    }
    text
}

/// Whether a text is made as the ids of sessions are; those of callbacks never are.
#[must_use]
pub fn is_session_id(text: &str) -> bool {
    let digit = |byte: u8| byte.is_ascii_uppercase() || (b'2'..=b'7').contains(&byte);
    text.len() == 26 && text.bytes().all(digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_26_characters_of_base_32() {
        let (a, b) = (new_id(), new_id());
        assert!(is_session_id(&a), "{a}");
        assert!(!is_session_id("1-0199a2b3c4d5e6f7a8b9c0d1"));
        assert_ne!(a, b);
    }
}
