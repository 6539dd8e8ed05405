//! A running document: events in, effects out.

mod content;
mod enter;
mod invoke;
mod model;
mod select;
mod send;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, PoisonError, RwLock};

use script::{HostFunction, Unwatched, Watch};
use serde_json::Value as Json;

use self::model::Model;
use crate::bits::Bits;
use crate::dialect::Dialect;
use crate::effect::{Effect, Ending, Message, Target};
use crate::event::{Data, Event};
use crate::limits::Limits;
use crate::model::{Document, ROOT};

/// Ids of live sessions, shared by those who may write to each other.
///
/// A document learns at once that nobody is there, before anything else it does (C.1).
#[derive(Debug, Default)]
pub struct Directory {
    ids: RwLock<HashSet<String>>,
}

impl Directory {
    /// Notes a session.
    pub fn insert(&self, id: &str) {
        self.ids
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(id.to_owned());
    }

    /// Forgets a session.
    pub fn remove(&self, id: &str) {
        self.ids
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(id);
    }

    /// True when a session is there.
    pub fn contains(&self, id: &str) -> bool {
        self.ids
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(id)
    }
}

/// Key under which the data of an event may tell how its interaction stands; scripts do not see it.
pub const INTERACTION: &str = "\u{0}interaction";

/// What a session begins with.
#[derive(Clone)]
pub struct Start {
    /// Its id; other sessions reach it as `#_scxml_<id>`.
    pub id: String,
    /// Values for `<data>` of the same names; in the draft also other names.
    pub params: Vec<(String, Data)>,
    /// The `<invoke>` that it is started by.
    pub invoke_id: Option<String>,
    /// Address of its `BasicHTTP` processor, when there is one.
    pub http_location: Option<String>,
    /// Further members of `_x`.
    pub extra: Json,
    /// Globals that scripts cannot change.
    pub constants: Vec<(String, Json)>,
    /// What `_genesys` is made of: `callState`, `session`, and `interactions` that the session has
    /// from their `interaction.added` to their `interaction.deleted`; an event that carries an
    /// object under [`INTERACTION`] changes its interaction by it. The functions in it call
    /// those of the host that [`Self::functions`] has under names with `__host_`, as
    /// `__host_attach(id, object)`. Without it there is no `_genesys`.
    pub object_model: Option<Json>,
    /// The sessions that can be reached; without it every id may be one.
    pub directory: Option<Arc<Directory>>,
    /// Functions of the host.
    pub functions: Vec<(String, HostFunction)>,
    /// Clock of the time limit.
    pub watch: Arc<dyn Watch>,
    /// Where `Math.random` starts.
    pub seed: u64,
    /// What it may take.
    pub limits: Limits,
}

impl Default for Start {
    fn default() -> Self {
        Self {
            id: "session".to_owned(),
            params: Vec::new(),
            invoke_id: None,
            http_location: None,
            extra: Json::Object(serde_json::Map::new()),
            constants: Vec::new(),
            object_model: None,
            directory: None,
            functions: Vec::new(),
            watch: Arc::new(Unwatched),
            seed: 1,
            limits: Limits::default(),
        }
    }
}

impl std::fmt::Debug for Start {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Start")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// A running document.
///
/// ```
/// use scxml::{Data, Effect, Ending, Event, Loader, Session, Start};
///
/// let page = "<scxml xmlns='http://www.w3.org/2005/07/scxml'>\
///     <state id='wait'><transition event='go' target='end'/></state><final id='end'/></scxml>";
/// let document = Loader::new("page.scxml", page, None).finish().unwrap();
/// let mut session = Session::new(document.into(), Start::default());
/// session.start(0);
/// session.handle_event(Event::external("go", Data::None), 5);
/// assert!(matches!(session.poll_effect(), Some(Effect::Done(Ending::Final { .. }))));
/// ```
#[derive(Debug)]
pub struct Session {
    doc: Arc<Document>,
    start: Start,
    model: Model,
    config: Bits,
    history: HashMap<u32, Vec<u32>>,
    internal: VecDeque<Event>,
    external: VecDeque<Event>,
    effects: VecDeque<Effect>,
    /// States that were entered in this macrostep and have invocations to start.
    to_invoke: Bits,
    invoked: Vec<ActiveInvoke>,
    /// States whose data exists, with late binding.
    bound: Bits,
    scratch: Scratch,
    /// The final state of the root, once reached.
    reached: Option<u32>,
    life: Life,
    sequence: u64,
    microsteps: u64,
    events: u64,
    /// Microsteps that are left in this macrostep.
    allowance: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    New,
    Running,
    Ended,
}

#[derive(Clone, Debug)]
struct ActiveInvoke {
    state: u32,
    number: usize,
    id: String,
    auto_forward: bool,
}

/// Sets that every microstep needs, kept to save their allocation.
#[derive(Debug, Default)]
struct Scratch {
    exit: Bits,
    enter: Bits,
    default_entry: Bits,
    default_history: Vec<(u32, u32)>,
    enabled: Vec<u32>,
}

impl Session {
    /// A session that has not begun.
    pub fn new(doc: Arc<Document>, start: Start) -> Self {
        let count = doc.states.len();
        let bits = || Bits::new(count);
        Self {
            model: Model::new(&doc),
            config: bits(),
            history: HashMap::new(),
            internal: VecDeque::new(),
            external: VecDeque::new(),
            effects: VecDeque::new(),
            to_invoke: bits(),
            invoked: Vec::new(),
            bound: bits(),
            scratch: Scratch {
                exit: bits(),
                enter: bits(),
                default_entry: bits(),
                ..Scratch::default()
            },
            reached: None,
            life: Life::New,
            sequence: 0,
            microsteps: 0,
            events: 0,
            allowance: start.limits.microsteps,
            doc,
            start,
        }
    }

    /// Makes the data, runs global scripts, enters the initial states.
    pub fn start(&mut self, now_ms: i64) {
        if self.life != Life::New {
            return;
        }
        self.life = Life::Running;
        let doc = Arc::clone(&self.doc);
        if let Err(error) = self.model.open(&doc, &self.start, now_ms) {
            self.finish(Ending::Limit {
                message: error.to_string(),
            });
            return;
        }
        self.begin(now_ms);
        self.initialise(&doc);
        if let Some(initial) = doc.state(ROOT).initial {
            self.scratch.enabled.clear();
            self.scratch.enabled.push(initial);
            self.enter_states(&doc);
        }
        self.settle(&doc, now_ms);
    }

    /// Takes an external event and runs until nothing is left to do.
    ///
    /// Returns false when it was refused: the session has ended or its queue is full.
    pub fn handle_event(&mut self, event: Event, now_ms: i64) -> bool {
        if self.life != Life::Running || self.external.len() >= self.start.limits.external_events {
            return false;
        }
        self.external.push_back(event);
        self.events += 1;
        let doc = Arc::clone(&self.doc);
        self.settle(&doc, now_ms);
        true
    }

    /// Takes an event of the engine, such as `error.communication`, before all external ones.
    pub fn handle_internal(&mut self, event: Event, now_ms: i64) {
        if self.life != Life::Running {
            return;
        }
        self.begin(now_ms);
        self.raise(event);
        let doc = Arc::clone(&self.doc);
        self.settle(&doc, now_ms);
    }

    /// Tells that a message could not be delivered.
    pub fn handle_undelivered(&mut self, message: &Message, text: &str, now_ms: i64) {
        let name = match (self.doc.dialect, &message.target) {
            (Dialect::W3c10, _) => "error.communication",
            (Dialect::Ors2009, Target::Session(_)) => "error.send.nosuchsession",
            (Dialect::Ors2009, _) => "error.send.failed",
        };
        let data = serde_json::json!({ "message": text });
        let mut event = Event::platform(name, Data::Json(data));
        event.send_id = Some(message.send_id.clone());
        self.handle_internal(event, now_ms);
    }

    /// Ends the session from outside: its exit handlers run, its end carries no data.
    pub fn stop(&mut self, now_ms: i64) {
        if self.life != Life::Running {
            return;
        }
        self.begin(now_ms);
        let doc = Arc::clone(&self.doc);
        self.exit_all(&doc);
        self.finish(Ending::Stopped);
    }

    /// The next thing for the host to do.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// True from [`Self::start`] until the end.
    pub fn is_running(&self) -> bool {
        self.life == Life::Running
    }

    /// Ids of the active states in document order.
    pub fn configuration(&self) -> Vec<&str> {
        self.config
            .iter()
            .map(|state| &*self.doc.state(state).id)
            .collect()
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.start.id
    }

    /// The `<invoke>` that it was started by.
    pub fn invoke_id(&self) -> Option<&str> {
        self.start.invoke_id.as_deref()
    }

    /// What it runs.
    pub fn document(&self) -> &Arc<Document> {
        &self.doc
    }

    /// Microsteps so far.
    pub fn microsteps(&self) -> u64 {
        self.microsteps
    }

    /// External events so far.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Bytes of script heap in use.
    pub fn heap_bytes(&self) -> u64 {
        self.model.heap_bytes()
    }

    fn begin(&mut self, now_ms: i64) {
        self.allowance = self.start.limits.microsteps;
        self.model.begin(now_ms);
    }

    /// Runs until stable and no external event is left (`mainEventLoop`).
    fn settle(&mut self, doc: &Document, now_ms: i64) {
        loop {
            self.macrostep(doc);
            if self.life != Life::Running {
                return;
            }
            if self.reached.is_some() {
                self.conclude(doc);
                return;
            }
            self.start_invocations(doc);
            if !self.internal.is_empty() {
                continue;
            }
            let Some(event) = self.external.pop_front() else {
                return;
            };
            self.begin(now_ms);
            self.model.set_event(&event);
            self.finalize_and_forward(doc, &event);
            self.select(doc, Some(&event.name));
            if !self.scratch.enabled.is_empty() {
                self.microstep(doc);
            }
        }
    }

    /// Eventless transitions and internal events until there are none.
    fn macrostep(&mut self, doc: &Document) {
        while self.life == Life::Running && self.reached.is_none() {
            self.select(doc, None);
            if self.scratch.enabled.is_empty() {
                let Some(event) = self.internal.pop_front() else {
                    return;
                };
                self.model.set_event(&event);
                self.select(doc, Some(&event.name));
            }
            // Events that nobody takes count, too: a condition that fails raises one each time.
            if self.allowance == 0 {
                let limit = self.start.limits.microsteps;
                self.give_up(format!("more than {limit} microsteps for one event"));
                return;
            }
            self.allowance -= 1;
            if !self.scratch.enabled.is_empty() {
                self.microstep(doc);
            }
        }
    }

    fn microstep(&mut self, doc: &Document) {
        self.microsteps += 1;
        self.exit_states(doc);
        for at in 0..self.scratch.enabled.len() {
            if let Some(number) = self.scratch.enabled.get(at) {
                let transition = doc.transition(*number);
                if !transition.content.is_empty() {
                    self.run_block(doc, &transition.content);
                }
            }
        }
        self.enter_states(doc);
    }

    /// The end by a final state of the root (`exitInterpreter`).
    fn conclude(&mut self, doc: &Document) {
        let state = self.reached;
        self.exit_all(doc);
        let (id, data) = match state.map(|state| doc.state(state)) {
            Some(state) => {
                let data = state
                    .done_data
                    .as_ref()
                    .map_or(Data::None, |payload| self.done_data(payload));
                (state.id.as_ref().to_owned(), data)
            }
            None => (String::new(), Data::None),
        };
        self.finish(Ending::Final { state: id, data });
    }

    /// The end by a limit: nothing of the document runs any more.
    fn give_up(&mut self, message: String) {
        self.cancel_invocations(None);
        self.finish(Ending::Limit { message });
    }

    fn finish(&mut self, ending: Ending) {
        self.life = Life::Ended;
        self.internal.clear();
        self.external.clear();
        self.effects.push_back(Effect::Done(ending));
        self.model.close();
    }

    /// Puts an event into the internal queue.
    fn raise(&mut self, event: Event) {
        if self.internal.len() >= self.start.limits.internal_events {
            let limit = self.start.limits.internal_events;
            if self.life == Life::Running {
                self.give_up(format!("more than {limit} internal events are waiting"));
            }
            return;
        }
        self.internal.push_back(event);
    }

    fn effect(&mut self, effect: Effect) {
        if self.effects.len() >= self.start.limits.effects {
            let limit = self.start.limits.effects;
            if self.life == Life::Running {
                self.give_up(format!("more than {limit} effects are waiting"));
            }
            return;
        }
        self.effects.push_back(effect);
    }

    /// A number that this session has not used.
    fn next_number(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }
}
