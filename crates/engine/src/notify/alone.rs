//! The delivery of notifications without the rest of the engine, for measurements.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use store::{DeliveryRow, Store};

use super::{Notifier, Outbox, Parts, Sender, SenderConfig, Subscriptions};
use crate::api::StartError;
use crate::clock::SystemClock;
use crate::limits;
use crate::metrics::Metrics;
use crate::supervisor::Supervisor;

/// A running delivery.
#[derive(Debug)]
pub struct Delivery {
    outbox: Outbox,
    supervisor: Supervisor,
}

impl Delivery {
    /// Starts with what the store holds.
    ///
    /// # Errors
    /// The store cannot be read or the HTTP client not be built.
    pub async fn start(store: Arc<dyn Store>, sender: SenderConfig) -> Result<Self, StartError> {
        let supervisor = Supervisor::default();
        let parts = Parts {
            store,
            clock: Arc::new(SystemClock),
            sender: Sender::new(sender)?,
            metrics: Arc::new(Metrics::new()),
            subscriptions: Arc::new(Subscriptions::default()),
        };
        let outbox = Notifier::start(parts, &supervisor).await?;
        Ok(Self { outbox, supervisor })
    }

    /// Hands deliveries over that the store has.
    pub fn hand_over(&self, rows: Vec<DeliveryRow>) {
        self.outbox.hand_over(rows);
    }

    /// Deliveries that are held because they are not delivered and stored yet; what was handed
    /// over just now may be missing.
    #[must_use]
    pub fn held(&self) -> usize {
        self.outbox.held.load(Ordering::Acquire)
    }

    /// Ends it.
    pub async fn stop(&self) {
        self.supervisor.stop(limits::DRAIN_MAX).await;
    }
}
