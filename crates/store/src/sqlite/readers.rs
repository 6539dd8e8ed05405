//! Read connections on blocking threads, so that reads never wait for the writer.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::failure::Failure;
use super::limits::READERS_MAX;
use super::schema::open_reader;
use crate::StoreError;

/// A bounded pool; connections are opened when first needed.
#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    places: Arc<Semaphore>,
    idle: Arc<Idle>,
}

#[derive(Debug, Default)]
struct Idle {
    connections: Mutex<Vec<Connection>>,
    closed: AtomicBool,
}

impl Readers {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            places: Arc::new(Semaphore::new(READERS_MAX)),
            idle: Arc::new(Idle::default()),
        }
    }

    /// Runs `read` in one read transaction: it sees one state of the store, with everything that
    /// was answered before.
    pub(super) async fn run<T, F>(&self, read: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    {
        self.run_on(true, read).await
    }

    /// Runs `work` on a connection of its own outside a transaction (a backup takes long and
    /// keeps its own).
    pub(super) async fn run_apart<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    {
        self.run_on(false, work).await
    }

    async fn run_on<T, F>(&self, pooled: bool, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    {
        let places = Arc::clone(&self.places);
        let Ok(place) = places.acquire_owned().await else {
            return Err(StoreError::Closed);
        };
        let (path, idle) = (self.path.clone(), Arc::clone(&self.idle));
        let task = tokio::task::spawn_blocking(move || {
            let taken = if pooled { idle.take() } else { None };
            let conn = match taken {
                Some(conn) => conn,
                None => open_reader(&path)?,
            };
            let result = if pooled {
                in_transaction(&conn, work)
            } else {
                work(&conn)
            };
            if pooled {
                idle.give_back(conn);
            }
            drop(place);
            result
        });
        match task.await {
            Ok(result) => Ok(result?),
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            // The runtime is shutting down.
            Err(_) => Err(StoreError::Closed),
        }
    }

    /// Refuses further reads and closes idle connections; running ones close when they are done.
    pub(super) fn close(&self) {
        self.places.close();
        self.idle.close();
    }
}

impl Idle {
    fn take(&self) -> Option<Connection> {
        self.connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop()
    }

    fn give_back(&self, conn: Connection) {
        let mut idle = self
            .connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // Asked under the lock, so that `close` misses none.
        if !self.closed.load(Ordering::Relaxed) {
            idle.push(conn);
        }
    }

    fn close(&self) {
        let mut idle = self
            .connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        self.closed.store(true, Ordering::Relaxed);
        idle.clear();
    }
}

fn in_transaction<T>(
    conn: &Connection,
    read: impl FnOnce(&Connection) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let transaction = conn.unchecked_transaction()?;
    let result = read(&transaction);
    // Nothing was written: how the transaction ends makes no difference to the file, but a
    // connection that cannot end it must not be used again, so its error counts.
    transaction.commit()?;
    result
}
