//! The router: agents' states, waiting callbacks, and what follows when either changes.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::Found;
use super::pool::Pools;
use super::state::{
    Agent, AgentState, AgentView, REASON_NO_ANSWER, REASON_REJECTED, Released, UnknownAgent,
};
use super::target::{Selector, Target};
use super::waiting::{Entry, Need, Queue, Waiting};
use crate::agent::AgentConfig;
use crate::{AgentId, CallbackId, Timestamp};

/// How long an agent is kept for a customer who is being called, s.
pub const EARMARK_S: i64 = 60;
/// How long a phone that could not be reached is left alone, s.
pub const UNREACHABLE_S: i64 = 30;

/// What the router decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The customer is to be called now.
    Contact {
        /// The callback.
        callback: CallbackId,
    },
    /// The agent is reserved for the callback, which no longer waits.
    Agent {
        /// The callback.
        callback: CallbackId,
        /// The agent.
        found: Found,
    },
}

/// Brings waiting callbacks and agents together; pure, time comes in with each call.
///
/// Order of service: priority at the moment, then the earlier start, then the id; over all
/// virtual queues, so an agent of two queues takes whoever is first in both together. Of the
/// agents that suit, the one idle longest is taken.
///
/// Customers on the line ([`Need::Agent`]) come before all who are still to be called
/// ([`Need::Contact`]). A decision to call a customer keeps an agent for them (earmark): no other
/// customer is called on account of that agent. It is a soft promise: the agent stays ready, and a
/// customer on the line whom no other agent suits gets that one. A callback that lost its agent gets
/// another one before further customers are called. The earmark ends when its callback is
/// given an agent or leaves, or after [`EARMARK_S`].
///
/// All active elements of a target list count alike; an element that is not active yet
/// joins when its time has come, see [`Router::next_deadline`].
///
/// The caller tells what happens ([`Router::enqueue`], [`Router::talking`] …) and asks
/// [`Router::assign`] after every change and at the next deadline.
#[derive(Debug, Default)]
pub struct Router {
    pub(super) agents: BTreeMap<AgentId, Agent>,
    /// Extensions with a registered phone; also such that no agent has (yet).
    registered: HashSet<String>,
    /// Available agents kept for nobody, idle longest first.
    pub(super) free: BTreeSet<(Timestamp, AgentId)>,
    /// Available agents kept for somebody, idle longest first.
    pub(super) earmarked: BTreeSet<(Timestamp, AgentId)>,
    pub(super) pools: Pools,
    pub(super) queue: Queue,
    /// Customers who are being called and whose agent is gone.
    pub(super) unkept: BTreeSet<CallbackId>,
    /// Which agent was chosen for a callback, until that agent is released or it leaves.
    pub(super) offers: HashMap<CallbackId, AgentId>,
    pub(super) deadlines: BTreeSet<(Timestamp, Deadline)>,
    /// Something happened that may lead to a decision.
    pub(super) changed: bool,
}

/// What time alone brings about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Deadline {
    /// The next element of the callback's target comes into use.
    Stage(CallbackId),
    /// The callback's earmark ends.
    Earmark(CallbackId),
    /// The agent's phone is tried again.
    Retry(AgentId),
}

impl Router {
    /// A router without agents and callbacks.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Replaces the configuration of all agents: adds, updates and removes them.
    ///
    /// Agents that stay keep their state, new ones are not ready
    /// ([`REASON_NEW`](super::REASON_NEW)). A removed agent is forgotten at once, also during a
    /// call.
    pub fn set_agents(&mut self, agents: Vec<AgentConfig>, now: Timestamp) {
        let mut former = std::mem::take(&mut self.agents);
        self.free.clear();
        self.earmarked.clear();
        for config in agents {
            let registered = self.registered.contains(&config.extension);
            let id = config.id.clone();
            let agent = match former.remove(&id) {
                None => Agent::new(config, registered, now),
                Some(mut agent) => {
                    if registered && !agent.registered {
                        agent.idle_since = now;
                    }
                    agent.registered = registered;
                    agent.config = config;
                    agent
                }
            };
            self.agents.insert(id, agent);
        }
        for (id, agent) in former {
            if let Some(until) = agent.blocked_until {
                self.deadlines.remove(&(until, Deadline::Retry(id)));
            }
            if let Some(callback) = agent.state.callback() {
                self.offers.remove(callback);
            }
            if let Some(callback) = agent.earmark {
                self.lose_earmark(&callback);
            }
        }
        self.pools.rebuild(&self.agents);
        let ids: Vec<AgentId> = self.agents.keys().cloned().collect();
        for id in ids {
            self.place(&id);
            self.check_earmark_of(&id);
        }
        self.changed = true;
    }

    /// Sets an agent ready or, with a reason, not ready.
    ///
    /// During a call, reservation and ringing included, it takes effect afterwards. To say the
    /// same again changes nothing: the agent keeps the rank among the idle.
    ///
    /// # Errors
    ///
    /// No agent has this id.
    pub fn set_ready(
        &mut self,
        id: &AgentId,
        ready: Result<(), String>,
        now: Timestamp,
    ) -> Result<(), UnknownAgent> {
        let Some(agent) = self.agents.get_mut(id) else {
            return Err(UnknownAgent(id.clone()));
        };
        match (&agent.state, ready) {
            (AgentState::Ready, Ok(())) => {}
            (AgentState::NotReady { .. }, Ok(())) => self.update(id, |a| a.set_ready(now)),
            (AgentState::NotReady { .. }, Err(reason)) => {
                agent.state = AgentState::NotReady { reason };
            }
            (AgentState::Ready, Err(reason)) => self.update(id, |a| a.set_not_ready(reason, now)),
            (
                AgentState::Reserved { .. }
                | AgentState::Ringing { .. }
                | AgentState::Talking { .. },
                wish,
            ) => agent.wish = wish.err().map(|reason| (reason, now)),
        }
        Ok(())
    }

    /// Notes that the phone with this extension is registered, or no longer.
    ///
    /// An agent whose phone comes back counts as idle from then on.
    pub fn set_registered(&mut self, extension: &str, registered: bool, now: Timestamp) {
        if registered {
            self.registered.insert(extension.to_owned());
        } else {
            self.registered.remove(extension);
        }
        let differs = |a: &Agent| a.registered != registered || a.blocked_until.is_some();
        let concerned: Vec<AgentId> = self
            .agents
            .iter()
            .filter(|(_, a)| a.config.extension == extension && differs(a))
            .map(|(id, _)| id.clone())
            .collect();
        for id in concerned {
            let blocked = self.agents.get(&id).and_then(|a| a.blocked_until);
            if let Some(until) = blocked {
                self.deadlines.remove(&(until, Deadline::Retry(id.clone())));
            }
            self.update(&id, |agent| {
                agent.registered = registered;
                agent.blocked_until = None;
                if registered {
                    agent.idle_since = now;
                }
            });
        }
    }

    /// Lets a callback wait.
    ///
    /// A callback that waits already starts anew with these values: of the former wait only
    /// the agent kept for it stays when its customer is on the line now. An agent reserved for it
    /// whose phone does not ring yet is freed.
    pub fn enqueue(&mut self, waiting: Waiting, now: Timestamp) {
        let id = waiting.callback.clone();
        let former = self.remove(&id).and_then(|entry| entry.earmark);
        self.unreserve(&id);
        let stage = waiting.target.active(waiting.since, now);
        let steps = waiting
            .target
            .steps
            .get(stage.steps.clone())
            .unwrap_or_default();
        let pool = self.pools.acquire(steps, &self.agents);
        if let Some(until) = stage.until {
            self.deadlines.insert((until, Deadline::Stage(id.clone())));
        }
        let mut earmark = None;
        if let Some(agent) = former {
            if waiting.need == Need::Agent && self.pools.contains(pool, &agent) {
                earmark = Some(agent);
            } else {
                self.update(&agent, |a| a.earmark = None);
            }
        }
        self.queue.insert(Entry {
            waiting,
            steps: stage.steps,
            pool,
            stage_until: stage.until,
            contacted: None,
            earmark,
        });
        self.changed = true;
    }

    /// Ends the wait of a callback; an agent kept or reserved for it is free again unless the
    /// phone rings already.
    pub fn leave(&mut self, id: &CallbackId) {
        if let Some(agent) = self.remove(id).and_then(|entry| entry.earmark) {
            self.update(&agent, |a| a.earmark = None);
        }
        self.unreserve(id);
    }

    /// Notes that the phone of the reserved agent rings; anything else is out of date and ignored.
    pub fn ringing(&mut self, agent: &AgentId, callback: &CallbackId, now: Timestamp) {
        let Some(agent) = self.agents.get_mut(agent) else {
            return;
        };
        if matches!(&agent.state, AgentState::Reserved { callback: c } if c == callback) {
            agent.state = AgentState::Ringing {
                callback: callback.clone(),
            };
            agent.since = now;
        }
    }

    /// Notes that the agent talks to the customer; out of date unless reserved or ringing for it.
    pub fn talking(&mut self, agent: &AgentId, callback: &CallbackId, now: Timestamp) {
        let Some(agent) = self.agents.get_mut(agent) else {
            return;
        };
        if agent.state.callback() == Some(callback)
            && !matches!(agent.state, AgentState::Talking { .. })
        {
            agent.state = AgentState::Talking {
                callback: callback.clone(),
            };
            agent.since = now;
        }
    }

    /// Frees the agent from the callback; ignored when the agent is not busy with it.
    ///
    /// The callback does not wait again by itself: that takes another [`Router::enqueue`].
    pub fn release(
        &mut self,
        agent: &AgentId,
        callback: &CallbackId,
        released: Released,
        now: Timestamp,
    ) {
        if self.agents.get(agent).and_then(|a| a.state.callback()) != Some(callback) {
            return;
        }
        if self.offers.get(callback) == Some(agent) {
            self.offers.remove(callback);
        }
        if released == Released::Unreachable {
            let until = now.plus_seconds(UNREACHABLE_S);
            self.deadlines
                .insert((until, Deadline::Retry(agent.clone())));
            return self.update(agent, |a| {
                a.unreserve();
                a.blocked_until = Some(until);
            });
        }
        self.update(agent, |a| match released {
            Released::NoAnswer => a.set_not_ready(REASON_NO_ANSWER.to_owned(), now),
            Released::Rejected => a.set_not_ready(REASON_REJECTED.to_owned(), now),
            Released::Done | Released::Unreachable => a.finish(now),
        });
    }

    /// When [`Router::assign`] has to be asked again though nothing happened; may lie in the
    /// past of `now`, then at once.
    #[must_use]
    pub fn next_deadline(&self, now: Timestamp) -> Option<Timestamp> {
        self.deadlines.first().map(|(at, _)| (*at).max(now))
    }

    /// All agents by id.
    #[must_use]
    pub fn agents(&self) -> Vec<AgentView> {
        self.agents.values().map(Agent::view).collect()
    }

    /// One agent.
    #[must_use]
    pub fn agent(&self, id: &AgentId) -> Option<AgentView> {
        self.agents.get(id).map(Agent::view)
    }

    /// An agent has this extension.
    #[must_use]
    pub fn has_extension(&self, extension: &str) -> bool {
        let mut agents = self.agents.values();
        agents.any(|agent| agent.config.extension == extension)
    }

    /// The place from 1 in the virtual queue of the callback and how many wait there; `None`
    /// when it does not wait. Who is being called or on the line waits, who has an agent does not.
    #[must_use]
    pub fn position(&self, id: &CallbackId, now: Timestamp) -> Option<(usize, usize)> {
        self.queue.position(id, now)
    }

    /// The first `count` callbacks of a virtual queue in the order of their places.
    #[must_use]
    pub fn front(&self, queue: &str, count: usize, now: Timestamp) -> Vec<CallbackId> {
        self.queue.front(queue, count, now)
    }

    /// How many callbacks wait, by virtual queue; queues where nobody waits are left out.
    #[must_use]
    pub fn queue_depths(&self) -> &BTreeMap<String, usize> {
        self.queue.depths()
    }

    /// Checks that every agent, place and group of the target is known.
    ///
    /// A group or place is known when an agent, ready or not, has it. A skill expression is
    /// always known, also when no agent matches.
    ///
    /// # Errors
    ///
    /// A sentence that names what is unknown, or says that the target is not set.
    pub fn known_target(&self, target: &Target) -> Result<(), String> {
        if target.steps.is_empty() {
            return Err(String::from("`_target` is not set"));
        }
        for step in &target.steps {
            let selector = Selector::parse(&step.target)?;
            if matches!(selector, Selector::Skills(_)) {
                continue;
            }
            if !self.agents.values().any(|a| selector.matches(&a.config)) {
                let kind = match selector {
                    Selector::Agent(_) => "agent",
                    Selector::Place(_) => "place",
                    Selector::Group(_) | Selector::Skills(_) => "group",
                };
                return Err(format!("{kind} `{}` is unknown", step.name()));
            }
        }
        Ok(())
    }

    /// Changes an agent and gives it its place among the available ones.
    pub(super) fn update(&mut self, id: &AgentId, f: impl FnOnce(&mut Agent)) {
        let Some(agent) = self.agents.get_mut(id) else {
            return;
        };
        let rank = (agent.idle_since, id.clone());
        self.free.remove(&rank);
        self.earmarked.remove(&rank);
        f(agent);
        self.place(id);
    }

    fn place(&mut self, id: &AgentId) {
        let Some(agent) = self.agents.get_mut(id) else {
            return;
        };
        let rank = (agent.idle_since, id.clone());
        if !agent.is_available() {
            if let Some(callback) = agent.earmark.take() {
                self.lose_earmark(&callback);
            }
            return;
        }
        if agent.earmark.is_some() {
            self.earmarked.insert(rank);
        } else {
            self.free.insert(rank);
        }
        self.changed = true;
    }

    /// The agent kept for the callback is gone.
    fn lose_earmark(&mut self, id: &CallbackId) {
        let contacted = self.queue.change(id, |entry| {
            entry.earmark = None;
            entry.contacted.is_some()
        });
        if contacted == Some(true) {
            self.unkept.insert(id.clone());
            self.changed = true;
        }
    }

    /// Drops the agent's earmark when the callback's target no longer means the agent.
    pub(super) fn check_earmark_of(&mut self, id: &AgentId) {
        let Some(callback) = self.agents.get(id).and_then(|a| a.earmark.clone()) else {
            return;
        };
        let suits = self
            .queue
            .get(&callback)
            .is_some_and(|e| self.pools.contains(e.pool, id));
        if !suits {
            self.update(id, |a| a.earmark = None);
            self.lose_earmark(&callback);
        }
    }

    /// Takes a callback out of the queue; the earmark of its agent is left to the caller.
    pub(super) fn remove(&mut self, id: &CallbackId) -> Option<Entry> {
        let entry = self.queue.remove(id)?;
        self.pools.release(entry.pool);
        self.unkept.remove(id);
        if let Some(until) = entry.stage_until {
            self.deadlines.remove(&(until, Deadline::Stage(id.clone())));
        }
        if let Some(until) = entry.contacted {
            self.deadlines
                .remove(&(until, Deadline::Earmark(id.clone())));
        }
        Some(entry)
    }

    /// Frees the agent reserved for a callback unless the phone rings already.
    fn unreserve(&mut self, id: &CallbackId) {
        let Some(agent) = self.offers.remove(id) else {
            return;
        };
        let reserved = AgentState::Reserved {
            callback: id.clone(),
        };
        if self.agents.get(&agent).is_some_and(|a| a.state == reserved) {
            self.update(&agent, Agent::unreserve);
        }
    }
}
