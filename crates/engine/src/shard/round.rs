//! One round of the shard: what is to be written together and what follows from it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use callback::lifecycle::Effect;
use callback::{Callback, CallbackId, Error, ErrorCode};
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

/// What one round gathered.
#[derive(Debug, Default)]
pub(super) struct Round {
    pub(super) batch: Batch,
    pub(super) changed: Vec<CallbackId>,
    pub(super) effects: Vec<(CallbackId, Effect)>,
    pub(super) created: Vec<Created>,
    pub(super) asked: Vec<Reply<Result<(), Error>>>,
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
        round.changed.dedup();
        round.batch.callbacks = round
            .changed
            .iter()
            .filter_map(|id| self.callbacks.get(id).cloned())
            .collect();
        round.batch.agent_states = std::mem::take(&mut self.agent_states);
        if !round.batch.is_empty() {
            // Not durable: nothing of it may be answered, dialed or sent. Whoever waits for an
            // answer learns that the server goes down.
            self.write(&mut round, tries_max).await?;
        }
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
        for reply in round.asked {
            // The client may have gone away; the effect stands.
            drop(reply.send(Ok(())));
        }
        self.show();
        Ok(())
    }

    /// Writes until it succeeds. Creates that were not acknowledged are withdrawn at the first
    /// failure; everything else already happened in the world and must not be lost.
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
                if tries > 0 {
                    tracing::warn!(tries, "the store takes writes again");
                }
                return Ok(());
            };
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            if matches!(error, StoreError::Closed) {
                tracing::error!("the store is closed, nothing is done any more");
                return Err(error);
            }
            if tries.is_multiple_of(limits::COMMIT_RETRIES_PER_LOG) {
                tracing::error!(
                    %error,
                    cause,
                    tries,
                    "the store refuses writes: nothing is dialed or answered until it takes them; \
                     is the disk full or read-only?"
                );
            }
            tries += 1;
            if tries == 1 {
                self.withdraw_creates(round);
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
            let batch = &mut round.batch;
            batch.callbacks.retain(|callback| callback.id != id);
            batch.events.retain(|row| row.callback != id);
            batch.deliveries.retain(|row| row.callback != id);
            batch.intents.retain(|row| row.callback != id);
            batch.idempotency.retain(|row| row.callback != id);
            round.changed.retain(|changed| *changed != id);
            round.effects.retain(|(owner, _)| *owner != id);
            drop(reply.send(Err(Error::new(
                ErrorCode::NotReady,
                "The store does not take writes now; the callback was not made, try again later",
            ))));
        }
    }
}
