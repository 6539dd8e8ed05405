//! Delivers status notifications: at least once, in order per callback and target.
//!
//! A *lane* holds the waiting deliveries of one (callback, target) pair; only its head is under
//! way. The result of an attempt is durable before the next delivery of the lane starts, so
//! that a crash repeats a delivery but never reorders. Targets have their own bounded number of
//! concurrent deliveries and their own circuit breaker: a slow receiver costs nobody else
//! anything. A place is free again as soon as its receiver has answered; the results of all that
//! answered meanwhile become durable in one transaction.

mod alone;
mod body;
mod breaker;
mod guard;
mod lanes;
mod resolver;
mod rows;
mod schedule;
mod sender;
mod signature;
mod subscriptions;
mod trace;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use callback::{Timestamp, mask};
use rand::rngs::SmallRng;
use store::{DeliveryAttempt, DeliveryRow, DeliveryState, Store, StoreError};
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};

use crate::clock::Clock;
use crate::limits;
use crate::metrics::Metrics;
use crate::supervisor::Supervisor;

pub use alone::Delivery;
pub(crate) use body::{BodyError, read as read_body};
pub use guard::{AddressRefused, check_literal};
pub(crate) use guard::{check_operators_url, check_url};
use lanes::{LaneKey, Lanes, Next};
pub(crate) use resolver::operators_resolver;
pub(crate) use rows::Publisher;
pub use rows::{NotifyConfig, Provider};
use sender::SendResult;
pub use sender::{OutgoingHttp, SenderConfig};
pub(crate) use sender::{Sender, describe};
pub use signature::Secret;
pub use subscriptions::Subscription;
pub(crate) use subscriptions::Subscriptions;

/// Deliveries for the notifier.
#[derive(Debug)]
struct Handed {
    rows: Vec<DeliveryRow>,
    /// They were given up before and are tried again on request.
    again: bool,
}

/// Where the shard hands new deliveries to.
#[derive(Clone, Debug)]
pub(crate) struct Outbox {
    sender: mpsc::Sender<Handed>,
    /// Deliveries that the notifier holds.
    held: Arc<AtomicUsize>,
    /// Rows were not taken: the notifier reads them from the store when it has room.
    overflowed: Arc<AtomicBool>,
}

impl Outbox {
    /// Hands over committed deliveries; never blocks, never loses (the store has them).
    pub(crate) fn hand_over(&self, rows: Vec<DeliveryRow>) {
        self.hand(Handed { rows, again: false });
    }

    /// Hands over deliveries that were given up before.
    pub(crate) fn hand_over_again(&self, rows: Vec<DeliveryRow>) {
        self.hand(Handed { rows, again: true });
    }

    fn hand(&self, handed: Handed) {
        if !handed.rows.is_empty() && self.sender.try_send(handed).is_err() {
            self.overflowed.store(true, Ordering::Release);
        }
    }
}

/// What came back from an attempt.
#[derive(Debug)]
struct Done {
    lane: LaneKey,
    row: Arc<DeliveryRow>,
    attempt: DeliveryAttempt,
    /// The target failed; `None` when it was not tried.
    failed: Option<bool>,
}

/// What the notifier works with.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) sender: Sender,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) subscriptions: Arc<Subscriptions>,
}

/// The task that owns all lanes.
pub(crate) struct Notifier {
    parts: Parts,
    rng: SmallRng,
    lanes: Lanes,
    sending: JoinSet<Done>,
    /// Whose delivery a task makes: its place and lane are freed however it ends.
    begun: HashMap<tokio::task::Id, (LaneKey, Arc<DeliveryRow>, Timestamp)>,
    /// Results that are not stored yet.
    unsaved: Vec<Done>,
    /// The transaction under way, with its results.
    saving: JoinSet<()>,
    being_saved: Vec<Done>,
    overflowed: Arc<AtomicBool>,
    held: Arc<AtomicUsize>,
}

impl Notifier {
    /// Starts the notifier with what the store still holds.
    pub(crate) async fn start(parts: Parts, supervisor: &Supervisor) -> Result<Outbox, StoreError> {
        let (sender, rows) = mpsc::channel(limits::DELIVERY_QUEUE_MAX);
        let mut notifier = Self::new(parts);
        let held = notifier.held.clone();
        let overflowed = notifier.overflowed.clone();
        notifier.load().await?;
        supervisor.spawn("notifier", notifier.run(rows));
        Ok(Outbox {
            sender,
            held,
            overflowed,
        })
    }

    fn new(parts: Parts) -> Self {
        Self {
            lanes: Lanes::new(parts.sender.bounds()),
            parts,
            rng: rand::make_rng(),
            sending: JoinSet::new(),
            begun: HashMap::new(),
            unsaved: Vec::new(),
            saving: JoinSet::new(),
            being_saved: Vec::new(),
            overflowed: Arc::default(),
            held: Arc::default(),
        }
    }

    async fn run(mut self, mut rows: mpsc::Receiver<Handed>) {
        loop {
            self.begin_due();
            self.save();
            self.held.store(self.lanes.held(), Ordering::Release);
            let wake = self.wake_in();
            tokio::select! {
                Some(ended) = self.sending.join_next_with_id() => {
                    self.ended(ended);
                    while let Some(more) = self.sending.try_join_next_with_id() {
                        self.ended(more);
                    }
                }
                Some(saved) = self.saving.join_next() => self.stored(saved),
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
                && self.lanes.held() < limits::DELIVERIES_IN_MEMORY_MAX / 2
            {
                self.reload(&mut rows).await;
            }
        }
    }

    fn now(&self) -> Timestamp {
        self.parts.clock.now()
    }

    /// Reads what waits in the store and is not held yet.
    async fn load(&mut self) -> Result<(), StoreError> {
        self.overflowed.store(false, Ordering::Release);
        let rows = self.parts.store.pending_deliveries().await?;
        self.take(Handed { rows, again: false });
        Ok(())
    }

    /// Reads the store again after rows were not taken. What the channel holds was committed
    /// before, so the store has it: it is read there, in its order.
    async fn reload(&mut self, rows: &mut mpsc::Receiver<Handed>) {
        while rows.try_recv().is_ok() {}
        if let Err(error) = self.load().await {
            self.overflowed.store(true, Ordering::Release);
            tracing::warn!(%error, "waiting deliveries cannot be read; trying again");
            tokio::time::sleep(limits::COMMIT_RETRY).await;
        }
    }

    fn take(&mut self, handed: Handed) {
        let now = self.now();
        for row in handed.rows {
            // Once a row was left out, later ones of its lane must not overtake it.
            if self.overflowed.load(Ordering::Acquire)
                || self.lanes.held() >= limits::DELIVERIES_IN_MEMORY_MAX
            {
                self.overflowed.store(true, Ordering::Release);
                return;
            }
            if handed.again {
                self.lanes.revive(&row);
            }
            self.lanes.take(row, now);
        }
    }

    fn wake_in(&self) -> Duration {
        let until = self
            .lanes
            .next_at()
            .map_or(60_000, |at| at.millis_since(self.now()));
        Duration::from_millis(until.clamp(1, 60_000))
    }

    /// Starts every delivery that is due and has a free place.
    fn begin_due(&mut self) {
        let now = self.now();
        self.lanes.wake(now);
        while let Some(next) = self.lanes.next(now) {
            match next {
                Next::Send(lane, row) => self.begin(lane, row),
                Next::Refuse(lane, row) => {
                    self.lanes.over(&lane, None, now);
                    let attempt = schedule::refused(&row, now);
                    self.unsaved.push(Done {
                        lane,
                        row,
                        attempt,
                        failed: None,
                    });
                }
            }
        }
    }

    fn begin(&mut self, lane: LaneKey, row: Arc<DeliveryRow>) {
        let sender = self.parts.sender.clone();
        let clock = self.parts.clock.clone();
        let jitter = schedule::jitter(&mut self.rng);
        let (key, delivery) = (lane.clone(), Arc::clone(&row));
        self.spawn(lane, row, async move {
            let at = clock.now();
            let sent = sender.send(&delivery, at).await;
            let mut attempt = schedule::judge(&delivery, at, clock.now(), &sent.result, jitter);
            attempt.trace = sent.trace;
            Done {
                failed: sent.result.failed(),
                lane: key,
                row: delivery,
                attempt,
            }
        });
    }

    fn spawn(
        &mut self,
        lane: LaneKey,
        row: Arc<DeliveryRow>,
        attempt: impl Future<Output = Done> + Send + 'static,
    ) {
        let at = self.now();
        let task = self.sending.spawn(attempt);
        self.begun.insert(task.id(), (lane, row, at));
    }

    /// A task is over: with a result, or it panicked, which counts as an attempt that failed.
    fn ended(&mut self, ended: Result<(tokio::task::Id, Done), JoinError>) {
        match ended {
            Ok((id, done)) => {
                self.begun.remove(&id);
                self.over(done);
            }
            Err(error) => {
                let Some((lane, row, at)) = self.begun.remove(&error.id()) else {
                    return;
                };
                tracing::error!(
                    callback.id = %row.callback,
                    event = row.event_id,
                    %error,
                    "a delivery panicked; it is tried again"
                );
                let jitter = schedule::jitter(&mut self.rng);
                let result = SendResult::Failed {
                    error: "the sender failed".to_owned(),
                };
                let attempt = schedule::judge(&row, at, self.now(), &result, jitter);
                self.over(Done {
                    lane,
                    row,
                    attempt,
                    // It says nothing about the receiver.
                    failed: None,
                });
            }
        }
    }

    /// A receiver has answered, or not: its place is free.
    fn over(&mut self, done: Done) {
        let now = self.now();
        if self.lanes.over(&done.lane, done.failed, now) {
            let open = done.failed == Some(true);
            self.parts.metrics.circuit(open);
            tracing::warn!(
                callback.id = %done.row.callback,
                target = mask::url(&done.row.target),
                open,
                "the circuit of a notification target has changed"
            );
        }
        if done.attempt.status == schedule::GONE {
            self.lanes.end(&done.lane);
            self.parts
                .subscriptions
                .remove(&done.row.extra.subscription);
        }
        self.unsaved.push(done);
    }

    /// Makes the results known so far durable, one transaction at a time.
    fn save(&mut self) {
        if self.unsaved.is_empty() || !self.saving.is_empty() {
            return;
        }
        let rest = self
            .unsaved
            .split_off(self.unsaved.len().min(limits::ATTEMPTS_PER_COMMIT_MAX));
        self.being_saved = std::mem::replace(&mut self.unsaved, rest);
        let store = self.parts.store.clone();
        let batch = Arc::new(batch(&self.being_saved));
        self.saving.spawn(async move {
            let mut tries = 0_u32;
            while let Err(error) = store.commit_shared(Arc::clone(&batch)).await {
                if tries.is_multiple_of(limits::COMMIT_RETRIES_PER_LOG) {
                    tracing::warn!(%error, tries, "delivery results cannot be stored; trying again");
                }
                tries += 1;
                tokio::time::sleep(limits::COMMIT_RETRY).await;
            }
        });
    }

    /// Results are durable: their lanes go on.
    fn stored(&mut self, saved: Result<(), JoinError>) {
        let results = std::mem::take(&mut self.being_saved);
        if let Err(error) = saved {
            tracing::error!(%error, "storing results panicked; it is done again");
            self.unsaved.splice(0..0, results);
            return;
        }
        let now = self.now();
        for Done {
            lane, row, attempt, ..
        } in results
        {
            self.parts.metrics.delivery(&attempt);
            if attempt.state == DeliveryState::Failed {
                tracing::warn!(
                    callback.id = %row.callback,
                    event = row.event_id,
                    target = mask::url(&row.target),
                    attempts = row.attempts + 1,
                    error = attempt.error,
                    "a notification was given up"
                );
            }
            drop(row);
            self.lanes.stored(lane, &attempt, now);
        }
    }
}

/// The attempts, and the subscriptions that they have ended.
fn batch(results: &[Done]) -> store::Batch {
    let gone = results
        .iter()
        .filter(|done| done.attempt.status == schedule::GONE)
        .map(|done| done.row.extra.subscription.clone())
        .filter(|id| !id.is_empty())
        .collect();
    store::Batch {
        attempts: results.iter().map(|done| done.attempt.clone()).collect(),
        subscriptions_over: gone,
        ..store::Batch::default()
    }
}

#[cfg(test)]
mod tests;
