//! The store in one SQLite file: one writer thread with group commit, a few readers beside it.
//!
//! Write-ahead log, fully synced: a commit that was answered survives a power cut. All batches
//! that wait are written in one transaction, each inside its own savepoint, so that one sync
//! serves many callers and a bad batch fails alone. Reads have their own connections and never
//! wait for the writer.
//!
//! Invariants
//! - One process per file (`<path>-lock`), one connection that writes.
//! - `callbacks.settings_id` always has its row in `settings`.
//! - A batch is visible to readers when, and only when, it is durable.

mod apply;
mod backup;
mod changes;
mod checkpoint;
mod failure;
mod limits;
mod purge;
mod query;
mod readers;
mod record;
mod schema;
mod select;
mod settings;
mod storage;
mod writer;

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use callback::{AgentId, Callback, CallbackId, Timestamp};
use rusqlite::Connection;

use self::apply::Rows;
use self::limits::PURGE_STEP;
use self::readers::Readers;
pub use self::schema::Schema;
use self::settings::SettingsCache;
use self::writer::{Work, Writer};
use crate::{
    AgentRow, Batch, ChangeRow, CountedRow, DeliveryAttempt, DeliveryQuery, DeliveryRow,
    EventCursor, EventRow, IdempotencyRow, IntentRow, ListsChange, Query, ServiceRow,
    ServicesChange, Setup, StorageRow, Store, StoreError, Subject, SubscriptionRow,
    TransactionListRow,
};

/// A store in one SQLite file.
///
/// Dropping it finishes what was accepted and blocks until the file is closed; [`Store::close`]
/// does so without blocking.
#[derive(Debug)]
pub struct SqliteStore {
    // Before the writer, so that its connections are closed first.
    readers: Readers,
    writer: Writer,
    settings: Arc<SettingsCache>,
}

impl SqliteStore {
    /// Opens the store, makes it when the file is absent and brings an older schema up to date.
    /// Blocks.
    ///
    /// # Errors
    /// [`StoreError::Newer`] for the schema of a newer version, [`StoreError::Damaged`] for a file
    /// that is no store of ours (it is left as it is), [`StoreError::Unavailable`] when the file
    /// cannot be written or another process has it open.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Self::start(path, None)
    }

    /// Like [`Self::open`], but the file does not grow beyond `max_bytes`: beyond, commits answer
    /// [`StoreError::Unavailable`] until something was purged, as on a full disk.
    ///
    /// # Errors
    /// Those of [`Self::open`].
    pub fn open_bounded(path: &Path, max_bytes: u64) -> Result<Self, StoreError> {
        Self::start(path, Some(max_bytes))
    }

    /// Tells the schema of a file without a change; an absent one has schema 0. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] for a file that is no store of ours, [`StoreError::Unavailable`]
    /// when it cannot be read.
    pub fn schema(path: &Path) -> Result<Schema, StoreError> {
        schema::inspect(path)
    }

    /// Reads the whole file and tells whether its pages and indexes hold together. Blocks; a large
    /// store takes seconds.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] with what was found first, [`StoreError::Unavailable`] when the
    /// file cannot be read.
    pub fn verify(path: &Path) -> Result<(), StoreError> {
        schema::inspect(path)?;
        let conn = schema::open_reader(path)?;
        Ok(schema::verify(&conn, path)?)
    }

    /// Reads what operators have set up, without a change; `None` when the file is absent or has
    /// not the newest schema. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] for a file that is no store of ours, [`StoreError::Unavailable`]
    /// when it cannot be read.
    pub fn setup(path: &Path) -> Result<Option<Setup>, StoreError> {
        let schema = schema::inspect(path)?;
        if schema.found != schema.known {
            return Ok(None);
        }
        let conn = schema::open_reader(path)?;
        Ok(Some(Setup {
            services: select::services(&conn)?,
            lists: select::transaction_lists(&conn)?,
            subscriptions: select::subscriptions(&conn)?,
        }))
    }

    /// Copies the store at `from`, which may be running in another process, to the new file `to`.
    /// Blocks.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when `from` is no store of ours, [`StoreError::Unavailable`] when
    /// it is absent or the copy cannot be written.
    pub fn copy(from: &Path, to: &Path) -> Result<(), StoreError> {
        schema::inspect(from)?;
        let conn = schema::open_reader(from)?;
        Ok(backup::copy(&conn, to)?)
    }

    fn start(path: &Path, max_bytes: Option<u64>) -> Result<Self, StoreError> {
        let lock = schema::lock(path)?;
        let conn = schema::open_writer(path, max_bytes)?;
        Ok(Self {
            readers: Readers::new(PathBuf::from(path)),
            writer: Writer::start(conn, path, lock)?,
            settings: Arc::new(SettingsCache::default()),
        })
    }

    /// Repeats a step of a purge until it finds less than a step's worth.
    async fn repeat(&self, step: impl Fn() -> Work) -> Result<u64, StoreError> {
        let mut total = 0;
        loop {
            let gone = self.writer.write(step()).await?;
            total += gone;
            if gone < u64::from(PURGE_STEP) {
                return Ok(total);
            }
        }
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn commit_shared(&self, batch: Arc<Batch>) -> Result<(), StoreError> {
        if batch.is_empty() {
            return Ok(());
        }
        let rows = Rows::of(batch, &self.settings)?;
        self.writer
            .write(Work::Batch(Box::new(rows)))
            .await
            .map(drop)
    }

    async fn open_callbacks(&self) -> Result<Vec<Arc<Callback>>, StoreError> {
        // Read in parts at the same time: most of the work is decoding, and a server that starts
        // waits for it.
        let [a, b, c, d] = self.readers.run(select::open_parts).await?;
        let part = |rows: Range<i64>| {
            let settings = Arc::clone(&self.settings);
            let sql = select::callbacks_where("open = 1 AND row >= ?1 AND row < ?2");
            let read = move |conn: &Connection| {
                select::shared_callbacks(conn, &settings, &sql, [rows.start, rows.end])
            };
            self.readers.run(read)
        };
        let (mut all, b, c, d) = tokio::try_join!(part(a), part(b), part(c), part(d))?;
        all.extend(b.into_iter().chain(c).chain(d));
        Ok(all)
    }

    async fn counted_since(&self, since: Timestamp) -> Result<Vec<CountedRow>, StoreError> {
        self.readers
            .run(move |conn| select::counted_since(conn, since))
            .await
    }

    async fn callback(&self, id: &CallbackId) -> Result<Option<Callback>, StoreError> {
        let (settings, id) = (Arc::clone(&self.settings), id.clone());
        let sql = select::callbacks_where("id = ?1");
        let found = self
            .readers
            .run(move |conn| select::callbacks(conn, &settings, &sql, [id.as_str()]))
            .await?;
        Ok(found.into_iter().next())
    }

    async fn query(&self, query: Query) -> Result<Vec<Callback>, StoreError> {
        let settings = Arc::clone(&self.settings);
        self.readers
            .run(move |conn| query::run(conn, &settings, &query))
            .await
    }

    async fn count(&self, query: Query) -> Result<usize, StoreError> {
        self.readers
            .run(move |conn| query::count(conn, &query))
            .await
    }

    async fn events(&self, id: &CallbackId) -> Result<Vec<EventRow>, StoreError> {
        let id = id.clone();
        self.readers
            .run(move |conn| select::events(conn, &id))
            .await
    }

    async fn pending_deliveries(&self) -> Result<Vec<DeliveryRow>, StoreError> {
        self.readers.run(select::pending_deliveries).await
    }

    async fn deliveries(
        &self,
        query: DeliveryQuery,
    ) -> Result<Vec<(DeliveryRow, Vec<DeliveryAttempt>)>, StoreError> {
        self.readers
            .run(move |conn| select::deliveries(conn, &query))
            .await
    }

    async fn count_over(&self) -> Result<u64, StoreError> {
        self.readers.run(select::count_over).await
    }

    async fn open_intents(&self) -> Result<Vec<IntentRow>, StoreError> {
        self.readers.run(select::intents).await
    }

    async fn idempotency(
        &self,
        key: &str,
        not_before: Timestamp,
    ) -> Result<Option<IdempotencyRow>, StoreError> {
        let key = String::from(key);
        self.readers
            .run(move |conn| select::idempotency(conn, &key, not_before))
            .await
    }

    async fn change_services(&self, change: ServicesChange) -> Result<(), StoreError> {
        let work = Work::Services(Box::new(change));
        self.writer.write(work).await.map(drop)
    }

    async fn changes(&self, subject: &Subject, limit: usize) -> Result<Vec<ChangeRow>, StoreError> {
        let subject = subject.clone();
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.readers
            .run(move |conn| changes::of(conn, &subject, limit))
            .await
    }

    async fn services(&self) -> Result<Vec<ServiceRow>, StoreError> {
        self.readers.run(select::services).await
    }

    async fn put_agents(&self, agents: Vec<AgentRow>) -> Result<(), StoreError> {
        self.writer.write(Work::Agents(agents)).await.map(drop)
    }

    async fn agents(&self) -> Result<Vec<AgentRow>, StoreError> {
        self.readers.run(select::agents).await
    }

    async fn remove_agent(&self, id: &AgentId) -> Result<bool, StoreError> {
        let work = Work::RemoveAgent(id.clone());
        Ok(self.writer.write(work).await? > 0)
    }

    async fn open_deliveries(&self) -> Result<(u64, u64), StoreError> {
        self.readers.run(select::open_deliveries).await
    }

    async fn put_storage(
        &self,
        callback: &CallbackId,
        rows: Vec<StorageRow>,
    ) -> Result<(), StoreError> {
        let work = Work::Storage(callback.clone(), rows);
        self.writer.write(work).await.map(drop)
    }

    async fn storage(&self, callback: &CallbackId) -> Result<Vec<StorageRow>, StoreError> {
        let id = callback.clone();
        self.readers.run(move |conn| storage::all(conn, &id)).await
    }

    async fn storage_value(
        &self,
        callback: &CallbackId,
        key: &str,
    ) -> Result<Option<StorageRow>, StoreError> {
        let (id, key) = (callback.clone(), String::from(key));
        self.readers
            .run(move |conn| storage::one(conn, &id, &key))
            .await
    }

    async fn remove_storage(&self, callback: &CallbackId, key: &str) -> Result<bool, StoreError> {
        let work = Work::RemoveStorage(callback.clone(), String::from(key));
        Ok(self.writer.write(work).await? > 0)
    }

    /// Removes a few at a time, so that other batches are written in between. Stopped by an error
    /// it has removed some, each wholly.
    async fn purge(&self, before: Timestamp) -> Result<u64, StoreError> {
        let gone = self.repeat(|| Work::PurgeCallbacks(before)).await?;
        self.repeat(|| Work::PurgeIdempotency(before)).await?;
        self.repeat(|| Work::PurgePublished(before)).await?;
        Ok(gone)
    }

    async fn change_lists(&self, change: ListsChange) -> Result<(), StoreError> {
        let work = Work::Lists(Box::new(change));
        self.writer.write(work).await.map(drop)
    }

    async fn transaction_lists(&self) -> Result<Vec<TransactionListRow>, StoreError> {
        self.readers.run(select::transaction_lists).await
    }

    async fn subscriptions(&self) -> Result<Vec<SubscriptionRow>, StoreError> {
        self.readers.run(select::subscriptions).await
    }

    async fn failed_deliveries(
        &self,
        id: Option<&str>,
        limit: usize,
    ) -> Result<Vec<DeliveryRow>, StoreError> {
        let id = id.map(String::from);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.readers
            .run(move |conn| select::failed_deliveries(conn, id.as_deref(), limit))
            .await
    }

    async fn events_since(
        &self,
        after: EventCursor,
        limit: usize,
    ) -> Result<Vec<EventRow>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.readers
            .run(move |conn| select::events_since(conn, &after, limit))
            .await
    }

    async fn purge_traces(&self, before: Timestamp) -> Result<(), StoreError> {
        self.repeat(|| Work::PurgeTraces(before)).await.map(drop)
    }

    async fn backup(&self, path: PathBuf) -> Result<(), StoreError> {
        self.readers
            .run_apart(move |conn| backup::copy(conn, &path))
            .await
    }

    async fn close(&self) {
        self.readers.close();
        self.writer.close().await;
    }
}
