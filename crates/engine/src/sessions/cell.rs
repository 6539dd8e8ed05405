//! One session with its inbox: inputs wait here until a thread has time for it.

use std::collections::VecDeque;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use callback::CallbackId;
use callback::lifecycle::StrategyOrder;
use callback::plugin::Question;
use scxml::{Document, Event, Hub, HubSettings, Message, Start};
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::family::{Family, Later, Starter};
use super::interaction::{Happened, Interaction};
use super::interactions::Interactions;
use super::sight::Sight;
use crate::limits;
use crate::pool::Hosted;
use crate::shard::Line;

/// What happens to a session.
pub(super) enum Input {
    /// It begins, with these events right after.
    Start(Box<Beginning>),
    /// An event for it or one that it started.
    Event(String, Event),
    /// A document that it wants to invoke.
    Document {
        session: String,
        invoke_id: String,
        document: Result<Arc<Document>, String>,
    },
    /// A message did not arrive.
    Undelivered {
        session: String,
        message: Box<Message>,
        reason: String,
    },
    /// A request that waits for a response.
    Request(Event, oneshot::Sender<Value>),
    /// Something is due.
    Tick,
    /// Something happened on one of its calls.
    Call(String, Happened),
    /// It has to end.
    Stop,
}

/// What a session begins with.
pub(super) struct Beginning {
    pub(super) document: Arc<Document>,
    pub(super) start: Start,
    pub(super) events: Vec<Event>,
}

/// Inputs that wait.
#[derive(Default)]
struct Inbox {
    queue: VecDeque<Input>,
    /// Inputs before the start wait for it.
    begun: bool,
    /// It waits for a thread or has one.
    scheduled: bool,
    dead: bool,
}

/// What only the thread touches that runs the session.
pub(super) struct Body {
    pub(super) hub: Hub,
    /// Its calls, the oldest first.
    pub(super) interactions: Interactions,
    /// Requests that wait for a response, by their ids, the oldest first.
    pub(super) requests: VecDeque<(String, oneshot::Sender<Value>)>,
    /// Numbers of plays and treatments of this session.
    pub(super) plays: u64,
}

/// The callback that a plugin's session decides about.
#[derive(Debug)]
pub(super) struct PluginOf {
    pub(super) callback: CallbackId,
    pub(super) token: String,
    /// `_interaction_id`.
    pub(super) interaction: Option<String>,
    pub(super) reply_url: String,
    /// It runs the callback instead of the built-in flow.
    pub(super) runs: bool,
}

impl PluginOf {
    pub(super) fn new(question: &Question, reply_url: String) -> Self {
        Self {
            callback: question.callback.clone(),
            token: question.token.clone(),
            interaction: question.call.as_ref().map(ToString::to_string),
            reply_url,
            runs: false,
        }
    }

    /// The callback that a document of the operator's runs.
    pub(super) fn run_by(order: &StrategyOrder) -> Self {
        Self {
            callback: order.callback.clone(),
            token: order.token.clone(),
            interaction: None,
            reply_url: String::new(),
            runs: true,
        }
    }
}

/// A session.
pub(super) struct Cell {
    pub(super) id: String,
    pub(super) plugin: Option<PluginOf>,
    /// The session that started it.
    pub(super) starter: Option<Starter>,
    pub(super) family: Arc<Family>,
    /// It begins later.
    pub(super) later: Option<Later>,
    inbox: Mutex<Inbox>,
    body: Mutex<Body>,
    /// When the next tick is planned, ms; later ones need no timer of their own.
    pub(super) tick_at: AtomicI64,
    /// What operators see of it.
    pub(super) sight: Arc<Sight>,
    /// Places for fetches and requests over HTTP.
    fetches: Arc<Semaphore>,
}

impl std::fmt::Debug for Cell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cell")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl Hosted for Cell {
    fn name(&self) -> &str {
        &self.id
    }
}

impl Cell {
    /// The session of a plugin.
    pub(super) fn of_plugin(
        id: String,
        plugin: PluginOf,
        question: &Question,
        http_base: &str,
    ) -> Arc<Self> {
        let line = Line::Question {
            callback: plugin.callback.clone(),
            token: plugin.token.clone(),
        };
        let interaction = plugin.interaction.clone();
        let cell = Self::new(id, Some(plugin), (None, None), http_base);
        if let Some(interaction) = interaction {
            let remote = question.customer_number.clone();
            let call = Interaction::of_plugin(line, &cell.id, (remote, question.attached));
            cell.body().interactions.add(interaction, call);
        }
        cell
    }

    /// The session that runs a callback.
    pub(super) fn of_strategy(id: String, plugin: PluginOf, http_base: &str) -> Arc<Self> {
        Self::new(id, Some(plugin), (None, None), http_base)
    }

    /// A session that a client or another session starts.
    pub(super) fn started(
        id: String,
        starter: Option<Starter>,
        later: Option<Later>,
        http_base: &str,
    ) -> Arc<Self> {
        Self::new(id, None, (starter, later), http_base)
    }

    fn new(
        id: String,
        plugin: Option<PluginOf>,
        (starter, later): (Option<Starter>, Option<Later>),
        http_base: &str,
    ) -> Arc<Self> {
        let family = starter
            .as_ref()
            .map_or_else(Arc::default, |starter| Arc::clone(&starter.cell.family));
        let settings = HubSettings {
            http_base: Some(http_base.to_owned()),
            sessions_elsewhere: true,
            limits: scxml::Limits {
                sessions: limits::SESSIONS_UNDER_MAX,
                ..scxml::Limits::default()
            },
        };
        let of = plugin.as_ref().map(|plugin| plugin.callback.clone());
        let by = starter.as_ref().map(|starter| starter.session.clone());
        Arc::new(Self {
            sight: Arc::new(Sight::new(&id, of, by)),
            id,
            plugin,
            starter,
            family,
            later,
            inbox: Mutex::default(),
            body: Mutex::new(Body {
                hub: Hub::new(settings),
                interactions: Interactions::default(),
                requests: VecDeque::new(),
                plays: 0,
            }),
            tick_at: AtomicI64::new(i64::MAX),
            fetches: Arc::new(Semaphore::new(limits::SESSION_FETCHES_MAX)),
        })
    }

    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the session is, unless a thread runs it right now.
    pub(super) fn try_body(&self) -> Option<MutexGuard<'_, Body>> {
        self.body.try_lock().ok()
    }

    pub(super) fn body(&self) -> MutexGuard<'_, Body> {
        self.body.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts an input into the inbox. `None` = refused; `Some(true)` = a thread is needed.
    pub(super) fn push(&self, input: Input) -> Option<bool> {
        let mut inbox = self.inbox();
        if inbox.dead {
            return None;
        }
        match input {
            Input::Start(_) => {
                inbox.begun = true;
                inbox.queue.push_front(input);
            }
            Input::Event(..) | Input::Request(..)
                if inbox.queue.len() >= limits::SESSION_INPUTS_MAX =>
            {
                return None;
            }
            input => inbox.queue.push_back(input),
        }
        let needed = inbox.begun && !inbox.scheduled;
        inbox.scheduled |= needed;
        Some(needed)
    }

    /// The next input; without one the thread goes.
    pub(super) fn pop(&self) -> Option<Input> {
        let mut inbox = self.inbox();
        let next = inbox.queue.pop_front();
        if next.is_none() {
            inbox.scheduled = false;
        }
        next
    }

    /// A place for a fetch or a request over HTTP; `None` when it has too many under way.
    pub(super) fn begin_fetch(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.fetches).try_acquire_owned().ok()
    }

    /// It takes nothing any more; `false` when that was so before.
    pub(super) fn die(&self) -> bool {
        let mut inbox = self.inbox();
        inbox.queue.clear();
        !std::mem::replace(&mut inbox.dead, true)
    }

    /// Inputs that wait.
    pub(super) fn waiting(&self) -> usize {
        self.inbox().queue.len()
    }

    pub(super) fn has_begun(&self) -> bool {
        self.inbox().begun
    }

    pub(super) fn is_dead(&self) -> bool {
        self.inbox().dead
    }
}
