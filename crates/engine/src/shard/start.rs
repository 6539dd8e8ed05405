//! Going on after a start: what the store holds is taken up again.

use callback::lifecycle::Input;
use callback::{Error, ErrorCode};
use store::StoreError;
use telephony::port::{CallId, Command as TelephonyCommand, DialogRecord};

use super::Shard;
use super::round::Round;
use crate::limits;

/// An idempotency key came again with another body.
pub(crate) fn key_used_differently() -> Error {
    Error::new(
        ErrorCode::BadParameter,
        "This Idempotency-Key was used with another body: take a new key for a new request",
    )
    .field("Idempotency-Key")
}

impl Shard {
    /// Ends what a crash left over and takes up every open callback.
    ///
    /// # Errors
    /// The store cannot be read, or does not take what follows from the start within
    /// [`limits::START_TRIES_MAX`] tries: whoever starts the server has to know.
    pub(crate) async fn recover(&mut self) -> Result<(), StoreError> {
        let mut round = Round::default();
        for intent in self.parts.store.open_intents().await? {
            let dialog = intent
                .dialog
                .as_deref()
                .and_then(|text| serde_json::from_str::<DialogRecord>(text).ok());
            if let Some(record) = dialog {
                tracing::warn!(
                    call.id = intent.leg,
                    "a call left over from before is ended"
                );
                // The intent stays until the call is over: the next crash may come before.
                let call = CallId::new(intent.leg.as_str());
                let record = Box::new(record);
                self.send(TelephonyCommand::EndLeftover { call, record });
                self.leftovers.insert(intent.leg, intent.callback);
            } else {
                round.batch.intents_over.push(intent.leg);
            }
        }
        let since = self.now.plus_seconds(-limits::COUNTED_BACK_S);
        let (open, counted) = tokio::join!(
            self.parts.store.open_callbacks(),
            self.parts.store.counted_since(since)
        );
        for row in counted? {
            self.ledger.restore(&row.service, row.created, &row.values);
        }
        let open = open?;
        if !open.is_empty() {
            tracing::info!(callbacks = open.len(), "open callbacks are taken up again");
        }
        for callback in open {
            let id = callback.id.clone();
            if let Some(at) = callback.next_timer() {
                self.timers.insert((at, id.clone()));
            }
            self.ledger.moved(None, Some(callback.state), &callback);
            self.callbacks.insert(id.clone(), callback);
            self.step(&id, Input::Recover, &mut round);
            if round.effects.len() >= limits::BATCH_INPUTS_MAX {
                self.commit_within(std::mem::take(&mut round), limits::START_TRIES_MAX)
                    .await?;
            }
        }
        self.commit_within(round, limits::START_TRIES_MAX).await?;
        self.apply_pauses();
        Ok(())
    }
}
