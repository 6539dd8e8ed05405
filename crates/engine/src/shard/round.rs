//! One round of the shard: what is to be written together and what follows from it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use callback::lifecycle::Effect;
use callback::{Callback, CallbackId, Error, ErrorCode, Timestamp};
use store::{Batch, DeliveryRow, StoreError};
use telephony::port::{Command as TelephonyCommand, Hold};

use super::{Reply, Shard};
use crate::limits;

/// Answer to a create that waits for the commit.
#[derive(Debug)]
pub(super) struct Created {
    pub(super) id: CallbackId,
    pub(super) key: Option<String>,
    pub(super) reply: Reply<Result<Arc<Callback>, Error>>,
}

/// Answer to a client's change that waits for the commit.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) id: CallbackId,
    /// What it was before; `None` = it cannot be undone.
    pub(super) before: Option<Arc<Callback>>,
    pub(super) reply: Reply<Result<(), Error>>,
}

/// Refused writes since the last one that was taken, also over several rounds.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    count: u32,
    tell_at: Option<Timestamp>,
}

impl Refusals {
    /// One more; how many there are by now when it is time to say so.
    fn another(&mut self, now: Timestamp) -> Option<u32> {
        self.count = self.count.saturating_add(1);
        if self.tell_at.is_some_and(|at| now < at) {
            return None;
        }
        self.tell_at = Some(now + limits::REFUSALS_LOGGED_EVERY);
        Some(self.count)
    }

    /// A write was taken: how many were refused before it.
    fn over(&mut self) -> Option<u32> {
        let count = std::mem::take(self).count;
        (count > 0).then_some(count)
    }
}

/// What one round gathered.
#[derive(Debug, Default)]
pub(super) struct Round {
    pub(super) batch: Batch,
    pub(super) changed: Vec<CallbackId>,
    pub(super) effects: Vec<(CallbackId, Effect)>,
    pub(super) created: Vec<Created>,
    pub(super) asked: Vec<Asked>,
    /// INVITEs that wait until their dialogs are durable.
    pub(super) holds: Vec<Hold>,
    /// Calls that are placed once their intents are durable.
    pub(super) places: Vec<TelephonyCommand>,
}

impl Shard {
    /// Makes a round durable, then acts and answers; tries as long as it takes.
    pub(super) async fn commit(&mut self, round: Round) {
        // Only a closed store ends it, and that was logged.
        drop(self.commit_within(round, u32::MAX).await);
    }

    /// Makes a round durable, then acts and answers.
    ///
    /// # Errors
    /// The store refused the round `tries_max` times, or is closed: nothing was done.
    pub(super) async fn commit_within(
        &mut self,
        mut round: Round,
        tries_max: u32,
    ) -> Result<(), StoreError> {
        round.changed.sort_unstable();
        round.batch.callbacks = round
            .changed
            .chunk_by(|a, b| a == b)
            .filter_map(|same| self.callbacks.get(same.first()?).cloned())
            .collect();
        round.batch.agent_states = std::mem::take(&mut self.agent_states);
        if !round.batch.is_empty() {
            // Not durable: nothing of it may be answered, dialed or sent. Whoever waits for an
            // answer learns that the server goes down.
            self.write(&mut round, tries_max).await?;
        }
        round.changed.dedup();
        round.holds.clear();
        for command in std::mem::take(&mut round.places) {
            self.send(command);
        }
        let deliveries: Vec<DeliveryRow> = std::mem::take(&mut round.batch.deliveries);
        self.parts.outbox.hand_over(deliveries);
        if !round.batch.events.is_empty() && self.parts.shared.events.receiver_count() > 0 {
            let events = Arc::from(std::mem::take(&mut round.batch.events));
            // The last listener may just have gone.
            drop(self.parts.shared.events.send(events));
        }
        for id in &round.changed {
            if self
                .callbacks
                .get(id)
                .is_some_and(|callback| !callback.is_open())
            {
                self.callbacks.remove(id);
                self.joined.remove(id);
            }
        }
        // Answered before acting: the answers are written on other threads meanwhile.
        for Created { id, key: _, reply } in std::mem::take(&mut round.created) {
            // The records are in the order of their ids, as `changed` is.
            let records = &round.batch.callbacks;
            let answer = records
                .binary_search_by(|callback| callback.id.cmp(&id))
                .ok()
                .and_then(|at| records.get(at).cloned())
                .ok_or_else(|| Error::new(ErrorCode::Internal, "the new callback is missing"));
            drop(reply.send(answer));
        }
        for (id, effect) in std::mem::take(&mut round.effects) {
            self.act(&id, effect);
        }
        for Asked { reply, .. } in round.asked {
            // The client may have gone away; the effect stands.
            drop(reply.send(Ok(())));
        }
        self.show();
        Ok(())
    }

    /// Writes until it succeeds. Creates and clients' changes that were not acknowledged are
    /// withdrawn at the first failure; everything else already happened in the world and must not
    /// be lost.
    async fn write(&mut self, round: &mut Round, tries_max: u32) -> Result<(), StoreError> {
        let mut tries = 0_u32;
        loop {
            let batch = Arc::new(std::mem::take(&mut round.batch));
            let result = self.parts.store.commit_shared(Arc::clone(&batch)).await;
            // The store has let go of it, so nothing is copied.
            round.batch = Arc::unwrap_or_clone(batch);
            self.parts.metrics.commit(result.is_ok());
            self.parts
                .shared
                .store_ok
                .store(result.is_ok(), Ordering::Release);
            let Err(error) = result else {
                if let Some(failures) = self.refusals.over() {
                    tracing::warn!(failures, "the store takes writes again");
                }
                return Ok(());
            };
            if matches!(error, StoreError::Closed) {
                tracing::error!("the store is closed, nothing is done any more");
                return Err(error);
            }
            if let Some(failures) = self.refusals.another(self.parts.clock.now()) {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::error!(
                    %error,
                    cause,
                    failures,
                    "the store refuses writes: nothing is dialed or answered until it takes them; \
                     is the disk full or read-only?"
                );
            }
            tries += 1;
            if tries == 1 {
                settle_what_stays(round);
                self.withdraw_creates(round);
                self.withdraw_changes(round);
                if round.batch.is_empty() {
                    self.store_again_at = Some(self.now + limits::STORE_PAUSE);
                    return Ok(());
                }
            }
            if tries >= tries_max {
                return Err(error);
            }
            tokio::time::sleep(limits::COMMIT_RETRY).await;
        }
    }

    fn withdraw_creates(&mut self, round: &mut Round) {
        for Created { id, key, reply } in std::mem::take(&mut round.created) {
            if let Some(callback) = self.callbacks.remove(&id) {
                if let Some(at) = callback.next_timer() {
                    self.timers.remove(&(at, id.clone()));
                }
                self.ledger.moved(Some(callback.state), None, &callback);
                self.ledger.take_back(&callback);
            }
            if let Some(key) = key {
                self.recent_keys.remove(&key);
            }
            forget(round, &id);
            drop(reply.send(Err(Error::new(
                ErrorCode::NotReady,
                "The store does not take writes now; the callback was not made, try again later",
            ))));
        }
    }

    /// Undoes what clients asked for, where nothing else happened to the callback in the round.
    fn withdraw_changes(&mut self, round: &mut Round) {
        // The last one first: what was before the first one is what stays.
        for asked in std::mem::take(&mut round.asked).into_iter().rev() {
            let Asked { id, before, reply } = asked;
            let known = self.callbacks.get(&id).cloned();
            match (before, known) {
                (Some(before), Some(changed)) => {
                    if let Some(at) = changed.next_timer() {
                        self.timers.remove(&(at, id.clone()));
                    }
                    if let Some(at) = before.next_timer() {
                        self.timers.insert((at, id.clone()));
                    }
                    let (was, is) = (Some(changed.state), Some(before.state));
                    self.ledger.moved(was, is, &before);
                    self.callbacks.insert(id.clone(), before);
                    forget(round, &id);
                }
                // It was made in this very round, and that was undone.
                (_, None) => {}
                (None, Some(_)) => {
                    round.asked.push(Asked {
                        id,
                        before: None,
                        reply,
                    });
                    continue;
                }
            }
            drop(reply.send(Err(Error::new(
                ErrorCode::NotReady,
                "The store does not take writes now; nothing was changed, try again later",
            ))));
        }
    }
}

/// Whether a change may be undone: not when something else happened to its callback as well.
/// `changed` is sorted and names a callback once for each step.
fn settle_what_stays(round: &mut Round) {
    let steps = |id: &CallbackId| {
        let from = round.changed.partition_point(|changed| changed < id);
        let to = round.changed.partition_point(|changed| changed <= id);
        to - from
    };
    let stays: Vec<bool> = round
        .asked
        .iter()
        .map(|asked| {
            let same = round.asked.iter().filter(|other| other.id == asked.id);
            let mut undone = 0;
            for other in same {
                if other.before.is_none() {
                    return true;
                }
                undone += 1;
            }
            steps(&asked.id) != undone
        })
        .collect();
    for (asked, stays) in round.asked.iter_mut().zip(stays) {
        if stays {
            asked.before = None;
        }
    }
}

/// Leaves a callback out of what is written and done.
fn forget(round: &mut Round, id: &CallbackId) {
    let batch = &mut round.batch;
    batch.callbacks.retain(|callback| callback.id != *id);
    batch.events.retain(|row| row.callback != *id);
    batch.deliveries.retain(|row| row.callback != *id);
    batch.intents.retain(|row| row.callback != *id);
    batch.idempotency.retain(|row| row.callback != *id);
    round.changed.retain(|changed| changed != id);
    round.effects.retain(|(owner, _)| owner != id);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_goes_on_refusing_is_told_of_once_in_a_while() {
        let mut refusals = Refusals::default();
        let start = Timestamp(1_000_000);
        assert_eq!(refusals.another(start), Some(1));
        assert_eq!(refusals.another(start.plus_seconds(2)), None);
        assert_eq!(refusals.another(start.plus_seconds(59)), None);
        assert_eq!(refusals.another(start.plus_seconds(60)), Some(4));
        assert_eq!(refusals.over(), Some(4));
        assert_eq!(refusals.over(), None);
        assert_eq!(refusals.another(start.plus_seconds(61)), Some(1));
    }
}
