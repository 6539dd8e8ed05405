//! One session with its inbox: inputs wait here until a thread has time for it.

use std::collections::VecDeque;
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
use crate::pool::{Burden, Hosted, Inbox, Pushed};
use crate::shard::Line;
use crate::supervisor::Due;

/// What happens to a session.
pub(super) enum Input {
    /// It begins, with these events right after.
    Start(Box<Beginning>),
    /// An event from outside for it or one that it invoked.
    Event(String, Event),
    /// An event that answers what it asked for: never refused, what it asks at once is bounded.
    Answer(String, Event),
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
    inbox: Inbox<Input>,
    body: Mutex<Body>,
    /// When a tick comes.
    pub(super) due: Due,
    burden: Burden,
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
    type Input = Input;

    fn name(&self) -> &str {
        &self.id
    }

    fn inbox(&self) -> &Inbox<Input> {
        &self.inbox
    }

    fn burden(&self) -> &Burden {
        &self.burden
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
            inbox: Inbox::new(false),
            body: Mutex::new(Body {
                hub: Hub::new(settings),
                interactions: Interactions::default(),
                requests: VecDeque::new(),
                plays: 0,
            }),
            due: Due::default(),
            burden: Burden::default(),
            fetches: Arc::new(Semaphore::new(limits::SESSION_FETCHES_MAX)),
        })
    }

    /// What the session is, unless a thread runs it right now.
    pub(super) fn try_body(&self) -> Option<MutexGuard<'_, Body>> {
        self.body.try_lock().ok()
    }

    pub(super) fn body(&self) -> MutexGuard<'_, Body> {
        self.body.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts an input into the inbox.
    pub(super) fn push(&self, input: Input) -> Pushed {
        match input {
            Input::Start(_) => self.inbox.open_with(input),
            Input::Event(..) | Input::Request(..) => {
                self.inbox.push(input, limits::SESSION_INPUTS_MAX)
            }
            // Its own doing, or of its calls.
            input => self.inbox.push(input, usize::MAX),
        }
    }

    /// A place for a fetch or a request over HTTP; `None` when it has too many under way.
    pub(super) fn begin_fetch(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.fetches).try_acquire_owned().ok()
    }

    /// It takes nothing any more; `false` when that was so before.
    pub(super) fn die(&self) -> bool {
        self.inbox.die()
    }

    /// Inputs that wait.
    pub(super) fn waiting(&self) -> usize {
        self.inbox.len()
    }

    pub(super) fn has_begun(&self) -> bool {
        self.inbox.is_open()
    }

    pub(super) fn is_dead(&self) -> bool {
        self.inbox.is_dead()
    }
}

#[cfg(test)]
mod tests {
    use scxml::Data;

    use super::*;

    #[test]
    fn a_flood_of_events_does_not_cost_a_session_its_answers() {
        let cell = Cell::started("A".to_owned(), None, None, "http://h");
        let event = || Event::external("e", Data::None);
        for _ in 0..limits::SESSION_INPUTS_MAX {
            let pushed = cell.push(Input::Event("A".to_owned(), event()));
            assert_eq!(pushed, Pushed::Waits);
        }
        let pushed = cell.push(Input::Event("A".to_owned(), event()));
        assert_eq!(pushed, Pushed::Refused);
        let pushed = cell.push(Input::Answer("A".to_owned(), event()));
        assert_eq!(pushed, Pushed::Waits);
    }
}
