//! Threads that run scripts of others. One that hangs is set aside and replaced, what it ran is
//! over (ors-scxml §10).
//!
//! Long before that, a thread that is slow loses its say over the others: it goes on at idle
//! priority, another thread takes its place, and it ends with what it runs. So scripts that use
//! all the time they may have do not make those of others wait.

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
    /// Another thread has its place already.
    slow: bool,
}

/// The threads and what waits for one.
pub(crate) struct Pool<C> {
    kind: &'static str,
    ready: Mutex<VecDeque<Arc<C>>>,
    wake: Condvar,
    busy: Mutex<HashMap<u64, Busy<C>>>,
    threads: AtomicU64,
    stuck: AtomicUsize,
    /// Threads that are slow now.
    slow: AtomicUsize,
    /// Somebody works, so somebody looks.
    working: AtomicBool,
    looking: Mutex<()>,
    look: Condvar,
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
            slow: AtomicUsize::new(0),
            working: AtomicBool::new(false),
            looking: Mutex::default(),
            look: Condvar::new(),
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
        self.look.notify_all();
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
                slow: false,
            };
            lock(&self.busy).insert(number, busy);
            if !self.working.swap(true, Ordering::AcqRel) {
                // Under the lock: whoever looks either sees it or is woken.
                let _looking = lock(&self.looking);
                self.look.notify_one();
            }
            turn(&cell, &since_us);
            // Taken out by the watchdog: another thread has this one's place.
            let Some(busy) = lock(&self.busy).remove(&number) else {
                self.stuck.fetch_sub(1, Ordering::Relaxed);
                tracing::info!(
                    name = cell.name(),
                    "a thread that hung is free again and ends"
                );
                return;
            };
            if busy.slow {
                self.slow.fetch_sub(1, Ordering::Relaxed);
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

    /// Starts the thread that looks after slow ones.
    pub(crate) fn watch(self: &Arc<Self>, turn: &Turn<C>) {
        let (pool, turn) = (Arc::clone(self), Arc::clone(turn));
        let thread = std::thread::Builder::new().name(format!("{}-watch", self.kind));
        if let Err(error) = thread.spawn(move || pool.look_after_slow(&turn)) {
            tracing::error!(%error, kind = self.kind, "nobody looks after slow scripts");
        }
    }

    fn look_after_slow(self: &Arc<Self>, turn: &Turn<C>) {
        let _runtime = self.runtime.enter();
        let mut looking = lock(&self.looking);
        while !self.stopping.load(Ordering::Acquire) {
            looking = if self.working.load(Ordering::Acquire) {
                let waited = self.look.wait_timeout(looking, limits::SESSION_SLOW_LOOK);
                waited.unwrap_or_else(PoisonError::into_inner).0
            } else {
                let waited = self.look.wait(looking);
                waited.unwrap_or_else(PoisonError::into_inner)
            };
            self.replace_slow(turn);
            self.working.store(false, Ordering::Release);
            if !lock(&self.busy).is_empty() {
                self.working.store(true, Ordering::Release);
            }
        }
    }

    /// Threads that run one input for long give their place to others.
    fn replace_slow(self: &Arc<Self>, turn: &Turn<C>) {
        let now = self.watch.elapsed_us();
        let limit = micros(limits::SESSION_SLOW);
        let mut replaced = 0;
        for busy in lock(&self.busy).values_mut() {
            let since = now.saturating_sub(busy.since_us.load(Ordering::Relaxed));
            if busy.slow || since < limit {
                continue;
            }
            if self.slow.load(Ordering::Relaxed) >= limits::SESSION_SLOW_MAX {
                break;
            }
            self.slow.fetch_add(1, Ordering::Relaxed);
            busy.slow = true;
            // Without the right to do so it goes on at its priority.
            let _kept = setpriority_process(Some(busy.thread), IDLE);
            replaced += 1;
        }
        for _ in 0..replaced {
            self.add_thread(turn);
        }
    }

    /// Sets aside threads that run one input for too long, and replaces them; gives what they run.
    pub(crate) fn set_aside(self: &Arc<Self>, turn: &Turn<C>) -> Vec<Arc<C>> {
        let now = self.watch.elapsed_us();
        let limit = micros(limits::SESSION_STUCK);
        let mut busy = lock(&self.busy);
        let hung = |b: &Busy<C>| now.saturating_sub(b.since_us.load(Ordering::Relaxed)) > limit;
        let numbers: Vec<u64> = busy
            .iter()
            .filter(|(_, b)| hung(b))
            .map(|(number, _)| *number)
            .collect();
        let (mut cells, mut replaced) = (Vec::new(), 0);
        for number in numbers {
            if let Some(b) = busy.remove(&number) {
                self.stuck.fetch_add(1, Ordering::Relaxed);
                if b.slow {
                    self.slow.fetch_sub(1, Ordering::Relaxed);
                } else {
                    replaced += 1;
                }
                // Without the right to do so it goes on at its priority.
                if setpriority_process(Some(b.thread), IDLE).is_err() {
                    tracing::debug!(name = b.cell.name(), "its priority stays");
                }
                cells.push(b.cell);
            }
        }
        drop(busy);
        for _ in 0..replaced {
            self.add_thread(turn);
        }
        cells
    }
}

fn micros(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
