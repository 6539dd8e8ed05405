//! What clients change at callbacks that are open.

use std::sync::atomic::Ordering;

use callback::confirm::Choice;
use callback::lifecycle::{Change, Input};
use callback::{CallbackId, Error, ServiceName, Timestamp};

use super::{Engine, not_ready};
use crate::shard::Command;

impl Engine {
    /// Cancels a callback; answers when that is durable.
    ///
    /// # Errors
    /// Not found, already over, or the customer talks to an agent; the store takes no writes.
    pub async fn cancel(&self, service: Option<ServiceName>, id: CallbackId) -> Result<(), Error> {
        self.change(service, id, Input::Cancel).await
    }

    /// Moves a callback to another time; answers when that is durable.
    ///
    /// # Errors
    /// Not found, or already dialed; the store takes no writes.
    pub async fn reschedule(
        &self,
        service: Option<ServiceName>,
        id: CallbackId,
        desired: Timestamp,
    ) -> Result<(), Error> {
        self.change(service, id, Input::Reschedule { desired })
            .await
    }

    /// Answers the question whether the customer may be called now; answers when that is durable.
    ///
    /// # Errors
    /// Not found, no question is open, or the token is none of the open question; the store takes
    /// no writes.
    pub async fn choose(&self, id: CallbackId, choice: Choice, token: String) -> Result<(), Error> {
        self.change(None, id, Input::Chosen { choice, token }).await
    }

    /// Changes data, target, priority or time of a callback, all or nothing; answers when that is
    /// durable.
    ///
    /// # Errors
    /// Not found, over, or not possible in its state; values that cannot be used; the store takes
    /// no writes.
    pub async fn update(
        &self,
        service: Option<ServiceName>,
        id: CallbackId,
        change: Change,
    ) -> Result<(), Error> {
        self.change(service, id, Input::Update(Box::new(change)))
            .await
    }

    async fn change(
        &self,
        service: Option<ServiceName>,
        id: CallbackId,
        input: Input,
    ) -> Result<(), Error> {
        if !self.inner.shared.store_ok.load(Ordering::Acquire) {
            return Err(not_ready());
        }
        self.ask_to_end(|reply| Command::Ask {
            service,
            id,
            input,
            reply,
        })
        .await?
    }
}
