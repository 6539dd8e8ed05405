//! Who is sent to next: lanes of one callback and target each, bounded places per target.
//!
//! Plain data without I/O; time comes in as an argument.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use callback::{CallbackId, Timestamp};
use store::{DeliveryAttempt, DeliveryRow, DeliveryState};

use super::breaker::{Breaker, Gate};
use crate::limits;

/// One lane's key.
pub(super) type LaneKey = (CallbackId, Arc<str>);

/// What `next` found.
#[derive(Debug)]
pub(super) enum Next {
    /// Send the head of this lane.
    Send(LaneKey, Arc<DeliveryRow>),
    /// The lane's receiver wants nothing any more: the head fails without an attempt.
    Refuse(LaneKey, Arc<DeliveryRow>),
}

#[derive(Debug, Default)]
struct Lane {
    waiting: VecDeque<Arc<DeliveryRow>>,
    busy: bool,
}

/// Scheme, host and port: connections to one of them are bounded.
#[derive(Debug, Default)]
struct Route {
    active: usize,
    /// Targets that wait for a connection.
    waiting: VecDeque<Arc<str>>,
}

impl Route {
    const fn free(&self, per_route: usize) -> usize {
        per_route.saturating_sub(self.active)
    }
}

#[derive(Debug, Default)]
struct Target {
    route: Arc<str>,
    active: usize,
    ready: VecDeque<LaneKey>,
    breaker: Breaker,
    /// It stands in `runnable`.
    queued: bool,
}

/// All lanes.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    lanes: HashMap<LaneKey, Lane>,
    targets: HashMap<Arc<str>, Target>,
    routes: HashMap<Arc<str>, Route>,
    /// Targets that may have something to start, each at most once.
    runnable: VecDeque<Arc<str>>,
    /// Lanes whose head has to wait.
    later: BTreeMap<(Timestamp, u64), LaneKey>,
    later_number: u64,
    /// Broken circuits and when they are probed.
    probes: BTreeSet<(Timestamp, Arc<str>)>,
    /// Lanes whose receiver said that it is gone.
    ended: HashSet<LaneKey>,
    ended_order: VecDeque<LaneKey>,
    held: usize,
    active: usize,
    bounds: Bounds,
}

/// How many connections there may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// To one host and port.
    pub(super) per_route: usize,
    /// In all.
    pub(super) total: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            per_route: limits::CONNECTIONS_PER_ROUTE_MAX,
            total: limits::CONNECTIONS_TOTAL_MAX,
        }
    }
}

impl Lanes {
    /// No lanes yet.
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            ..Self::default()
        }
    }

    /// Deliveries held.
    pub(super) const fn held(&self) -> usize {
        self.held
    }

    /// Takes a delivery; one that is held already is left out.
    pub(super) fn take(&mut self, row: DeliveryRow, now: Timestamp) {
        let name = lane_target(&row);
        let target: Arc<str> = match self.targets.get_key_value(name) {
            Some((known, _)) => Arc::clone(known),
            None => Arc::from(name),
        };
        let key = (row.callback.clone(), target);
        let lane = self.lanes.entry(key.clone()).or_default();
        if lane.waiting.iter().any(|held| held.id == row.id) {
            return;
        }
        lane.waiting.push_back(Arc::new(row));
        self.held += 1;
        if lane.waiting.len() == 1 && !lane.busy {
            self.plan(key, now);
        }
    }

    /// Forgets that the receiver of this delivery was gone.
    pub(super) fn revive(&mut self, row: &DeliveryRow) {
        let key = (row.callback.clone(), Arc::from(lane_target(row)));
        self.ended.remove(&key);
    }

    /// Queues the head of a lane for its time.
    fn plan(&mut self, key: LaneKey, now: Timestamp) {
        let Some(head) = self.lanes.get(&key).and_then(|lane| lane.waiting.front()) else {
            self.lanes.remove(&key);
            self.forget(&key.1);
            return;
        };
        let at = head.next_at.unwrap_or_default();
        if at > now {
            self.later_number += 1;
            self.later.insert((at, self.later_number), key);
        } else {
            self.make_ready(key);
        }
    }

    fn make_ready(&mut self, key: LaneKey) {
        let name = Arc::clone(&key.1);
        let routes = &self.routes;
        self.targets
            .entry(Arc::clone(&name))
            .or_insert_with(|| Target {
                route: match routes.get_key_value(route_of(&name)) {
                    Some((known, _)) => Arc::clone(known),
                    None => Arc::from(route_of(&name)),
                },
                ..Target::default()
            })
            .ready
            .push_back(key);
        self.make_runnable(&name);
    }

    fn make_runnable(&mut self, name: &Arc<str>) {
        if let Some(target) = self.targets.get_mut(name)
            && !target.queued
        {
            target.queued = true;
            self.runnable.push_back(Arc::clone(name));
        }
    }

    /// When something is due next.
    pub(super) fn next_at(&self) -> Option<Timestamp> {
        let lane = self.later.first_key_value().map(|((at, _), _)| *at);
        let probe = self.probes.first().map(|(at, _)| *at);
        lane.into_iter().chain(probe).min()
    }

    /// Makes ready what has become due.
    pub(super) fn wake(&mut self, now: Timestamp) {
        while let Some(entry) = self.later.first_entry() {
            if entry.key().0 > now {
                break;
            }
            let key = entry.remove();
            self.make_ready(key);
        }
        while let Some((at, name)) = self.probes.first().cloned() {
            if at > now {
                break;
            }
            self.probes.remove(&(at, Arc::clone(&name)));
            self.make_runnable(&name);
        }
    }

    /// The next delivery that has a free place; targets take turns.
    ///
    /// A target may take another place, of its route and of all, as long as more are free than it
    /// has. However many receivers hang, some places are left for those that answer.
    pub(super) fn next(&mut self, now: Timestamp) -> Option<Next> {
        let per_route = self.bounds.per_route;
        // Each target once: those that have to wait for a place stay in line.
        let mut looks = self.runnable.len();
        while looks > 0 {
            looks -= 1;
            let free = self.bounds.total.saturating_sub(self.active);
            if free == 0 {
                return None;
            }
            let name = self.runnable.pop_front()?;
            let Some(target) = self.targets.get_mut(&name) else {
                continue;
            };
            target.queued = false;
            let route_name = Arc::clone(&target.route);
            if target.active >= limits::DELIVERIES_PER_TARGET_MAX || target.ready.is_empty() {
                looks += self.admit(&route_name);
                continue;
            }
            if target.active >= free {
                target.queued = true;
                self.runnable.push_back(name);
                continue;
            }
            let route = self.routes.entry(Arc::clone(&route_name)).or_default();
            if target.active >= route.free(per_route) {
                target.queued = true;
                route.waiting.push_back(name);
                continue;
            }
            let key = match target.breaker.gate(now) {
                Gate::Open => target.ready.pop_front(),
                Gate::Probe => {
                    let key = oldest(&mut target.ready, &self.lanes);
                    if key.is_some() {
                        target.breaker.begin_probe();
                    }
                    key
                }
                Gate::Later(at) => {
                    self.probes.insert((at, Arc::clone(&name)));
                    None
                }
                Gate::Probing => None,
            };
            let Some(key) = key else {
                // It does not use the connection that it waited for: the next one may.
                looks += self.admit(&route_name);
                continue;
            };
            target.active += 1;
            route.active += 1;
            let more = !target.ready.is_empty();
            self.active += 1;
            if more {
                self.make_runnable(&name);
            }
            let head = self.lanes.get_mut(&key).and_then(|lane| {
                lane.busy = true;
                lane.waiting.front().cloned()
            });
            match head {
                Some(row) if self.ended.contains(&key) => return Some(Next::Refuse(key, row)),
                Some(row) => return Some(Next::Send(key, row)),
                None => self.free(&key),
            }
        }
        None
    }

    /// Lets the first target of a route go on for which a connection is free; tells how many (one
    /// or none).
    fn admit(&mut self, route: &str) -> usize {
        let Some(route) = self.routes.get_mut(route) else {
            return 0;
        };
        let free = route.free(self.bounds.per_route);
        let may = |name: &Arc<str>| self.targets.get(name).is_some_and(|t| t.active < free);
        let admitted = route.waiting.iter().position(may);
        let admitted = admitted.and_then(|at| route.waiting.remove(at));
        // It is queued already: in `runnable` from here on.
        let count = usize::from(admitted.is_some());
        self.runnable.extend(admitted);
        count
    }

    /// An attempt is over, its place is free; its lane waits until the result is stored.
    /// `failed` is `None` when the target itself was not tried. Tells whether the circuit changed.
    pub(super) fn over(&mut self, key: &LaneKey, failed: Option<bool>, now: Timestamp) -> bool {
        let changed = match (failed, self.targets.get_mut(&key.1)) {
            (Some(failed), Some(target)) => target.breaker.record(failed, now),
            (None, Some(target)) => {
                target.breaker.pass();
                false
            }
            (_, None) => false,
        };
        self.free(key);
        changed
    }

    fn free(&mut self, key: &LaneKey) {
        self.active = self.active.saturating_sub(1);
        let Some(target) = self.targets.get_mut(&key.1) else {
            return;
        };
        target.active = target.active.saturating_sub(1);
        let has_more = !target.ready.is_empty();
        let name = Arc::clone(&target.route);
        if let Some(route) = self.routes.get_mut(&name) {
            route.active = route.active.saturating_sub(1);
            if route.active == 0 && route.waiting.is_empty() {
                self.routes.remove(&name);
            }
        }
        self.admit(&name);
        if has_more {
            self.make_runnable(&key.1);
        }
        self.forget(&key.1);
    }

    /// The result of the lane's head is stored: the lane goes on.
    pub(super) fn stored(&mut self, key: LaneKey, attempt: &DeliveryAttempt, now: Timestamp) {
        if let Some(lane) = self.lanes.get_mut(&key) {
            lane.busy = false;
            if attempt.state == DeliveryState::Pending {
                if let Some(head) = lane.waiting.front_mut() {
                    let head = Arc::make_mut(head);
                    head.attempts += 1;
                    head.next_at = attempt.next_at;
                }
            } else {
                lane.waiting.pop_front();
                self.held = self.held.saturating_sub(1);
            }
        }
        self.plan(key, now);
    }

    /// The receiver of a lane is gone for good.
    pub(super) fn end(&mut self, key: &LaneKey) {
        if self.ended.insert(key.clone()) {
            self.ended_order.push_back(key.clone());
            if self.ended_order.len() > limits::ENDED_LANES_MAX
                && let Some(oldest) = self.ended_order.pop_front()
            {
                self.ended.remove(&oldest);
            }
        }
    }

    /// Drops the memory of a target that nothing waits for.
    fn forget(&mut self, name: &Arc<str>) {
        let idle = self.targets.get(name).is_some_and(|target| {
            target.active == 0
                && target.ready.is_empty()
                && !target.queued
                && target.breaker.is_clean()
        });
        // Few targets cost nothing, and their memory of failures is worth having.
        if idle && self.targets.len() > limits::TARGETS_KEPT_MAX {
            self.targets.remove(name);
        }
    }
}

/// What stands for the receiver: its URL. Events of a session go to a URL each, all to one lane.
fn lane_target(row: &DeliveryRow) -> &str {
    let session = match row.channel.as_str() {
        "orscb" => row
            .target
            .rsplit_once("/event/")
            .map(|(session, _)| session),
        _ => None,
    };
    session.unwrap_or(&row.target)
}

/// Scheme, host and port of a URL.
fn route_of(target: &str) -> &str {
    let host = target.find("://").map_or(0, |at| at + 3);
    let rest = target.get(host..).unwrap_or_default();
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    target.get(..host + end).unwrap_or(target)
}

/// Takes the lane out whose head was raised first.
fn oldest(ready: &mut VecDeque<LaneKey>, lanes: &HashMap<LaneKey, Lane>) -> Option<LaneKey> {
    let raised = |key: &LaneKey| {
        let head = lanes.get(key).and_then(|lane| lane.waiting.front());
        head.map_or(Timestamp(i64::MAX), |row| row.at)
    };
    let (at, _) = ready
        .iter()
        .enumerate()
        .min_by_key(|(_, key)| raised(key))?;
    ready.remove(at)
}

#[cfg(test)]
mod tests;
