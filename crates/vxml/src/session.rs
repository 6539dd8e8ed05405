//! A running application: inputs in, effects out.

mod content;
mod document;
mod event;
mod fetch;
mod fia;
mod happen;
mod hold;
mod input;
mod line;
mod listen;
mod marks;
mod meaning;
mod prompt;
mod record;
mod run;
mod subdialog;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use script::{Base, Unwatched, Watch};
use serde_json::{Map, Value as Json};

use self::document::Purpose;
use self::hold::Hold;
use self::line::{Transferring, Watch as KeyWatch};
use self::listen::{Active, Listen};
use self::marks::Marks;
use self::prompt::{Group, Queued};
use self::record::Recorder;
use self::run::Run;
use crate::effect::{Effect, Ending, Input, Message, Trace, Waiting};
use crate::grammar::{Fetched, Grammar};
use crate::library::Library;
use crate::limits::Limits;
use crate::model::{Dialog, Document};
use crate::world::{Thrown, Try, World};

/// What a session begins with.
#[derive(Clone)]
pub struct Start {
    /// Members of `session`, e.g. from [`crate::Connection`].
    pub session: Json,
    /// Properties that hold until a page says otherwise.
    pub properties: Vec<(String, String)>,
    /// Text can be spoken; without it text that has no audio raises `error.noresource`.
    pub speech: bool,
    /// Kinds of transfer that the line can do; others raise `error.unsupported.transfer.<kind>`.
    pub transfers: Vec<crate::model::TransferKind>,
    /// There is an orchestration session to talk with; without it `gvp:send` and `gvp:receive`
    /// raise `error.unsupported.send` and `error.unsupported.receive`.
    pub messages: bool,
    /// Bounds.
    pub limits: Limits,
    /// The clock of the time limit of scripts.
    pub watch: Arc<dyn Watch>,
    /// Where `Math.random` starts.
    pub seed: u64,
    /// What was compiled before.
    pub library: Arc<Library>,
}

impl Default for Start {
    fn default() -> Self {
        use crate::model::TransferKind::{Blind, Bridge, Consultation};
        Self {
            session: Json::Object(Map::new()),
            properties: Vec::new(),
            speech: false,
            transfers: vec![Blind, Bridge, Consultation],
            messages: true,
            limits: Limits::default(),
            watch: Arc::new(Unwatched),
            seed: 0,
            library: Arc::default(),
        }
    }
}

impl std::fmt::Debug for Start {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Start")
            .field("speech", &self.speech)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// A page in use: with the place of its scripts in the sandbox.
#[derive(Clone, Debug)]
struct Loaded {
    doc: Arc<Document>,
    base: Base,
}

/// Counters of a form item or dialog.
#[derive(Clone, Debug, Default)]
struct Visit {
    prompts: u32,
    events: HashMap<String, u32>,
}

/// One application within the call: the first one, or a subdialog.
#[derive(Debug, Default)]
struct Context {
    root: Option<Loaded>,
    leaf: Option<Loaded>,
    dialog: Option<Arc<Dialog>>,
    /// Being visited.
    item: Option<usize>,
    /// Named by `goto nextitem`.
    next_item: Option<usize>,
    visits: Vec<Visit>,
    dialog_visit: Visit,
    /// The last turn ended in a handler without `reprompt`.
    skips_prompts: bool,
    /// Variables filled by the last input, by position.
    just_filled: Vec<usize>,
    /// A page that waits for its root, and the dialog that it begins with.
    pending: Option<Arc<Document>>,
    entry: Option<usize>,
}

/// What happens next, or what is waited for.
#[derive(Debug)]
enum Phase {
    /// Not started.
    Idle,
    /// Executable content.
    Run(Box<Run>),
    /// Chooses the next item.
    Select,
    /// Visits an item: an input is wanted.
    Activate,
    Fetch {
        id: u64,
        purpose: Box<Purpose>,
    },
    Listen(Box<Listen>),
    /// Prompts are played to their end.
    Flush {
        id: u64,
        /// A key may end what plays now.
        barge_in: bool,
        rest: VecDeque<Group>,
        then: Box<Then>,
    },
    /// Prompts are played before something else.
    Said(Box<Then>),
    Record(Box<Recorder>),
    Transfer(Box<Transferring>),
    Receive {
        run: Box<Run>,
        deadline: i64,
    },
    Ended,
}

/// What follows prompts that are played to their end.
#[derive(Debug)]
enum Then {
    End(Ending),
    /// The call is released; the page learns of it.
    Release,
    /// With the grammars that end it.
    Record(Vec<Active>),
    /// `gvp:receive`, for so long.
    Receive(Box<Run>, u64),
    /// With the grammars that call it off.
    Transfer(KeyWatch),
}

/// One call's application.
///
/// ```
/// use vxml::{Answer, Effect, Input, Session, Start};
///
/// let mut session = Session::new(Start::default())?;
/// session.start("http://example.test/page.vxml", 0);
/// let Some(Effect::Fetch(request)) = session.poll_effect() else { panic!("no request") };
/// let page = "<vxml version='2.1'><form><block><exit expr=\"'done'\"/></block></form></vxml>";
/// let answer = Answer { body: page.into(), ..Answer::default() };
/// session.handle(Input::Fetched { id: request.id, answer: Ok(answer) }, 0);
/// let ended = std::iter::from_fn(|| session.poll_effect()).last();
/// assert!(matches!(ended, Some(Effect::Ended(_))));
/// # Ok::<(), script::Error>(())
/// ```
#[derive(Debug)]
pub struct Session {
    world: World,
    start: Start,
    contexts: Vec<Context>,
    phase: Phase,
    effects: VecDeque<Effect>,
    next_id: u64,
    now_ms: i64,
    steps: u32,
    /// Scripts ran out of time in this stretch and got a second one for the handler.
    had_grace: bool,
    fetches: u32,
    transfers: u32,
    documents: u32,
    /// Keys that nobody asked for yet.
    keys: VecDeque<char>,
    queue: Vec<Queued>,
    /// What sounds while something is fetched.
    hold: Option<Box<Hold>>,
    grammars: Fetched,
    grammar_bases: Vec<(Arc<Grammar>, Base)>,
    recordings: HashSet<String>,
    hung_up: bool,
    hangup_pending: bool,
    /// The page released the call, with these values.
    released: Option<Map<String, Json>>,
    marks: Marks,
    /// `xml:base` of the prompt that is put together.
    prompt_base: Option<Arc<str>>,
    /// An input for a dialog that was entered by its grammar.
    carried: Option<input::Carried>,
    /// Messages of `gvp:receive` that nobody asked for yet.
    messages: VecDeque<Message>,
}

/// Messages that wait for a `gvp:receive`.
const MESSAGES_MAX: usize = 100;

impl Session {
    /// A session that waits for [`Self::start`].
    ///
    /// # Errors
    /// The limits leave no room for the built-in objects.
    pub fn new(start: Start) -> Result<Self, script::Error> {
        let watch = Arc::clone(&start.watch);
        let world = World::new(&start.session, &start.limits.script, watch, start.seed)?;
        Ok(Self {
            world,
            start,
            contexts: vec![Context::default()],
            phase: Phase::Idle,
            effects: VecDeque::new(),
            next_id: 1,
            now_ms: 0,
            steps: 0,
            had_grace: false,
            fetches: 0,
            transfers: 0,
            documents: 0,
            keys: VecDeque::new(),
            queue: Vec::new(),
            hold: None,
            grammars: Fetched::new(),
            grammar_bases: Vec::new(),
            recordings: HashSet::new(),
            hung_up: false,
            hangup_pending: false,
            released: None,
            marks: Marks::default(),
            prompt_base: None,
            carried: None,
            messages: VecDeque::new(),
        })
    }

    /// Begins with a page.
    pub fn start(&mut self, url: &str, now_ms: i64) {
        if !matches!(self.phase, Phase::Idle) {
            return;
        }
        self.stretch(now_ms);
        self.first_page(url);
        self.drive();
    }

    /// Takes what happened outside; inputs that nobody waits for are ignored.
    pub fn handle(&mut self, input: Input, now_ms: i64) {
        if matches!(self.phase, Phase::Ended | Phase::Idle) {
            return;
        }
        self.stretch(now_ms);
        match input {
            Input::Fetched { id, answer } => self.fetched(id, answer),
            Input::Begun { id, marks } => self.begun(id, marks),
            Input::Played(id) => {
                self.silent(id);
                self.played(id);
            }
            Input::Unplayable(id) => {
                let message = "the audio cannot be had and text cannot be spoken";
                self.unplayable(id, Thrown::new("error.noresource", message));
            }
            Input::NoVoice { id, lang } => {
                let message = format!("nobody speaks {lang}");
                self.unplayable(id, Thrown::new("error.unsupported.language", message));
            }
            Input::Key(key) => self.key(key.to_ascii_uppercase()),
            Input::Hangup => self.hangup(),
            Input::Time => self.time(),
            Input::Recorded { id, recording } => self.recorded(id, recording),
            Input::Transferred { id, outcome } => self.transferred(id, outcome),
            Input::Message(message) => self.message(message),
            Input::Stop => self.finish(Ending::Stopped),
        }
        self.drive();
    }

    /// The next thing to be done outside.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// When [`Input::Time`] is due, in the time that inputs come with, ms.
    pub fn next_time(&self) -> Option<i64> {
        match &self.phase {
            Phase::Listen(listen) => listen.deadline(),
            Phase::Record(recorder) => recorder.deadline(),
            Phase::Receive { deadline, .. } => Some(*deadline),
            Phase::Fetch { .. } => self.hold.as_ref().and_then(|hold| hold.next_time()),
            _ => None,
        }
    }

    /// What the session waits for.
    pub fn waiting(&self) -> Waiting {
        match &self.phase {
            Phase::Fetch { .. } if self.hold.as_ref().is_some_and(|hold| hold.is_answered()) => {
                Waiting::Play
            }
            Phase::Fetch { .. } => Waiting::Fetch,
            Phase::Flush { barge_in, then, .. } if *barge_in && then.takes_keys() => Waiting::Input,
            Phase::Flush { .. } => Waiting::Play,
            Phase::Listen(listen) if listen.is_deaf() => Waiting::Play,
            Phase::Listen(_) => Waiting::Input,
            Phase::Record(_) => Waiting::Record,
            Phase::Transfer(_) => Waiting::Transfer,
            Phase::Receive { .. } => Waiting::Message,
            Phase::Idle
            | Phase::Run(_)
            | Phase::Select
            | Phase::Activate
            | Phase::Said(_)
            | Phase::Ended => Waiting::Nothing,
        }
    }

    /// True while an input has begun and its end is waited for.
    pub fn is_collecting(&self) -> bool {
        matches!(&self.phase, Phase::Listen(listen) if listen.has_keys())
    }

    /// True once [`Effect::Ended`] was given out or waits to be taken.
    pub fn is_ended(&self) -> bool {
        matches!(self.phase, Phase::Ended)
    }

    /// Whether text can be spoken.
    pub fn can_speak(&self) -> bool {
        self.start.speech
    }

    /// Pages entered so far, roots not counted.
    pub fn documents(&self) -> u32 {
        self.documents
    }

    /// Bytes of heap that the variables and scripts take.
    pub fn heap_bytes(&self) -> u64 {
        self.world.heap_bytes()
    }

    fn stretch(&mut self, now_ms: i64) {
        self.now_ms = now_ms;
        self.steps = 0;
        self.had_grace = false;
        self.world.begin(now_ms);
    }

    /// Goes on until something outside has to happen.
    fn drive(&mut self) {
        loop {
            match std::mem::replace(&mut self.phase, Phase::Ended) {
                Phase::Run(run) => self.advance(run),
                Phase::Select => {
                    if self.step() {
                        let done = self.select();
                        self.caught(done);
                    }
                }
                Phase::Said(then) => self.flush(*then),
                Phase::Activate => {
                    let done = self.activate();
                    self.caught(done);
                }
                waits => {
                    self.phase = waits;
                    return;
                }
            }
            if self.effects.len() > self.start.limits.effects {
                self.queue.clear();
                self.finish(Thrown::limit("too many effects at once").into_ending());
            }
        }
    }

    /// Counts a step; false when there were too many and something else happens next.
    fn step(&mut self) -> bool {
        self.steps += 1;
        if self.steps <= self.start.limits.steps {
            return true;
        }
        let thrown = Thrown::limit("too many steps without waiting");
        if self.steps == self.start.limits.steps + 1 {
            // The handler gets a hundredth of the steps.
            self.throw(thrown);
        } else if self.steps > self.start.limits.steps + self.start.limits.steps / 100 {
            self.finish(thrown.into_ending());
        } else {
            return true;
        }
        false
    }

    fn caught(&mut self, done: Try<()>) {
        if let Err(thrown) = done {
            self.throw(*thrown);
        }
    }

    fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id - 1
    }

    fn effect(&mut self, effect: Effect) {
        self.effects.push_back(effect);
    }

    fn warn(&mut self, message: impl Into<String>) {
        self.effect(Effect::Trace(Trace::Warning(message.into())));
    }

    fn context(&mut self) -> &mut Context {
        if self.contexts.is_empty() {
            self.contexts.push(Context::default());
        }
        let last = self.contexts.len() - 1;
        self.contexts.get_mut(last).expect("one was pushed")
    }

    /// Place of the scripts of the page in use.
    fn base(&mut self) -> Base {
        let context = self.context();
        let loaded = context.leaf.as_ref().or(context.root.as_ref());
        loaded.map_or_else(Base::default, |loaded| loaded.base)
    }

    /// Against what relative addresses are resolved.
    fn address_base(&mut self) -> Arc<str> {
        let context = self.context();
        let loaded = context.leaf.as_ref().or(context.root.as_ref());
        loaded.map_or_else(|| "".into(), |loaded| Arc::clone(&loaded.doc.base))
    }

    fn dialog(&mut self) -> Try<Arc<Dialog>> {
        let dialog = self.context().dialog.clone();
        dialog.ok_or_else(|| Box::new(Thrown::semantic("there is no dialog")))
    }

    /// Ends the session at once.
    fn finish(&mut self, ending: Ending) {
        if self.is_over() {
            return;
        }
        self.stop_outside();
        self.phase = Phase::Ended;
        let ending = match self.released.take() {
            Some(names) => self.release_with(names, ending),
            None => ending,
        };
        self.effect(Effect::Ended(Box::new(ending)));
    }

    /// Whether the end was told already.
    fn is_over(&self) -> bool {
        matches!(self.effects.back(), Some(Effect::Ended(_)))
    }

    /// Ends the session after what is queued was played.
    fn end(&mut self, ending: Ending) {
        if self.hung_up || self.queue.is_empty() {
            self.finish(ending);
        } else {
            self.flush(Then::End(ending));
        }
    }

    /// Ends what goes on outside.
    fn stop_outside(&mut self) {
        match std::mem::replace(&mut self.phase, Phase::Ended) {
            Phase::Listen(listen) => {
                if let Some(id) = listen.playing() {
                    self.effect(Effect::StopPlay(id));
                }
            }
            Phase::Flush { id, .. } => self.effect(Effect::StopPlay(id)),
            Phase::Fetch { .. } => {
                self.end_hold();
            }
            Phase::Record(recorder) => self.effect(Effect::StopRecord(recorder.id)),
            Phase::Transfer(transferring) => self.effect(Effect::StopTransfer(transferring.id)),
            _ => {}
        }
    }
}
