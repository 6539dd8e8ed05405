//! The task that owns all open callbacks: take, decide, commit, act.

mod act;
mod agents;
mod command;
mod confirm;
mod control;
mod input;
mod line;
mod pauses;
mod placed;
mod plugin;
mod queued;
mod reminders;
mod round;
mod start;
mod submission;
#[cfg(test)]
mod tests;
mod told;

pub(crate) use control::{Act, PLUGIN_PLAYS, QueueOrder};
pub(crate) use placed::{Line, NotPlaced, Order, SessionCommand, Target, control, post};
pub(crate) use start::key_used_differently;

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use callback::admission::Ledger;
use callback::agent::AgentConfig;
use callback::lifecycle::{Input, LineEnd};
use callback::number::Dialplan;
use callback::pause::Pauses;
use callback::plugin::Answer;
use callback::routing::{AgentView, Pace, Router};
use callback::service::Resolved;
use callback::{AgentId, Callback, CallbackId, Error, LegKey, ServiceName, Timestamp};
use store::{AgentStateRow, EventRow, IdempotencyRow, Store};
use telephony::port::{Command as TelephonyCommand, Event as TelephonyEvent, Telephony};
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::limits;
use crate::load::{Census, QueueLoad};
use crate::metrics::{Figures, Metrics};
use crate::notify::{Outbox, Publisher};
use crate::plugin::PluginHost;
use crate::supervisor::Supervisor;
use crate::treatment::Treatments;
use crate::trunks::Trunks;

use agents::AgentLeg;
use round::Round;

/// Where an answer goes.
pub(crate) type Reply<T> = oneshot::Sender<T>;

/// What the API and the engine's own tasks ask of the shard.
#[derive(Debug)]
pub(crate) enum Command {
    /// A new callback; answered when it is durable.
    Create {
        new: Box<NewRecord>,
        reply: Reply<Result<Arc<Callback>, Error>>,
    },
    /// A client's cancel or reschedule; answered when it is durable.
    Ask {
        service: Option<ServiceName>,
        id: CallbackId,
        input: Input,
        reply: Reply<Result<(), Error>>,
    },
    /// A plugin's answer; answered when it is durable.
    PluginAnswer {
        id: CallbackId,
        token: String,
        answer: Box<Answer>,
        reply: Reply<Result<(), Error>>,
    },
    /// A plugin's session acts on its call.
    Control {
        id: CallbackId,
        token: String,
        act: Act,
        reply: Reply<Result<(), &'static str>>,
    },
    /// What a session wants of the calls that it placed, and of where calls go.
    OfSession(SessionCommand),
    /// Something a task of the engine found out about a callback.
    Tell { id: CallbackId, input: Input },
    /// A treatment that had to be fetched is here.
    Send(Box<TelephonyCommand>),
    /// A treatment is here, or cannot be had.
    Play(Box<Clip>),
    /// The configured agents.
    SetAgents {
        agents: Vec<(AgentConfig, Result<(), String>)>,
        reply: Reply<()>,
    },
    /// An agent is ready or not.
    SetReady {
        id: AgentId,
        ready: Result<(), String>,
        reply: Reply<Result<(), Error>>,
    },
    /// What the pause list says now; answered when it counts for new callbacks.
    SetPauses { pauses: Pauses, reply: Reply<()> },
    /// The place of a callback in its virtual queue and how many wait there.
    Position {
        id: CallbackId,
        reply: Reply<Option<(usize, usize)>>,
    },
    /// What a virtual queue has to do.
    Load {
        queue: String,
        reply: Reply<QueueLoad>,
    },
    /// A statistic that a script asks for; the thread of its session waits for it.
    Statistic {
        object: String,
        name: String,
        reply: std::sync::mpsc::SyncSender<Result<i64, String>>,
    },
    /// Queues and agents in numbers.
    Figures { reply: Reply<Figures> },
    /// All open callbacks, counted.
    Census { reply: Reply<Census> },
    /// How the agents stand.
    Agents { reply: Reply<Vec<AgentView>> },
}

/// A treatment for a customer's leg.
#[derive(Debug)]
pub(crate) struct Clip {
    callback: CallbackId,
    leg: LegKey,
    token: u64,
    forever: bool,
    /// File or URL.
    source: String,
    /// Or why it cannot be had.
    clip: Result<telephony::media::audio::Clip, String>,
}

/// A record that wants to be made.
#[derive(Debug)]
pub(crate) struct NewRecord {
    pub(crate) callback: Callback,
    /// What has to hold before it is made, and notes for its history.
    pub(crate) resolved: Arc<Resolved>,
    pub(crate) idempotency: Option<IdempotencyRow>,
}

/// What the shard shows to the outside without being asked.
#[derive(Debug)]
pub(crate) struct Shared {
    /// The last commit succeeded, or it is time to try again.
    pub(crate) store_ok: AtomicBool,
    /// Callbacks that are running.
    pub(crate) running: AtomicUsize,
    /// No new dials: the server is going down.
    pub(crate) draining: AtomicBool,
    /// Durable events, for who listens.
    pub(crate) events: broadcast::Sender<Arc<[EventRow]>>,
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            store_ok: AtomicBool::new(true),
            running: AtomicUsize::new(0),
            draining: AtomicBool::new(false),
            events: broadcast::Sender::new(limits::TAIL_BATCHES_MAX),
        }
    }
}

/// What a shard works with.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) telephony: Arc<dyn Telephony>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) outbox: Outbox,
    pub(crate) publisher: Arc<Publisher>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) supervisor: Supervisor,
    pub(crate) treatments: Treatments,
    pub(crate) plugins: PluginHost,
    pub(crate) dialplan: Arc<Dialplan>,
    pub(crate) trunks: Trunks,
    pub(crate) max_running: usize,
    pub(crate) shared: Arc<Shared>,
    pub(crate) commands: mpsc::Sender<Command>,
}

/// The shard's state.
pub(crate) struct Shard {
    parts: Parts,
    now: Timestamp,
    /// Shared with batches under way only; a step takes the record out of its `Arc`.
    callbacks: HashMap<CallbackId, Arc<Callback>>,
    router: Router,
    timers: BTreeSet<(Timestamp, CallbackId)>,
    /// Callbacks whose turn to dial has come but whose trunk has no room.
    turns: VecDeque<CallbackId>,
    /// Trunks have room again at this time.
    turns_at: Option<Timestamp>,
    /// How fast the virtual queues move.
    pace: Pace,
    /// Callbacks that are reminded when their turn is near.
    reminders: BTreeSet<CallbackId>,
    /// When the queues are looked at for them.
    reminders_at: Option<Timestamp>,
    /// The store refused creates and has nothing else to write; it is tried again at this time.
    store_again_at: Option<Timestamp>,
    /// What the store refused since it took something last.
    refusals: round::Refusals,
    /// Inputs that arose while acting.
    arisen: VecDeque<(CallbackId, Input)>,
    /// Telephony commands that were refused for lack of room; bounded, see `line.rs`.
    unsent: VecDeque<TelephonyCommand>,
    /// Keys of requests that may race: key → (hash of the body, callback).
    recent_keys: HashMap<String, (String, Arc<Callback>)>,
    recent_order: VecDeque<String>,
    /// Legs to agents' phones that are not over, by their key.
    agent_legs: HashMap<String, AgentLeg>,
    /// When agents' legs that are to end count as over.
    leg_ends: BTreeSet<(Timestamp, String)>,
    /// States that agents came into by themselves, for the next commit.
    agent_states: Vec<AgentStateRow>,
    /// Open callbacks that have waited for an agent: in which attempt, and since when.
    joined: HashMap<CallbackId, (u32, Timestamp)>,
    /// Calls of before a crash that are not ended yet, with their callbacks.
    leftovers: HashMap<String, CallbackId>,
    /// Legs that were handed over: each with its other half.
    handed: HashMap<String, String>,
    /// How the leg ended whose end is stepped through now.
    line_end: Option<LineEnd>,
    /// Calls that sessions placed and that are not over.
    placed: HashSet<String>,
    /// Those of them that are in a virtual queue.
    queued: HashMap<CallbackId, queued::Queued>,
    /// Legs to agents who were found for such calls.
    agents_placed: HashMap<String, queued::AgentPlaced>,
    /// Sessions that wait for what becomes of the redirection of their call.
    routes: HashMap<CallbackId, Reply<Result<(), &'static str>>>,
    /// The router may have something to give.
    router_changed: bool,
    /// Who asked how often, who waits.
    ledger: Ledger,
    /// Which services are paused.
    pauses: Pauses,
    /// A service begins or ceases to be paused then.
    pauses_at: Option<Timestamp>,
}

impl Shard {
    pub(crate) fn new(parts: Parts) -> Self {
        let now = parts.clock.now();
        Self {
            parts,
            now,
            callbacks: HashMap::new(),
            router: Router::new(),
            timers: BTreeSet::new(),
            turns: VecDeque::new(),
            turns_at: None,
            pace: Pace::default(),
            reminders: BTreeSet::new(),
            reminders_at: None,
            store_again_at: None,
            refusals: round::Refusals::default(),
            arisen: VecDeque::new(),
            unsent: VecDeque::new(),
            recent_keys: HashMap::new(),
            recent_order: VecDeque::new(),
            agent_legs: HashMap::new(),
            leg_ends: BTreeSet::new(),
            agent_states: Vec::new(),
            joined: HashMap::new(),
            leftovers: HashMap::new(),
            handed: HashMap::new(),
            line_end: None,
            placed: HashSet::new(),
            queued: HashMap::new(),
            agents_placed: HashMap::new(),
            routes: HashMap::new(),
            router_changed: true,
            ledger: Ledger::default(),
            pauses: Pauses::default(),
            pauses_at: None,
        }
    }

    /// Runs until `stop`; what was taken is finished first.
    pub(crate) async fn run(
        mut self,
        mut commands: mpsc::Receiver<Command>,
        mut events: mpsc::Receiver<TelephonyEvent>,
        stop: CancellationToken,
    ) {
        loop {
            let mut round = Round::default();
            let wake = self.wake_in();
            tokio::select! {
                biased;
                event = events.recv() => match event {
                    Some(event) => {
                        self.now = self.parts.clock.now();
                        self.on_event(event, &mut round);
                    }
                    None => return,
                },
                command = commands.recv() => match command {
                    Some(command) => {
                        self.now = self.parts.clock.now();
                        self.on_command(command, &mut round).await;
                    }
                    None => return,
                },
                () = stop.cancelled() => return,
                () = tokio::time::sleep(wake) => {}
            }
            self.now = self.parts.clock.now();
            for _ in 0..limits::BATCH_INPUTS_MAX {
                let Ok(event) = events.try_recv() else { break };
                self.on_event(event, &mut round);
            }
            for _ in 0..limits::BATCH_INPUTS_MAX {
                let Ok(command) = commands.try_recv() else {
                    break;
                };
                self.on_command(command, &mut round).await;
            }
            self.on_time(&mut round);
            self.commit(round).await;
        }
    }

    /// Time until something is due.
    fn wake_in(&self) -> Duration {
        self.next_at().map_or(Duration::from_secs(60), |at| {
            Duration::from_millis(at.millis_since(self.parts.clock.now()).min(60_000))
        })
    }

    /// When something is due next.
    fn next_at(&self) -> Option<Timestamp> {
        let is_congested = self.is_congested();
        if !self.arisen.is_empty()
            || !self.agent_states.is_empty()
            || (self.router_changed && !is_congested)
        {
            return Some(self.now);
        }
        // Nothing follows from these while no calls are begun.
        let begins = [self.turns_at, self.router.next_deadline(self.now)];
        let begins = begins.into_iter().flatten().filter(|_| !is_congested);
        let unsent = (!self.unsent.is_empty()).then(|| self.now + Duration::from_millis(10));
        [
            self.timers.first().map(|(at, _)| *at),
            self.store_again_at,
            self.next_silent_leg(),
            self.pauses_at,
            self.reminders_at,
            unsent,
        ]
        .into_iter()
        .flatten()
        .chain(begins)
        .min()
    }

    /// Everything that time brings: timers, what arose, the router's decisions, dial turns.
    fn on_time(&mut self, round: &mut Round) {
        self.resend();
        self.end_silent_legs();
        self.try_store_again();
        if self.pauses_at.is_some_and(|at| at <= self.now) {
            self.apply_pauses();
        }
        for _ in 0..limits::BATCH_INPUTS_MAX {
            let Some((id, input)) = self.arisen.pop_front() else {
                break;
            };
            self.step(&id, input, round);
        }
        self.on_timers(round);
        self.look_at_reminders(round);
        if self.is_congested() {
            return;
        }
        if self.router_changed
            || self
                .router
                .next_deadline(self.now)
                .is_some_and(|at| at <= self.now)
        {
            self.router_changed = false;
            for decision in self.router.assign(self.now) {
                self.on_decision(decision, round);
            }
        }
        self.on_turns(round);
    }

    /// Lets creates through to the store again: they find out whether it takes writes.
    fn try_store_again(&mut self) {
        if self.store_again_at.is_some_and(|at| at <= self.now) {
            self.store_again_at = None;
            self.parts.shared.store_ok.store(true, Ordering::Release);
        }
    }

    /// Queues and agents in numbers.
    fn figures(&self) -> Figures {
        let mut figures = Figures {
            queues: self.router.queue_depths().clone(),
            // A state that nobody is in is told as 0, not left out.
            agents: AgentView::STATES.iter().map(|state| (*state, 0)).collect(),
            registered: 0,
        };
        for agent in self.router.agents() {
            *figures.agents.entry(agent.state).or_default() += 1;
            figures.registered += usize::from(agent.registered);
        }
        figures
    }

    fn show(&self) {
        let running = self.callbacks.len();
        self.parts.shared.running.store(running, Ordering::Relaxed);
        self.parts
            .metrics
            .open
            .set(i64::try_from(running).unwrap_or(i64::MAX));
        let waiting: usize = self.router.queue_depths().values().sum();
        self.parts
            .metrics
            .waiting
            .set(i64::try_from(waiting).unwrap_or(i64::MAX));
    }
}
