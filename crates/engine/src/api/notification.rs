//! The notification API, deliveries that are tried again, the stream of events.

use std::sync::Arc;

use callback::{CallbackId, Error, ErrorCode, Timestamp};
use store::{Batch, DeliveryState, EventCursor, EventRow, PUBLISHED_PREFIX, SubscriptionRow};
use tokio::sync::broadcast;

use super::{Engine, read_error, write_error};
use crate::limits;
use crate::notify::{self, Subscription};
use crate::token::new_token;

/// Events in the order in which they became durable.
#[derive(Debug)]
pub struct Tail {
    receiver: broadcast::Receiver<Arc<[EventRow]>>,
}

/// What the event stream brings next.
#[derive(Debug)]
pub enum Tailed {
    /// Events.
    Events(Arc<[EventRow]>),
    /// The listener was too slow: some events have to be read from the store.
    Missed,
    /// The server is going down.
    Ended,
}

impl Tail {
    /// Waits for the next events.
    pub async fn next(&mut self) -> Tailed {
        match self.receiver.recv().await {
            Ok(events) => Tailed::Events(events),
            Err(broadcast::error::RecvError::Lagged(_)) => Tailed::Missed,
            Err(broadcast::error::RecvError::Closed) => Tailed::Ended,
        }
    }
}

impl Engine {
    /// Adds a subscription, or renews the one that the subscriber has for the device; answers
    /// with its id and its end when that is durable.
    ///
    /// # Errors
    /// An address that the guard denies, too many subscriptions, or the store does not take the
    /// write.
    pub async fn subscribe(&self, wanted: Subscription) -> Result<(String, Timestamp), Error> {
        if wanted.guarded && wanted.channel == "httpcb" {
            notify::check_url(&wanted.device, &self.inner.allow_hosts).map_err(|message| {
                Error::new(ErrorCode::AddressNotAllowed, message).field("deviceId")
            })?;
        }
        let _one_at_a_time = self.inner.locks.imports.lock().await;
        let now = self.now();
        let expires_s = wanted
            .expire_s
            .unwrap_or_else(|| i64::from(self.inner.subscription_default_s))
            .clamp(limits::SUBSCRIPTION_MIN_S, limits::SUBSCRIPTION_MAX_S);
        let mut row = SubscriptionRow {
            id: new_token(),
            subscriber: wanted.subscriber,
            filter: wanted.filter,
            channel: wanted.channel,
            device: wanted.device,
            provider: wanted.provider,
            authorization: wanted.authorization,
            language: wanted.language,
            debug: wanted.debug,
            guarded: wanted.guarded,
            expires: now.plus_seconds(expires_s),
        };
        let subscriptions = &self.inner.subscriptions;
        match subscriptions.same(&row) {
            Some(known) => row.id.clone_from(&known.id),
            None if subscriptions.len() >= limits::SUBSCRIPTIONS_MAX => {
                let message = "There are too many subscriptions, try again later";
                return Err(Error::new(ErrorCode::TooMany, message));
            }
            None => {}
        }
        let answer = (row.id.clone(), row.expires);
        let engine = self.clone();
        self.to_end(async move {
            let batch = Batch {
                subscriptions: vec![row.clone()],
                ..Batch::default()
            };
            engine
                .inner
                .store
                .commit(batch)
                .await
                .map_err(write_error)?;
            engine.inner.subscriptions.put(row);
            Ok(())
        })
        .await??;
        Ok(answer)
    }

    /// Publishes a message to every subscription whose filter matches the tag; answers how many
    /// there are when their deliveries are durable.
    ///
    /// # Errors
    /// The store does not take the write.
    pub async fn publish(&self, tag: &str, message: &str) -> Result<usize, Error> {
        let id = CallbackId::new(format!("{PUBLISHED_PREFIX}{}", new_token()));
        let rows = self
            .inner
            .publisher
            .of_message(tag, message, &id, self.now());
        if rows.is_empty() {
            return Ok(0);
        }
        let batch = Batch {
            deliveries: rows.clone(),
            ..Batch::default()
        };
        let matched = rows.len();
        let engine = self.clone();
        self.to_end(async move {
            engine
                .inner
                .store
                .commit(batch)
                .await
                .map_err(write_error)?;
            engine.inner.outbox.hand_over(rows);
            Ok(matched)
        })
        .await?
    }

    /// Tries deliveries again that were given up: one, or all; answers how many.
    ///
    /// # Errors
    /// The store cannot be used, or the one delivery was not given up.
    pub async fn retry_deliveries(&self, id: Option<&str>) -> Result<usize, Error> {
        let store = &self.inner.store;
        let failed = store.failed_deliveries(id, limits::RETRY_MAX).await;
        let mut rows = failed.map_err(read_error)?;
        if let (true, Some(id)) = (rows.is_empty(), id) {
            let message = format!("There is no delivery {id} that was given up");
            return Err(Error::new(ErrorCode::NotFound, message));
        }
        let now = self.now();
        for row in &mut rows {
            row.state = DeliveryState::Pending;
            row.next_at = Some(now);
            row.base = row.attempts;
        }
        let batch = Batch {
            retries: rows.iter().map(|row| (row.id.clone(), now)).collect(),
            ..Batch::default()
        };
        let count = rows.len();
        let engine = self.clone();
        self.to_end(async move {
            engine
                .inner
                .store
                .commit(batch)
                .await
                .map_err(write_error)?;
            engine.inner.outbox.hand_over_again(rows);
            Ok(count)
        })
        .await?
    }

    /// The live subscriptions, those that end first in front.
    #[must_use]
    pub fn subscriptions(&self) -> Vec<Arc<SubscriptionRow>> {
        self.inner.subscriptions.live(self.now())
    }

    /// Whether a live subscription has this device.
    #[must_use]
    pub fn is_subscribed(&self, device: &str) -> bool {
        self.inner.subscriptions.has_device(device, self.now())
    }

    /// Listens to the events of all callbacks from now on.
    #[must_use]
    pub fn tail(&self) -> Tail {
        Tail {
            receiver: self.inner.shared.events.subscribe(),
        }
    }

    /// Events of all callbacks behind a place, oldest first, at most [`limits::TAIL_PAGE`].
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn events_since(&self, after: EventCursor) -> Result<Vec<EventRow>, Error> {
        let store = &self.inner.store;
        let rows = store.events_since(after, limits::TAIL_PAGE).await;
        rows.map_err(read_error)
    }

    /// Removes subscriptions that have ended and traces that are too old.
    pub(super) async fn sweep_notifications(&self) {
        let now = self.now();
        let over = self.inner.subscriptions.remove_expired(now);
        if !over.is_empty() {
            let batch = Batch {
                subscriptions_over: over,
                ..Batch::default()
            };
            if let Err(error) = self.inner.store.commit(batch).await {
                tracing::warn!(%error, "ended subscriptions cannot be removed");
            }
        }
        if let Err(error) = self.inner.store.purge_traces(now - limits::TRACE_TTL).await {
            tracing::warn!(%error, "old traces cannot be removed");
        }
    }
}
