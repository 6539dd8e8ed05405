//! The choice itself: who gets which agent, and which customers are called.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap};

use super::Found;
use super::pool::PoolId;
use super::router::{Deadline, Decision, EARMARK_S, Router};
use super::state::AgentState;
use super::waiting::{Lane, Rank};
use crate::{AgentId, CallbackId, Timestamp};

impl Router {
    /// Decides whatever can be decided at `now`; each decision is given once.
    ///
    /// Customers on the line first, each kind in order of service. Costs next to nothing
    /// while nothing has changed or no agent is available.
    #[must_use = "each decision is given once"]
    pub fn assign(&mut self, now: Timestamp) -> Vec<Decision> {
        self.expire(now);
        let mut decisions = Vec::new();
        if !self.changed {
            return decisions;
        }
        self.serve(true, now, &mut decisions);
        self.keep_again(now);
        self.contact_at_once(now, &mut decisions);
        self.serve(false, now, &mut decisions);
        self.changed = false;
        decisions
    }

    /// Does what is due.
    pub(super) fn expire(&mut self, now: Timestamp) {
        while self.deadlines.first().is_some_and(|(at, _)| *at <= now) {
            match self.deadlines.pop_first() {
                None => return,
                Some((_, Deadline::Stage(id))) => self.next_stage(&id, now),
                Some((_, Deadline::Earmark(id))) => {
                    self.unkept.remove(&id);
                    let agent = self
                        .queue
                        .change(&id, |entry| entry.earmark.take())
                        .flatten();
                    if let Some(agent) = agent {
                        self.update(&agent, |a| a.earmark = None);
                    }
                }
                Some((_, Deadline::Retry(id))) => self.update(&id, |agent| {
                    agent.blocked_until = None;
                    agent.idle_since = now;
                }),
            }
        }
    }

    /// Takes the next elements of a callback's target into use.
    fn next_stage(&mut self, id: &CallbackId, now: Timestamp) {
        let Some(entry) = self.queue.get(id) else {
            return;
        };
        let (waiting, former) = (&entry.waiting, entry.pool);
        let stage = waiting.target.active(waiting.since, now);
        let steps = waiting
            .target
            .steps
            .get(stage.steps.clone())
            .unwrap_or_default();
        let pool = self.pools.acquire(steps, &self.agents);
        let earmark = self.queue.change(id, |entry| {
            entry.steps = stage.steps;
            entry.pool = pool;
            entry.stage_until = stage.until;
            entry.earmark.clone()
        });
        self.pools.release(former);
        if let Some(until) = stage.until {
            self.deadlines.insert((until, Deadline::Stage(id.clone())));
        }
        if let Some(agent) = earmark.flatten() {
            self.check_earmark_of(&agent);
        }
        self.changed = true;
    }

    /// Gives agents to customers on the line, or lets customers be called for whom there is one.
    fn serve(&mut self, online: bool, now: Timestamp, decisions: &mut Vec<Decision>) {
        if self.free.is_empty() && (!online || self.earmarked.is_empty()) {
            return;
        }
        // Agents only become fewer from here on: a pool without one stays without.
        let mut has_agent: HashMap<PoolId, bool> = HashMap::new();
        let mut heads: BinaryHeap<Reverse<(Rank, Lane)>> = BinaryHeap::new();
        for lane in self.queue.lanes(online) {
            let any = *has_agent
                .entry(lane.pool)
                .or_insert_with(|| self.longest_idle(lane.pool, online).is_some());
            if any {
                heads.extend(self.queue.head(lane, now).map(|rank| Reverse((rank, lane))));
            }
        }
        while let Some(Reverse(((.., id), lane))) = heads.pop() {
            if has_agent.get(&lane.pool) != Some(&true) {
                continue;
            }
            let own = if online { self.own_agent(&id) } else { None };
            let Some(agent) = own.or_else(|| self.longest_idle(lane.pool, online)) else {
                has_agent.insert(lane.pool, false);
                continue;
            };
            let decision = if online {
                self.offer(&id, &agent, now)
            } else {
                self.contact(&id, &agent, now);
                Some(Decision::Contact { callback: id })
            };
            decisions.extend(decision);
            heads.extend(self.queue.head(lane, now).map(|rank| Reverse((rank, lane))));
        }
    }

    /// The agent kept for a callback.
    fn own_agent(&self, id: &CallbackId) -> Option<AgentId> {
        self.queue.get(id).and_then(|entry| entry.earmark.clone())
    }

    /// The available agent of the pool that is idle longest; one kept for somebody only for a
    /// customer on the line and only when there is no other.
    fn longest_idle(&self, pool: PoolId, online: bool) -> Option<AgentId> {
        let free = self.longest_idle_of(&self.free, pool);
        if free.is_some() || !online {
            return free;
        }
        self.longest_idle_of(&self.earmarked, pool)
    }

    fn longest_idle_of(
        &self,
        idle: &BTreeSet<(Timestamp, AgentId)>,
        pool: PoolId,
    ) -> Option<AgentId> {
        let members = &self.pools.get(pool)?.members;
        if members.len() >= idle.len() {
            return idle
                .iter()
                .map(|(_, id)| id)
                .find(|id| members.contains_key(*id))
                .cloned();
        }
        members
            .keys()
            .filter_map(|id| Some((self.agents.get(id)?.idle_since, id.clone())))
            .filter(|rank| idle.contains(rank))
            .min()
            .map(|(_, id)| id)
    }

    /// Reserves the agent; the callback no longer waits.
    fn offer(&mut self, id: &CallbackId, agent_id: &AgentId, now: Timestamp) -> Option<Decision> {
        let entry = self.queue.get(id)?;
        let first = *self.pools.get(entry.pool)?.members.get(agent_id)?;
        let step = entry.waiting.target.steps.get(entry.steps.start + first)?;
        let config = &self.agents.get(agent_id)?.config;
        let found = Found {
            agent: agent_id.clone(),
            dn: config.extension.clone(),
            id: step.name().to_owned(),
            place: config.place.clone(),
            switch: config.switch.clone(),
            kind: step.kind(),
            vq: entry.waiting.queue.clone(),
        };
        let own = self.remove(id).and_then(|entry| entry.earmark);
        if let Some(own) = own {
            self.update(&own, |a| a.earmark = None);
        }
        self.update(agent_id, |a| {
            a.state = AgentState::Reserved {
                callback: id.clone(),
            };
            a.since = now;
        });
        self.offers.insert(id.clone(), agent_id.clone());
        Some(Decision::Agent {
            callback: id.clone(),
            found,
        })
    }

    /// Keeps the agent for a customer who is called now.
    fn contact(&mut self, id: &CallbackId, agent: &AgentId, now: Timestamp) {
        let until = now.plus_seconds(EARMARK_S);
        self.queue.change(id, |entry| {
            entry.contacted = Some(until);
            entry.earmark = Some(agent.clone());
        });
        self.deadlines
            .insert((until, Deadline::Earmark(id.clone())));
        self.update(agent, |a| a.earmark = Some(id.clone()));
    }

    /// Keeps other agents for customers who are being called and lost theirs.
    fn keep_again(&mut self, now: Timestamp) {
        if self.free.is_empty() {
            return;
        }
        let mut ranks: Vec<(Rank, PoolId)> = self
            .unkept
            .iter()
            .filter_map(|id| self.queue.get(id))
            .map(|entry| (entry.waiting.rank(now), entry.pool))
            .collect();
        ranks.sort();
        for ((.., id), pool) in ranks {
            let Some(agent) = self.longest_idle(pool, false) else {
                continue;
            };
            self.unkept.remove(&id);
            self.queue
                .change(&id, |entry| entry.earmark = Some(agent.clone()));
            self.update(&agent, |a| a.earmark = Some(id));
        }
    }

    /// Lets all customers be called who need no agent for it.
    fn contact_at_once(&mut self, now: Timestamp, decisions: &mut Vec<Decision>) {
        let ids = self.queue.take_at_once();
        let mut ranks: Vec<Rank> = ids
            .iter()
            .filter_map(|id| self.queue.get(id))
            .map(|entry| entry.waiting.rank(now))
            .collect();
        ranks.sort();
        decisions.extend(
            ranks
                .into_iter()
                .map(|(.., callback)| Decision::Contact { callback }),
        );
    }
}
