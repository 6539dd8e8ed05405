//! The writer thread: takes what waits, writes it in one transaction, answers.
//!
//! Each piece of work runs inside a savepoint. If it fails, it alone is rolled back and told; if
//! the commit fails, every member of the group is told. Nothing of a failed try remains, so the
//! next group starts afresh.

use std::fs::File;
use std::path::Path;
use std::thread::JoinHandle;

use callback::{AgentId, CallbackId, Timestamp};
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot, watch};

use super::apply::{self, Rows};
use super::changes;
use super::checkpoint::Checkpoints;
use super::failure::Failure;
use super::limits::{GROUP_ROWS_MAX, WRITE_QUEUE_MAX};
use super::purge;
use super::settings::StoredSettings;
use super::storage;
use crate::{AgentRow, ListsChange, ServicesChange, StorageRow, StoreError};

/// What the writer can be asked to do, each all or nothing.
#[derive(Debug)]
pub(super) enum Work {
    Batch(Box<Rows>),
    Services(Box<ServicesChange>),
    Agents(Vec<AgentRow>),
    Lists(Box<ListsChange>),
    /// The answer is 1 when the agent was there.
    RemoveAgent(AgentId),
    /// Keys of a callback's storage.
    Storage(CallbackId, Vec<StorageRow>),
    /// The answer is 1 when the key was there.
    RemoveStorage(CallbackId, String),
    /// One step of a purge; the answer counts the callbacks that went.
    PurgeCallbacks(Timestamp),
    /// One step of a purge; the answer counts the idempotency keys that went.
    PurgeIdempotency(Timestamp),
    /// One step of a purge; the answer counts the published notifications that went.
    PurgePublished(Timestamp),
    /// One step of a purge; the answer counts the traces that went.
    PurgeTraces(Timestamp),
}

impl Work {
    fn rows(&self) -> usize {
        match self {
            Self::Batch(rows) => rows.len(),
            Self::Services(change) => change.put.len() + change.removed.len() + change.notes.len(),
            Self::Agents(rows) => rows.len(),
            Self::Lists(change) => change.put.len() + change.removed.len() + change.notes.len(),
            Self::Storage(_, rows) => rows.len(),
            Self::RemoveStorage(..) | Self::RemoveAgent(_) => 1,
            // A purge step is long enough to be the last of its group.
            Self::PurgeCallbacks(_)
            | Self::PurgeIdempotency(_)
            | Self::PurgePublished(_)
            | Self::PurgeTraces(_) => GROUP_ROWS_MAX,
        }
    }
}

type Answer = Result<u64, Failure>;

#[derive(Debug)]
struct Write {
    work: Work,
    answer: oneshot::Sender<Answer>,
}

#[derive(Debug)]
enum Job {
    Write(Write),
    Close,
}

/// The handle of the writer thread.
#[derive(Debug)]
pub(super) struct Writer {
    /// `None` only while dropping.
    jobs: Option<mpsc::Sender<Job>>,
    /// Its sender is dropped when the connection is closed and the lock released.
    ended: watch::Receiver<()>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread; `lock` is held until it ends.
    pub(super) fn start(mut conn: Connection, path: &Path, lock: File) -> Result<Self, Failure> {
        let checkpoints = Checkpoints::start(&mut conn, path)?;
        let (jobs, queue) = mpsc::channel(WRITE_QUEUE_MAX);
        let (ending, ended) = watch::channel(());
        let thread = std::thread::Builder::new()
            .name(String::from("store-writer"))
            .spawn(move || {
                WriterThread {
                    conn,
                    queue,
                    checkpoints,
                    stored: StoredSettings::default(),
                }
                .run();
                drop(lock);
                drop(ending);
            })?;
        Ok(Self {
            jobs: Some(jobs),
            ended,
            thread: Some(thread),
        })
    }

    /// Has something written; answers when it is durable. Dropping the future does not undo what
    /// was queued.
    pub(super) async fn write(&self, work: Work) -> Result<u64, StoreError> {
        let (answer, answered) = oneshot::channel();
        let jobs = self.jobs.as_ref().ok_or(StoreError::Closed)?;
        if jobs.send(Job::Write(Write { work, answer })).await.is_err() {
            return Err(StoreError::Closed);
        }
        match answered.await {
            Ok(result) => Ok(result?),
            Err(_) => Err(StoreError::Closed),
        }
    }

    /// Takes nothing more, waits until what was accepted is written and the file is closed.
    pub(super) async fn close(&self) {
        if let Some(jobs) = &self.jobs {
            // An error means that it was closed before.
            jobs.send(Job::Close).await.ok();
        }
        let mut ended = self.ended.clone();
        // Nothing is ever sent: this ends with the thread.
        while ended.changed().await.is_ok() {}
    }
}

impl Drop for Writer {
    /// Waits for the thread, so that the file can be opened again afterwards.
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the writer of the store panicked");
        }
    }
}

struct WriterThread {
    conn: Connection,
    queue: mpsc::Receiver<Job>,
    checkpoints: Checkpoints,
    stored: StoredSettings,
}

impl WriterThread {
    fn run(mut self) {
        let mut group = Vec::new();
        while let Some(job) = self.queue.blocking_recv() {
            self.collect(job, &mut group);
            self.write_group(&mut group);
            // After the answers, so that nobody waits for it who need not.
            self.checkpoints.after_commit(&self.conn);
        }
        self.checkpoints.stop();
        // Leaves one file behind. Not needed for durability: the log is replayed at the next open.
        if let Err(error) = self.conn.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)") {
            tracing::warn!(%error, "the write-ahead log stays beside the store");
        }
    }

    /// Takes the job and what waits behind it.
    fn collect(&mut self, first: Job, group: &mut Vec<Write>) {
        let mut next = Some(first);
        let mut rows = 0;
        while let Some(job) = next {
            match job {
                Job::Write(write) => {
                    rows += write.work.rows();
                    group.push(write);
                }
                // Senders are refused from here on; what is queued is still received.
                Job::Close => self.queue.close(),
            }
            next = if rows < GROUP_ROWS_MAX {
                self.queue.try_recv().ok()
            } else {
                None
            };
        }
    }

    fn write_group(&mut self, group: &mut Vec<Write>) {
        if group.is_empty() {
            return;
        }
        match self.transact(group) {
            Ok(answers) => {
                self.stored.commit();
                for (write, answer) in group.drain(..).zip(answers) {
                    // Let go first: the caller may want its batch back.
                    drop(write.work);
                    // The caller may have gone; the effect stays.
                    write.answer.send(answer).ok();
                }
            }
            Err(failure) => {
                self.stored.roll_back(0);
                if !self.conn.is_autocommit()
                    && let Err(error) = self.conn.execute_batch("ROLLBACK")
                {
                    tracing::error!(%error, "a failed transaction could not be rolled back");
                }
                // Whoever wanted it written says so where it matters.
                tracing::debug!(batches = group.len(), ?failure, "a commit failed");
                for write in group.drain(..) {
                    write.answer.send(Err(failure.clone())).ok();
                }
            }
        }
    }

    /// Writes a group in one transaction; an error is the whole group's.
    fn transact(&mut self, group: &[Write]) -> Result<Vec<Answer>, Failure> {
        self.execute("BEGIN IMMEDIATE")?;
        let mut answers = Vec::with_capacity(group.len());
        for write in group {
            let mark = self.stored.mark();
            self.execute("SAVEPOINT one")?;
            let answer = self.apply(&write.work);
            if let Err(failure) = &answer {
                // SQLite ends the whole transaction after some errors, e.g. a full disk.
                if self.conn.is_autocommit() {
                    return Err(failure.clone());
                }
                tracing::warn!(?failure, "a batch failed");
                self.stored.roll_back(mark);
                self.execute("ROLLBACK TO one")?;
            }
            self.execute("RELEASE one")?;
            answers.push(answer);
        }
        self.execute("COMMIT")?;
        Ok(answers)
    }

    fn apply(&mut self, work: &Work) -> Answer {
        match work {
            Work::Batch(rows) => apply::batch(&self.conn, rows, &mut self.stored).map(|()| 0),
            Work::Services(change) => changes::services(&self.conn, change).map(|()| 0),
            Work::Agents(rows) => apply::agents(&self.conn, rows).map(|()| 0),
            Work::Lists(change) => changes::lists(&self.conn, change).map(|()| 0),
            Work::RemoveAgent(id) => changes::remove_agent(&self.conn, id.as_str()),
            Work::Storage(id, rows) => storage::put(&self.conn, id, rows).map(|()| 0),
            Work::RemoveStorage(id, key) => storage::remove(&self.conn, id, key),
            Work::PurgeCallbacks(before) => purge::callbacks(&self.conn, *before, &mut self.stored),
            Work::PurgeIdempotency(before) => purge::idempotency(&self.conn, *before),
            Work::PurgePublished(before) => purge::published(&self.conn, *before),
            Work::PurgeTraces(before) => purge::traces(&self.conn, *before),
        }
    }

    fn execute(&self, sql: &str) -> Result<(), Failure> {
        self.conn.prepare_cached(sql)?.execute([])?;
        Ok(())
    }
}
