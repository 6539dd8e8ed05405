//! Threads that run sessions. One that hangs is set aside and replaced, its session is over
//! (ors-scxml §10).

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use rustix::process::setpriority_process;
use rustix::thread::gettid;
use scxml::Watch as _;

use super::cell::Cell;
use crate::clock::Stopwatch;
use crate::limits;

/// Priority of threads that run sessions: calls and other callbacks go first when a script takes
/// all it may.
const BEHIND: i32 = 10;
/// Priority of a thread that hangs.
const IDLE: i32 = 19;

/// What a thread does now.
struct Busy {
    cell: Arc<Cell>,
    since_us: Arc<AtomicU64>,
    thread: rustix::thread::Pid,
}

/// The threads and the sessions that wait for one.
pub(super) struct Pool {
    ready: Mutex<VecDeque<Arc<Cell>>>,
    wake: Condvar,
    busy: Mutex<HashMap<u64, Busy>>,
    threads: AtomicU64,
    stuck: AtomicUsize,
    stopping: std::sync::atomic::AtomicBool,
    watch: Arc<Stopwatch>,
    runtime: tokio::runtime::Handle,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a thread runs with one session at a time.
pub(super) type Turn = Arc<dyn Fn(&Arc<Cell>, &AtomicU64) + Send + Sync>;

impl Pool {
    pub(super) fn new(watch: Arc<Stopwatch>) -> Arc<Self> {
        Arc::new(Self {
            ready: Mutex::default(),
            wake: Condvar::new(),
            busy: Mutex::default(),
            threads: AtomicU64::new(0),
            stuck: AtomicUsize::new(0),
            stopping: std::sync::atomic::AtomicBool::new(false),
            watch,
            runtime: tokio::runtime::Handle::current(),
        })
    }

    /// Starts one more thread; without one the sessions wait.
    pub(super) fn add_thread(self: &Arc<Self>, turn: &Turn) {
        let number = self.threads.fetch_add(1, Ordering::Relaxed);
        let (pool, turn) = (Arc::clone(self), Arc::clone(turn));
        let thread = std::thread::Builder::new().name(format!("session-{number}"));
        if let Err(error) = thread.spawn(move || pool.work(number, &turn)) {
            tracing::error!(%error, "a thread for sessions cannot be started");
        }
    }

    /// A session has something to do.
    pub(super) fn ready(&self, cell: Arc<Cell>) {
        lock(&self.ready).push_back(cell);
        self.wake.notify_one();
    }

    /// Threads that hang now.
    pub(super) fn stuck(&self) -> usize {
        self.stuck.load(Ordering::Relaxed)
    }

    /// Lets threads end that have nothing to do.
    pub(super) fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        self.wake.notify_all();
    }

    fn work(&self, number: u64, turn: &Turn) {
        let _runtime = self.runtime.enter();
        // Without the right to do so it works at the priority of the others.
        let _kept = setpriority_process(Some(gettid()), BEHIND);
        let since_us = Arc::new(AtomicU64::new(u64::MAX));
        while let Some(cell) = self.next() {
            since_us.store(self.watch.elapsed_us(), Ordering::Relaxed);
            let busy = Busy {
                cell: Arc::clone(&cell),
                since_us: Arc::clone(&since_us),
                thread: gettid(),
            };
            lock(&self.busy).insert(number, busy);
            turn(&cell, &since_us);
            // Taken out by the watchdog: another thread has this one's place.
            if lock(&self.busy).remove(&number).is_none() {
                self.stuck.fetch_sub(1, Ordering::Relaxed);
                tracing::info!(
                    session = cell.id,
                    "a thread that hung is free again and ends"
                );
                return;
            }
        }
    }

    fn next(&self) -> Option<Arc<Cell>> {
        let mut ready = lock(&self.ready);
        loop {
            if self.stopping.load(Ordering::Acquire) {
                return None;
            }
            if let Some(cell) = ready.pop_front() {
                return Some(cell);
            }
            ready = self
                .wake
                .wait(ready)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Sets aside threads that run one input for too long; gives their sessions.
    pub(super) fn set_aside(&self) -> Vec<Arc<Cell>> {
        let now = self.watch.elapsed_us();
        let limit = u64::try_from(limits::SESSION_STUCK.as_micros()).unwrap_or(u64::MAX);
        let mut busy = lock(&self.busy);
        let hung = |b: &Busy| now.saturating_sub(b.since_us.load(Ordering::Relaxed)) > limit;
        let numbers: Vec<u64> = busy
            .iter()
            .filter(|(_, b)| hung(b))
            .map(|(number, _)| *number)
            .collect();
        let mut cells = Vec::new();
        for number in numbers {
            if let Some(b) = busy.remove(&number) {
                self.stuck.fetch_add(1, Ordering::Relaxed);
                // Without the right to do so it goes on at its priority.
                if setpriority_process(Some(b.thread), IDLE).is_err() {
                    tracing::debug!(session = b.cell.id, "its priority stays");
                }
                cells.push(b.cell);
            }
        }
        cells
    }
}
