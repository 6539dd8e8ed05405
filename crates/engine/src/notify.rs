//! Delivers status notifications: at least once, in order per callback and target.
//!
//! A *lane* holds the waiting deliveries of one (callback, target) pair; only its head is under
//! way. The result of an attempt is durable before the next delivery of the lane starts, so
//! that a crash repeats a delivery but never reorders. Targets have their own bounded number of
//! concurrent deliveries: a slow receiver costs nobody else anything.

mod guard;
mod schedule;
mod sender;
mod signature;

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use callback::{CallbackId, Timestamp};
use rand::rngs::SmallRng;
use store::{DeliveryAttempt, DeliveryRow, DeliveryState, Store};
use tokio::sync::mpsc;

pub use guard::{AddressRefused, check_literal};
pub(crate) use sender::Sender;
pub use sender::SenderConfig;
pub use signature::Secret;

use crate::clock::Clock;
use crate::limits;
use crate::metrics::Metrics;
use crate::supervisor::Supervisor;

/// One lane's key.
type LaneKey = (CallbackId, Arc<str>);

/// Where the shard hands new deliveries to.
#[derive(Clone, Debug)]
pub(crate) struct Outbox {
    sender: mpsc::Sender<Vec<DeliveryRow>>,
    /// Rows were not taken: the notifier reads them from the store when it has room.
    overflowed: Arc<AtomicBool>,
}

impl Outbox {
    /// Hands over committed deliveries; never blocks, never loses (the store has them).
    pub(crate) fn hand_over(&self, rows: Vec<DeliveryRow>) {
        if !rows.is_empty() && self.sender.try_send(rows).is_err() {
            self.overflowed.store(true, Ordering::Release);
        }
    }
}

/// What came back from an attempt.
#[derive(Debug)]
struct Done {
    lane: LaneKey,
    row: DeliveryRow,
    attempt: DeliveryAttempt,
}

#[derive(Debug, Default)]
struct Lane {
    waiting: VecDeque<DeliveryRow>,
    busy: bool,
}

#[derive(Debug, Default)]
struct Target {
    active: usize,
    ready: VecDeque<LaneKey>,
}

/// The task that owns all lanes.
pub(crate) struct Notifier {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    sender: Sender,
    metrics: Arc<Metrics>,
    supervisor: Supervisor,
    rng: SmallRng,
    lanes: HashMap<LaneKey, Lane>,
    targets: HashMap<Arc<str>, Target>,
    later: BTreeMap<(Timestamp, u64), LaneKey>,
    later_number: u64,
    held: HashSet<String>,
    active: usize,
    done_sender: mpsc::Sender<Done>,
    overflowed: Arc<AtomicBool>,
}

impl Notifier {
    /// Starts the notifier with what the store still holds.
    pub(crate) async fn start(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        sender: Sender,
        metrics: Arc<Metrics>,
        supervisor: &Supervisor,
    ) -> Result<Outbox, store::StoreError> {
        let (rows_sender, rows) = mpsc::channel(limits::DELIVERY_QUEUE_MAX);
        let (done_sender, done) = mpsc::channel(limits::DELIVERIES_AT_ONCE_MAX);
        let overflowed = Arc::new(AtomicBool::new(false));
        let mut notifier = Self {
            store,
            clock,
            sender,
            metrics,
            supervisor: supervisor.clone(),
            rng: rand::make_rng(),
            lanes: HashMap::new(),
            targets: HashMap::new(),
            later: BTreeMap::new(),
            later_number: 0,
            held: HashSet::new(),
            active: 0,
            done_sender,
            overflowed: overflowed.clone(),
        };
        notifier.reload().await?;
        supervisor.spawn("notifier", notifier.run(rows, done));
        Ok(Outbox {
            sender: rows_sender,
            overflowed,
        })
    }

    async fn run(
        mut self,
        mut rows: mpsc::Receiver<Vec<DeliveryRow>>,
        mut done: mpsc::Receiver<Done>,
    ) {
        loop {
            self.begin_due();
            let wake = self.wake_in();
            tokio::select! {
                result = done.recv() => {
                    let Some(first) = result else { return };
                    let mut results = vec![first];
                    while let Ok(more) = done.try_recv() {
                        results.push(more);
                    }
                    self.settle(results).await;
                }
                new = rows.recv() => {
                    let Some(new) = new else { return };
                    self.take(new);
                    while let Ok(more) = rows.try_recv() {
                        self.take(more);
                    }
                }
                () = tokio::time::sleep(wake) => {}
            }
            if self.overflowed.load(Ordering::Acquire)
                && self.held.len() < limits::DELIVERIES_IN_MEMORY_MAX / 2
                && let Err(error) = self.reload().await
            {
                tracing::warn!(%error, "waiting deliveries cannot be read; trying again");
            }
        }
    }

    /// Reads what waits in the store and is not held yet.
    async fn reload(&mut self) -> Result<(), store::StoreError> {
        self.overflowed.store(false, Ordering::Release);
        let rows = self.store.pending_deliveries().await?;
        self.take(rows);
        Ok(())
    }

    fn take(&mut self, rows: Vec<DeliveryRow>) {
        for row in rows {
            if self.held.len() >= limits::DELIVERIES_IN_MEMORY_MAX {
                self.overflowed.store(true, Ordering::Release);
                return;
            }
            if !self.held.insert(row.id.clone()) {
                continue;
            }
            let key: LaneKey = (row.callback.clone(), Arc::from(row.target.as_str()));
            let lane = self.lanes.entry(key.clone()).or_default();
            lane.waiting.push_back(row);
            if lane.waiting.len() == 1 && !lane.busy {
                self.plan(key);
            }
        }
    }

    /// Queues the head of a lane for its time.
    fn plan(&mut self, key: LaneKey) {
        let Some(head) = self.lanes.get(&key).and_then(|lane| lane.waiting.front()) else {
            self.lanes.remove(&key);
            return;
        };
        let at = head.next_at.unwrap_or_default();
        if at > self.clock.now() {
            self.later_number += 1;
            self.later.insert((at, self.later_number), key);
        } else {
            self.targets
                .entry(key.1.clone())
                .or_default()
                .ready
                .push_back(key);
        }
    }

    fn wake_in(&self) -> std::time::Duration {
        let until = self
            .later
            .first_key_value()
            .map_or(60_000, |((at, _), _)| at.millis_since(self.clock.now()));
        std::time::Duration::from_millis(until.clamp(1, 60_000))
    }

    /// Starts every delivery that is due and has a free place.
    fn begin_due(&mut self) {
        let now = self.clock.now();
        while let Some(entry) = self.later.first_entry() {
            if entry.key().0 > now {
                break;
            }
            let key = entry.remove();
            self.targets
                .entry(key.1.clone())
                .or_default()
                .ready
                .push_back(key);
        }
        let mut start = Vec::new();
        for target in self.targets.values_mut() {
            while target.active < limits::DELIVERIES_PER_TARGET_MAX
                && self.active < limits::DELIVERIES_AT_ONCE_MAX
            {
                let Some(key) = target.ready.pop_front() else {
                    break;
                };
                target.active += 1;
                self.active += 1;
                start.push(key);
            }
        }
        self.targets
            .retain(|_, target| target.active > 0 || !target.ready.is_empty());
        for key in start {
            self.begin(key);
        }
    }

    fn begin(&mut self, key: LaneKey) {
        let row = self.lanes.get_mut(&key).and_then(|lane| {
            lane.busy = true;
            lane.waiting.front().cloned()
        });
        let Some(row) = row else {
            self.free(&key);
            return;
        };
        let sender = self.sender.clone();
        let clock = self.clock.clone();
        let done = self.done_sender.clone();
        let jitter = schedule::jitter(&mut self.rng);
        self.supervisor.spawn("delivery", async move {
            let at = clock.now();
            let result = sender.send(&row, at).await;
            let attempt = schedule::judge(&row, at, clock.now(), &result, jitter);
            // The channel closes only when the notifier is gone; then the store still has the row.
            drop(
                done.send(Done {
                    lane: key,
                    row,
                    attempt,
                })
                .await,
            );
        });
    }

    fn free(&mut self, key: &LaneKey) {
        self.active = self.active.saturating_sub(1);
        if let Some(target) = self.targets.get_mut(&key.1) {
            target.active = target.active.saturating_sub(1);
        }
    }

    /// Makes results durable, then lets the lanes go on.
    async fn settle(&mut self, results: Vec<Done>) {
        let batch = store::Batch {
            attempts: results.iter().map(|done| done.attempt.clone()).collect(),
            ..store::Batch::default()
        };
        while let Err(error) = self.store.commit(batch.clone()).await {
            tracing::warn!(%error, "delivery results cannot be stored; trying again");
            tokio::time::sleep(limits::COMMIT_RETRY).await;
        }
        for Done {
            lane: key,
            row,
            attempt,
        } in results
        {
            self.free(&key);
            self.metrics.delivery(&attempt);
            if attempt.state == DeliveryState::Failed {
                tracing::warn!(
                    callback.id = %row.callback,
                    event = row.event_id,
                    attempts = row.attempts + 1,
                    error = attempt.error,
                    "a notification was given up"
                );
            }
            if let Some(lane) = self.lanes.get_mut(&key) {
                lane.busy = false;
                if attempt.state == DeliveryState::Pending {
                    if let Some(head) = lane.waiting.front_mut() {
                        head.attempts += 1;
                        head.next_at = attempt.next_at;
                    }
                } else {
                    lane.waiting.pop_front();
                    self.held.remove(&row.id);
                }
            }
            self.plan(key);
        }
    }
}
