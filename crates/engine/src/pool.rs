//! Threads that run scripts of others. One that hangs is set aside and replaced, what it ran is
//! over (ors-scxml §10).

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use rustix::process::setpriority_process;
use rustix::thread::gettid;

use crate::clock::Stopwatch;
use crate::limits;

/// Priority of threads that run sessions: calls and other callbacks go first when a script takes
/// all it may.
const BEHIND: i32 = 10;
/// Priority of a thread that hangs.
const IDLE: i32 = 19;

/// What threads run.
pub(crate) trait Hosted: Send + Sync + 'static {
    /// Its name in the log.
    fn name(&self) -> &str;
}

/// What a thread does now.
struct Busy<C> {
    cell: Arc<C>,
    since_us: Arc<AtomicU64>,
    thread: rustix::thread::Pid,
}

/// The threads and what waits for one.
pub(crate) struct Pool<C> {
    kind: &'static str,
    ready: Mutex<VecDeque<Arc<C>>>,
    wake: Condvar,
    busy: Mutex<HashMap<u64, Busy<C>>>,
    threads: AtomicU64,
    stuck: AtomicUsize,
    stopping: AtomicBool,
    watch: Arc<Stopwatch>,
    runtime: tokio::runtime::Handle,
}

impl<C> std::fmt::Debug for Pool<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool")
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a thread does with one of them at a time.
pub(crate) type Turn<C> = Arc<dyn Fn(&Arc<C>, &AtomicU64) + Send + Sync>;

impl<C: Hosted> Pool<C> {
    /// A pool without threads; `kind` names them.
    pub(crate) fn new(kind: &'static str, watch: Arc<Stopwatch>) -> Arc<Self> {
        Arc::new(Self {
            kind,
            ready: Mutex::default(),
            wake: Condvar::new(),
            busy: Mutex::default(),
            threads: AtomicU64::new(0),
            stuck: AtomicUsize::new(0),
            stopping: AtomicBool::new(false),
            watch,
            runtime: tokio::runtime::Handle::current(),
        })
    }

    /// Starts one more thread; without one everything waits.
    pub(crate) fn add_thread(self: &Arc<Self>, turn: &Turn<C>) {
        let number = self.threads.fetch_add(1, Ordering::Relaxed);
        let (pool, turn) = (Arc::clone(self), Arc::clone(turn));
        let thread = std::thread::Builder::new().name(format!("{}-{number}", self.kind));
        if let Err(error) = thread.spawn(move || pool.work(number, &turn)) {
            tracing::error!(%error, kind = self.kind, "a thread for scripts cannot be started");
        }
    }

    /// It has something to do.
    pub(crate) fn ready(&self, cell: Arc<C>) {
        lock(&self.ready).push_back(cell);
        self.wake.notify_one();
    }

    /// Threads that hang now.
    pub(crate) fn stuck(&self) -> usize {
        self.stuck.load(Ordering::Relaxed)
    }

    /// Lets threads end that have nothing to do.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        self.wake.notify_all();
    }

    fn work(&self, number: u64, turn: &Turn<C>) {
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
                    name = cell.name(),
                    "a thread that hung is free again and ends"
                );
                return;
            }
        }
    }

    fn next(&self) -> Option<Arc<C>> {
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

    /// Sets aside threads that run one input for too long; gives what they run.
    pub(crate) fn set_aside(&self) -> Vec<Arc<C>> {
        let now = self.watch.elapsed_us();
        let limit = u64::try_from(limits::SESSION_STUCK.as_micros()).unwrap_or(u64::MAX);
        let mut busy = lock(&self.busy);
        let hung = |b: &Busy<C>| now.saturating_sub(b.since_us.load(Ordering::Relaxed)) > limit;
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
                    tracing::debug!(name = b.cell.name(), "its priority stays");
                }
                cells.push(b.cell);
            }
        }
        cells
    }
}
