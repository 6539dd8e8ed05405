//! The site in numbers: open callbacks, deliveries, what happened in the last hours.

use std::sync::Arc;

use callback::{Error, Timestamp};
use store::{DeliveryAttempt, DeliveryQuery, DeliveryRow};

use super::{Engine, read_error};
use crate::activity::ActivitySpan;
use crate::limits;
use crate::load::Census;
use crate::shard::Command;

/// A count that is told again until it is too old.
#[derive(Debug, Default)]
pub(super) struct KeptCensus {
    census: Arc<Census>,
    until: Timestamp,
}

impl Engine {
    /// All open callbacks by state and by virtual queue. With a hundred thousand of them the
    /// counts may be some tenths of a second old.
    ///
    /// # Errors
    /// The engine is overloaded.
    pub async fn census(&self) -> Result<Arc<Census>, Error> {
        // Who comes meanwhile waits and gets the same.
        let mut kept = self.inner.locks.census.lock().await;
        let asked = self.now();
        if asked < kept.until {
            return Ok(Arc::clone(&kept.census));
        }
        let census = Arc::new(self.ask(|reply| Command::Census { reply }).await?);
        let now = self.now();
        let took = now.millis_since(asked);
        let pause = took.saturating_mul(limits::CENSUS_KEPT_TIMES);
        kept.until = Timestamp(now.0.saturating_add_unsigned(pause));
        kept.census = Arc::clone(&census);
        Ok(census)
    }

    /// How many callbacks are over and still kept.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn completed(&self) -> Result<u64, Error> {
        self.inner.store.count_over().await.map_err(read_error)
    }

    /// How many deliveries wait for an attempt, and how many were given up.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn open_deliveries(&self) -> Result<(u64, u64), Error> {
        self.inner.store.open_deliveries().await.map_err(read_error)
    }

    /// Deliveries with their attempts.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn deliveries(
        &self,
        query: DeliveryQuery,
    ) -> Result<Vec<(DeliveryRow, Vec<DeliveryAttempt>)>, Error> {
        self.inner.store.deliveries(query).await.map_err(read_error)
    }

    /// What happened in the last spans of so many minutes, the oldest first; of the time since
    /// the start only.
    #[must_use]
    pub fn activity(&self, minutes: i64, spans: i64) -> Vec<ActivitySpan> {
        self.inner
            .metrics
            .activity
            .spans(self.now(), minutes, spans)
    }

    /// When the engine was started.
    #[must_use]
    pub fn started(&self) -> Timestamp {
        self.inner.started
    }
}
