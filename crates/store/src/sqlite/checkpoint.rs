//! Copies the write-ahead log into the database beside the writer.
//!
//! SQLite's own checkpoints run inside a commit: a caller waits until some thousand pages are
//! written and the database is synced. Here a second connection does that on its own thread: it
//! copies until hardly anything is left and syncs what it has copied. The writer only copies and
//! syncs the few pages that came meanwhile: the log can begin anew only when nothing is left in
//! it.

use std::fs::File;
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
/// Pages that the thread leaves to the writer, about a millisecond's work.
const LEFT_PAGES: u32 = 64;
/// Passes of the thread; a reader that holds an old state keeps pages in the log whatever it does.
const PASSES_MAX: u32 = 5;

/// The handle of the thread, held by the writer.
///
/// It has the database open beside SQLite. POSIX forgets all locks of a process on a file with the
/// first handle that it closes, so this has to be dropped after the writer's connection.
#[derive(Debug)]
pub(super) struct Checkpoints {
    /// Pages in the log after the last commit.
    pages: Arc<AtomicU32>,
    state: Arc<AtomicU8>,
    /// `None` once the thread was told to end.
    start: Option<mpsc::SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    _database: Arc<File>,
}

impl Checkpoints {
    /// Starts the thread; from now on `writer` makes no checkpoints of its own.
    pub(super) fn start(writer: &mut Connection, path: &Path) -> Result<Self, Failure> {
        let conn = schema::open_checkpointer(path)?;
        let database = Arc::new(File::open(path)?);
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
        let (shared, file) = (Arc::clone(&state), Arc::clone(&database));
        let thread = std::thread::Builder::new()
            .name(String::from("store-checkpoint"))
            .spawn(move || {
                while wanted.recv().is_ok() {
                    catch_up(&conn, &file);
                    shared.store(DONE, Ordering::Release);
                }
            })?;
        Ok(Self {
            pages,
            state,
            start: Some(start),
            thread: Some(thread),
            _database: database,
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
                // Before the thread is told: it may be done sooner than this returns.
                self.state.store(RUNNING, Ordering::Release);
                let told = self.start.as_ref().map(|start| start.try_send(()));
                if !matches!(told, Some(Ok(()))) {
                    self.state.store(IDLE, Ordering::Release);
                }
            }
            DONE => {
                copy(writer);
                self.pages.store(0, Ordering::Relaxed);
                self.state.store(IDLE, Ordering::Release);
            }
            // A thread that lags behind gets help: the log must not grow without end.
            _ if pages > LAGGING_PAGES => {
                copy(writer);
            }
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

/// Copies until little is left: each pass takes a fraction of the one before, and so does what
/// the writer adds meanwhile.
fn catch_up(conn: &Connection, database: &File) {
    for _ in 0..PASSES_MAX {
        let left = copy(conn);
        // SQLite itself syncs only a database that has everything.
        if let Err(error) = database.sync_data() {
            tracing::warn!(%error, "the store cannot be synced now");
        }
        if left <= LEFT_PAGES {
            return;
        }
    }
}

/// Copies what can be copied without waiting for anybody; tells how many pages are left.
fn copy(conn: &Connection) -> u32 {
    let pages = |row: &rusqlite::Row<'_>| -> rusqlite::Result<(i64, i64)> {
        Ok((row.get(1)?, row.get(2)?))
    };
    match conn.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], pages) {
        Ok((all, copied)) => u32::try_from(all - copied).unwrap_or(0),
        Err(error) => {
            tracing::warn!(%error, "the write-ahead log cannot be copied into the store now");
            0
        }
    }
}
