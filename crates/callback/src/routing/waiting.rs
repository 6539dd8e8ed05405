//! Callbacks that wait for an agent, in their order of service.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;

use super::pool::PoolId;
use super::target::Target;
use crate::{AgentId, CallbackId, Timestamp};

/// What a callback needs from the router.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// The customer is to be called when an agent is free (`_wait_for_agent`).
    Contact,
    /// The customer is to be called at once; the caller alone spaces the calls.
    ContactNow,
    /// The customer is on the line.
    Agent,
}

/// One callback that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The callback.
    pub callback: CallbackId,
    /// What it needs.
    pub need: Need,
    /// Virtual queue; for its position and what is published, without meaning for the choice.
    pub queue: String,
    /// Who may take it.
    pub target: Target,
    /// `_urs_vq_priority`.
    pub priority: i64,
    /// `_urs_vq_priority_increment`.
    pub increment: i64,
    /// `_urs_vq_priority_increment_interval`, s; 0 = no ageing.
    pub interval_s: i64,
    /// Start of its age (callback-api §10.3); survives retries.
    pub started: Timestamp,
    /// Start of this wait: the timeouts of target elements count from here.
    pub since: Timestamp,
}

impl Waiting {
    /// Priority at `now` (callback-api §10.3).
    #[must_use]
    pub fn priority_at(&self, now: Timestamp) -> i64 {
        let ageing = Ageing {
            priority: self.priority,
            increment: self.increment,
            interval_s: self.interval_s,
        };
        ageing.priority_at(self.started, now)
    }

    /// Sorts by order of service: priority at `now`, then the longer wait, then the id.
    pub(super) fn rank(&self, now: Timestamp) -> Rank {
        (
            Reverse(self.priority_at(now)),
            self.started,
            self.callback.clone(),
        )
    }
}

/// Order of service, smallest first.
pub(super) type Rank = (Reverse<i64>, Timestamp, CallbackId);

/// How a priority grows; the same for all callbacks of a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Ageing {
    priority: i64,
    increment: i64,
    interval_s: i64,
}

impl Ageing {
    fn priority_at(self, started: Timestamp, now: Timestamp) -> i64 {
        if self.interval_s <= 0 {
            return self.priority;
        }
        let steps = self.steps(started, now);
        self.priority
            .saturating_add(self.increment.saturating_mul(steps))
    }

    fn steps(self, started: Timestamp, now: Timestamp) -> i64 {
        let waited_s = i64::try_from(now.millis_since(started) / 1000).unwrap_or(i64::MAX);
        waited_s / self.interval_s.max(1)
    }

    /// From where on in a lane the callbacks with the highest priority begin.
    ///
    /// Who waits longer has the higher priority or the same, so the first of the lane is the
    /// first to be served. Only with a negative increment it is the first one of the youngest's
    /// step.
    fn front(self, youngest: Timestamp, now: Timestamp) -> Timestamp {
        if self.interval_s <= 0 || self.increment >= 0 {
            return Timestamp(i64::MIN);
        }
        let steps = self.steps(youngest, now);
        let span_s = steps.saturating_add(1).saturating_mul(self.interval_s);
        Timestamp(
            now.plus_seconds(span_s.saturating_neg())
                .0
                .saturating_add(1),
        )
    }
}

/// Callbacks that only differ in their start: any agent for one of them suits all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Lane {
    /// The customer is on the line.
    pub(super) online: bool,
    pub(super) pool: PoolId,
    ageing: Ageing,
}

/// A waiting callback with what the router knows about it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) waiting: Waiting,
    /// The elements of the target in use.
    pub(super) steps: Range<usize>,
    pub(super) pool: PoolId,
    /// When the next element of the target comes into use.
    pub(super) stage_until: Option<Timestamp>,
    /// The contact was decided; an agent is kept for it until then.
    pub(super) contacted: Option<Timestamp>,
    /// The agent kept for it.
    pub(super) earmark: Option<AgentId>,
}

impl Entry {
    /// The lane it waits in; `None` when it waits for no agent now.
    fn lane(&self) -> Option<Lane> {
        let online = match self.waiting.need {
            Need::Agent => true,
            Need::Contact if self.contacted.is_none() => false,
            Need::Contact | Need::ContactNow => return None,
        };
        let ageing = Ageing {
            priority: self.waiting.priority,
            increment: self.waiting.increment,
            interval_s: self.waiting.interval_s,
        };
        Some(Lane {
            online,
            pool: self.pool,
            ageing,
        })
    }
}

/// All waiting callbacks.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// Boxed: lanes and stages take entries out and put them back.
    entries: HashMap<CallbackId, Box<Entry>>,
    lanes: BTreeMap<Lane, BTreeSet<(Timestamp, CallbackId)>>,
    /// [`Need::ContactNow`] without a decision.
    at_once: BTreeSet<CallbackId>,
    /// Entries per virtual queue.
    depths: BTreeMap<String, usize>,
}

impl Queue {
    pub(super) fn get(&self, id: &CallbackId) -> Option<&Entry> {
        self.entries.get(id).map(|entry| &**entry)
    }

    pub(super) fn depths(&self) -> &BTreeMap<String, usize> {
        &self.depths
    }

    pub(super) fn insert(&mut self, entry: Entry) {
        let id = entry.waiting.callback.clone();
        *self.depths.entry(entry.waiting.queue.clone()).or_default() += 1;
        if entry.waiting.need == Need::ContactNow {
            self.at_once.insert(id.clone());
        }
        self.line_up(&entry);
        self.entries.insert(id, Box::new(entry));
    }

    pub(super) fn remove(&mut self, id: &CallbackId) -> Option<Entry> {
        let entry = *self.entries.remove(id)?;
        self.step_out(&entry);
        self.at_once.remove(id);
        if let Some(depth) = self.depths.get_mut(&entry.waiting.queue) {
            *depth -= 1;
            if *depth == 0 {
                self.depths.remove(&entry.waiting.queue);
            }
        }
        Some(entry)
    }

    /// Changes an entry, which may move it to another lane.
    pub(super) fn change<T>(
        &mut self,
        id: &CallbackId,
        f: impl FnOnce(&mut Entry) -> T,
    ) -> Option<T> {
        let mut entry = self.entries.remove(id)?;
        self.step_out(&entry);
        let result = f(&mut entry);
        self.line_up(&entry);
        self.entries.insert(id.clone(), entry);
        Some(result)
    }

    /// The lanes of the customers on the line, or the others.
    pub(super) fn lanes(&self, online: bool) -> impl Iterator<Item = Lane> {
        self.lanes
            .keys()
            .copied()
            .filter(move |lane| lane.online == online)
    }

    /// Who is served first in a lane.
    pub(super) fn head(&self, lane: Lane, now: Timestamp) -> Option<Rank> {
        let line = self.lanes.get(&lane)?;
        let (youngest, _) = line.last()?;
        let front = lane.ageing.front(*youngest, now);
        let (started, id) = if front == Timestamp(i64::MIN) {
            line.first()?
        } else {
            line.range((front, CallbackId::new(""))..).next()?
        };
        Some((
            Reverse(lane.ageing.priority_at(*started, now)),
            *started,
            id.clone(),
        ))
    }

    /// Takes all [`Need::ContactNow`] without a decision, in no order.
    pub(super) fn take_at_once(&mut self) -> BTreeSet<CallbackId> {
        std::mem::take(&mut self.at_once)
    }

    /// Place from 1 in its virtual queue, and how many wait there.
    pub(super) fn position(&self, id: &CallbackId, now: Timestamp) -> Option<(usize, usize)> {
        let own = &self.entries.get(id)?.waiting;
        let (priority, total) = (own.priority_at(now), self.depths.get(&own.queue)?);
        let before = self.entries.values().map(|e| &e.waiting).filter(|other| {
            other.queue == own.queue
                && (
                    Reverse(other.priority_at(now)),
                    other.started,
                    &other.callback,
                ) < (Reverse(priority), own.started, &own.callback)
        });
        Some((before.count() + 1, *total))
    }

    /// The first `count` of a virtual queue in the order of their places.
    pub(super) fn front(&self, queue: &str, count: usize, now: Timestamp) -> Vec<CallbackId> {
        let of_it = self.entries.values().map(|e| &e.waiting);
        let mut all: Vec<_> = of_it
            .filter(|one| one.queue == queue)
            .map(|one| (Reverse(one.priority_at(now)), one.started, &one.callback))
            .collect();
        if count < all.len() {
            all.select_nth_unstable(count);
            all.truncate(count);
        }
        all.sort_unstable();
        all.into_iter().map(|(_, _, id)| id.clone()).collect()
    }

    /// Since when the oldest of a virtual queue has been waiting.
    pub(super) fn oldest(&self, queue: &str) -> Option<Timestamp> {
        let waiting = self.entries.values().map(|entry| &entry.waiting);
        let of_queue = waiting.filter(|waiting| waiting.queue == queue);
        of_queue.map(|waiting| waiting.started).min()
    }

    fn line_up(&mut self, entry: &Entry) {
        if let Some(lane) = entry.lane() {
            let place = (entry.waiting.started, entry.waiting.callback.clone());
            self.lanes.entry(lane).or_default().insert(place);
        }
    }

    fn step_out(&mut self, entry: &Entry) {
        let Some(lane) = entry.lane() else { return };
        if let Some(line) = self.lanes.get_mut(&lane) {
            line.remove(&(entry.waiting.started, entry.waiting.callback.clone()));
            if line.is_empty() {
                self.lanes.remove(&lane);
            }
        }
    }

    #[cfg(test)]
    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values().map(|entry| &**entry)
    }

    #[cfg(test)]
    pub(super) fn is_at_once(&self, id: &CallbackId) -> bool {
        self.at_once.contains(id)
    }

    #[cfg(test)]
    pub(super) fn lined_up(&self) -> usize {
        self.lanes.values().map(BTreeSet::len).sum()
    }
}
