//! Copies the write-ahead log into the database beside the writer.
//!
//! SQLite's own checkpoints run inside a commit: a caller waits until some thousand pages are
//! written and the database is synced. Here a second connection does that on its own thread. The
//! writer only copies the few pages that came meanwhile: the log can begin anew only when
//! nothing is left in it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;

use rusqlite::Connection;

use super::failure::Failure;
use super::limits::{CHECKPOINT_PAGES, WAL_BYTES_KEPT};
use super::schema;

/// Nothing to do, nothing done.
const IDLE: u8 = 0;
/// The thread copies.
const RUNNING: u8 = 1;
/// The thread has copied; the rest is the writer's.
const DONE: u8 = 2;

/// Pages in the log beyond which the writer no longer waits for the thread.
const LAGGING_PAGES: u32 = 8 * CHECKPOINT_PAGES;

/// The handle of the thread, held by the writer.
#[derive(Debug)]
pub(super) struct Checkpoints {
    /// Pages in the log after the last commit.
    pages: Arc<AtomicU32>,
    state: Arc<AtomicU8>,
    /// `None` once the thread was told to end.
    start: Option<mpsc::SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpoints {
    /// Starts the thread; from now on `writer` makes no checkpoints of its own.
    pub(super) fn start(writer: &mut Connection, path: &Path) -> Result<Self, Failure> {
        let conn = schema::open_checkpointer(path)?;
        conn.pragma_update(None, "journal_size_limit", WAL_BYTES_KEPT)?;
        let pages = Arc::new(AtomicU32::new(0));
        let counter = Arc::clone(&pages);
        // Takes the place of SQLite's own, which would checkpoint inside the commit.
        writer.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages| {
            counter.store(u32::try_from(pages).unwrap_or(0), Ordering::Relaxed);
            Ok(())
        }))?;
        let state = Arc::new(AtomicU8::new(IDLE));
        let (start, wanted) = mpsc::sync_channel(1);
        let shared = Arc::clone(&state);
        let thread = std::thread::Builder::new()
            .name(String::from("store-checkpoint"))
            .spawn(move || {
                while wanted.recv().is_ok() {
                    copy(&conn);
                    shared.store(DONE, Ordering::Release);
                }
            })?;
        Ok(Self {
            pages,
            state,
            start: Some(start),
            thread: Some(thread),
        })
    }

    /// To be called after each commit; mostly does nothing.
    pub(super) fn after_commit(&self, writer: &Connection) {
        let pages = self.pages.load(Ordering::Relaxed);
        if pages < CHECKPOINT_PAGES {
            return;
        }
        match self.state.load(Ordering::Acquire) {
            IDLE => {
                if let Some(start) = &self.start
                    && start.try_send(()).is_ok()
                {
                    self.state.store(RUNNING, Ordering::Release);
                }
            }
            DONE => {
                copy(writer);
                self.pages.store(0, Ordering::Relaxed);
                self.state.store(IDLE, Ordering::Release);
            }
            // A thread that lags behind gets help: the log must not grow without end.
            _ if pages > LAGGING_PAGES => copy(writer),
            _ => {}
        }
    }

    /// Ends the thread and closes its connection.
    pub(super) fn stop(&mut self) {
        self.start = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the checkpoints of the store panicked");
        }
    }
}

/// Copies what can be copied without waiting for anybody.
fn copy(conn: &Connection) {
    // The answer (busy, pages in the log, pages copied) is of no use: a next time comes.
    if let Err(error) = conn.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())) {
        tracing::warn!(%error, "the write-ahead log cannot be copied into the store now");
    }
}
