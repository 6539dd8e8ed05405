//! Threads that run scripts of others (ors-scxml §10).
//!
//! What runs on them is a cell with an inbox; a thread takes one input of it at a time. Three
//! measures keep one cell from making the others wait, each for what escapes the one before:
//!
//! 1. Cells that took much lately have threads of their own, behind all others ([`Lane::Slow`]).
//! 2. A quick thread whose input lasts long loses its place: another thread takes over at once,
//!    and it goes on behind all others until that input ends.
//! 3. A thread that hangs is set aside for good, and what it ran is over.
//!
//! Threads that are behind all others may not use every processor, so one is always at hand for
//! the rest of the house.

mod inbox;
mod priority;

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use rustix::thread::{Pid, gettid};

pub(crate) use self::inbox::{Inbox, Pushed};
use self::priority::Background;
use crate::clock::Stopwatch;
use crate::limits;

/// Threads of each lane. Quick ones are rarely busy for longer than some µs. Slow ones share one
/// processor, and whoever of them holds a lock of the allocator when it has to wait lets others
/// wait with it: so few.
const THREADS: [(Lane, usize); 2] = [(Lane::Quick, 2), (Lane::Slow, 2)];

/// What threads run.
pub(crate) trait Hosted: Send + Sync + 'static {
    /// What happens to it.
    type Input: Send;
    /// Its name in the log.
    fn name(&self) -> &str;
    /// What waits for a thread.
    fn inbox(&self) -> &Inbox<Self::Input>;
    /// What it took lately.
    fn burden(&self) -> &Burden;
}

/// What cells belong to.
pub(crate) trait Host<C: Hosted>: Send + Sync + 'static {
    /// Handles one input, and everything that follows from it at once.
    fn take(self: Arc<Self>, cell: &Arc<C>, input: C::Input);
    /// The cell hangs and its thread is set aside: it is over.
    fn hangs(self: Arc<Self>, cell: &Arc<C>);
}

/// Whether there is more to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// Another input may wait.
    More,
    /// Nothing waits.
    Rest,
}

/// How long a cell counts as one that takes much.
///
/// A turn may seem long that was not: a processor that the host took away counts as used. So one
/// turn above the bound decides nothing, and a cell that is heavy is light again soon after a
/// short turn.
#[derive(Debug, Default)]
pub(crate) struct Burden {
    heavy_until_us: AtomicU64,
    /// Long turns without a short one between them.
    long: AtomicU32,
}

impl Burden {
    fn lane(&self, now_us: u64) -> Lane {
        if now_us < self.heavy_until_us.load(Ordering::Relaxed) {
            Lane::Slow
        } else {
            Lane::Quick
        }
    }

    /// A turn used so much of the processor, µs.
    fn weigh(&self, used_us: u64, now_us: u64) {
        let until = |time: Duration| now_us.saturating_add(micros(time));
        if used_us <= micros(limits::SESSION_HEAVY) {
            self.long.store(0, Ordering::Relaxed);
            let soon = until(limits::SESSION_LIGHT_AFTER);
            self.heavy_until_us.fetch_min(soon, Ordering::Relaxed);
            return;
        }
        let long = self.long.fetch_add(1, Ordering::Relaxed) + 1;
        if long >= 2 || used_us > micros(limits::SESSION_HEAVY_AT_ONCE) {
            let until = until(limits::SESSION_HEAVY_FOR);
            self.heavy_until_us.store(until, Ordering::Relaxed);
        }
    }
}

/// Which threads run a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lane {
    Quick,
    Slow,
}

/// Cells of a lane that have something to do. Each cell is in at most one place here, so the
/// number of cells bounds it.
struct Queue<C> {
    ready: Mutex<VecDeque<Arc<C>>>,
    wake: Condvar,
}

impl<C> Default for Queue<C> {
    fn default() -> Self {
        Self {
            ready: Mutex::default(),
            wake: Condvar::new(),
        }
    }
}

/// When a thread began.
#[derive(Default)]
struct Begun {
    /// This input, µs of the pool's watch.
    input_us: AtomicU64,
    /// This cell, µs of its processor time.
    turn_cpu_us: AtomicU64,
}

/// What a thread does now.
struct Busy<C> {
    cell: Arc<C>,
    begun: Arc<Begun>,
    thread: Pid,
    lane: Lane,
    /// Another thread has its place already.
    replaced: bool,
}

/// The threads and what waits for one.
pub(crate) struct Pool<C> {
    kind: &'static str,
    quick: Queue<C>,
    slow: Queue<C>,
    busy: Mutex<HashMap<u64, Busy<C>>>,
    threads: AtomicU64,
    stuck: AtomicUsize,
    /// Quick threads that are slow now.
    replaced: AtomicUsize,
    /// Somebody works, so somebody looks.
    working: AtomicBool,
    looking: Mutex<()>,
    look: Condvar,
    stopping: AtomicBool,
    watch: Stopwatch,
    background: Background,
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

impl<C: Hosted> Pool<C> {
    /// A pool without threads; `kind` names them.
    pub(crate) fn new(kind: &'static str) -> Arc<Self> {
        Arc::new(Self {
            kind,
            quick: Queue::default(),
            slow: Queue::default(),
            busy: Mutex::default(),
            threads: AtomicU64::new(0),
            stuck: AtomicUsize::new(0),
            replaced: AtomicUsize::new(0),
            working: AtomicBool::new(false),
            looking: Mutex::default(),
            look: Condvar::new(),
            stopping: AtomicBool::new(false),
            watch: Stopwatch::start(),
            background: Background::find(),
            runtime: tokio::runtime::Handle::current(),
        })
    }

    /// Starts the threads and the one that looks after them; without it everything waits.
    pub(crate) fn start(self: &Arc<Self>, host: Weak<impl Host<C>>) {
        let host: Weak<dyn Host<C>> = host;
        for (lane, threads) in THREADS {
            for _ in 0..threads {
                self.add_thread(lane, &host);
            }
        }
        let pool = Arc::clone(self);
        let thread = std::thread::Builder::new().name(format!("{}-watch", self.kind));
        if let Err(error) = thread.spawn(move || pool.look_after(&host)) {
            tracing::error!(%error, kind = self.kind, "nobody looks after slow scripts");
        }
    }

    /// Sees to it that a thread comes for what was put into the inbox of a cell; `false` when it
    /// was refused.
    pub(crate) fn see_to(&self, cell: &Arc<C>, pushed: Pushed) -> bool {
        if pushed == Pushed::First {
            self.ready(Arc::clone(cell));
        }
        pushed != Pushed::Refused
    }

    fn ready(&self, cell: Arc<C>) {
        let queue = self.queue(cell.burden().lane(self.watch.elapsed_us()));
        lock(&queue.ready).push_back(cell);
        queue.wake.notify_one();
    }

    /// Why the process should be started anew: this many threads hang. `None` when it is healthy.
    pub(crate) fn illness(&self, max_stuck: usize) -> Option<usize> {
        let stuck = self.stuck.load(Ordering::Relaxed);
        (stuck >= max_stuck.max(1)).then_some(stuck)
    }

    /// Lets threads end that have nothing to do.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        for queue in [&self.quick, &self.slow] {
            // Under the lock: whoever is about to wait sees it or is woken.
            let _ready = lock(&queue.ready);
            queue.wake.notify_all();
        }
        let _looking = lock(&self.looking);
        self.look.notify_all();
    }

    fn queue(&self, lane: Lane) -> &Queue<C> {
        match lane {
            Lane::Quick => &self.quick,
            Lane::Slow => &self.slow,
        }
    }

    fn add_thread(self: &Arc<Self>, lane: Lane, host: &Weak<dyn Host<C>>) {
        let number = self.threads.fetch_add(1, Ordering::Relaxed);
        let (pool, host) = (Arc::clone(self), Weak::clone(host));
        let thread = std::thread::Builder::new().name(format!("{}-{number}", self.kind));
        if let Err(error) = thread.spawn(move || pool.work(number, lane, &host)) {
            tracing::error!(%error, kind = self.kind, "a thread for scripts cannot be started");
        }
    }

    fn work(&self, number: u64, lane: Lane, host: &Weak<dyn Host<C>>) {
        let _runtime = self.runtime.enter();
        match lane {
            Lane::Quick => priority::behind_calls(),
            Lane::Slow => self.background.take(gettid()),
        }
        let begun = Arc::new(Begun::default());
        while let Some(cell) = self.next(lane) {
            begun
                .input_us
                .store(self.watch.elapsed_us(), Ordering::Relaxed);
            begun
                .turn_cpu_us
                .store(priority::own_cpu_us(), Ordering::Relaxed);
            let busy = Busy {
                cell: Arc::clone(&cell),
                begun: Arc::clone(&begun),
                thread: gettid(),
                lane,
                replaced: false,
            };
            lock(&self.busy).insert(number, busy);
            if !self.working.swap(true, Ordering::AcqRel) {
                // Under the lock: whoever looks either sees it or is woken.
                let _looking = lock(&self.looking);
                self.look.notify_one();
            }
            let next = self.turn(&cell, &begun, host);
            // Taken out by the watchdog: another thread has this one's place.
            let Some(busy) = lock(&self.busy).remove(&number) else {
                self.stuck.fetch_sub(1, Ordering::Relaxed);
                let name = cell.name();
                tracing::info!(name, "a thread that hung is free again and ends");
                return;
            };
            if next == Next::More {
                // Others have their turn, too.
                self.ready(cell);
            }
            if busy.replaced {
                self.replaced.fetch_sub(1, Ordering::Relaxed);
                return;
            }
        }
    }

    /// Runs a cell until nothing waits, others should have their turn or an input lasted long.
    fn turn(&self, cell: &Arc<C>, begun: &Begun, host: &Weak<dyn Host<C>>) -> Next {
        let mut next = Next::More;
        for _ in 0..limits::SESSION_TURN_MAX {
            let from_us = self.watch.elapsed_us();
            begun.input_us.store(from_us, Ordering::Relaxed);
            next = step(cell, host);
            let lasted_us = self.watch.elapsed_us() - from_us;
            if next == Next::Rest || lasted_us > micros(limits::SESSION_HEAVY) {
                break;
            }
        }
        // It may have waited for a processor: only what it used counts.
        let used_us = priority::own_cpu_us() - begun.turn_cpu_us.load(Ordering::Relaxed);
        cell.burden().weigh(used_us, self.watch.elapsed_us());
        next
    }

    fn next(&self, lane: Lane) -> Option<Arc<C>> {
        let queue = self.queue(lane);
        let mut ready = lock(&queue.ready);
        loop {
            if self.stopping.load(Ordering::Acquire) {
                return None;
            }
            if let Some(cell) = ready.pop_front() {
                return Some(cell);
            }
            let waited = queue.wake.wait(ready);
            ready = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn look_after(self: &Arc<Self>, host: &Weak<dyn Host<C>>) {
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
            self.replace_slow(host);
            for cell in self.set_aside(host) {
                tracing::error!(
                    kind = self.kind,
                    name = cell.name(),
                    "a script hangs: it is over"
                );
                if let Some(host) = host.upgrade() {
                    host.hangs(&cell);
                }
            }
            self.working.store(false, Ordering::Release);
            if !lock(&self.busy).is_empty() {
                self.working.store(true, Ordering::Release);
            }
        }
    }

    /// Quick threads that run one input for long give their place to others.
    fn replace_slow(self: &Arc<Self>, host: &Weak<dyn Host<C>>) {
        let now = self.watch.elapsed_us();
        let mut places = 0;
        for busy in lock(&self.busy).values_mut() {
            let since = now.saturating_sub(busy.begun.input_us.load(Ordering::Relaxed));
            let quick = busy.lane == Lane::Quick && !busy.replaced;
            if !quick || since < micros(limits::SESSION_SLOW) {
                continue;
            }
            if self.replaced.load(Ordering::Relaxed) >= limits::SESSION_SLOW_MAX {
                break;
            }
            self.replaced.fetch_add(1, Ordering::Relaxed);
            busy.replaced = true;
            self.background.take(busy.thread);
            places += 1;
        }
        for _ in 0..places {
            self.add_thread(Lane::Quick, host);
        }
    }

    /// Sets aside threads that run one input for too long, and replaces them; gives what they run.
    fn set_aside(self: &Arc<Self>, host: &Weak<dyn Host<C>>) -> Vec<Arc<C>> {
        let now = self.watch.elapsed_us();
        let mut busy = lock(&self.busy);
        let hung = busy.iter().filter(|(_, b)| hangs(b, now));
        let numbers: Vec<u64> = hung.map(|(number, _)| *number).collect();
        let (mut cells, mut places) = (Vec::new(), Vec::new());
        for number in numbers {
            if let Some(b) = busy.remove(&number) {
                self.stuck.fetch_add(1, Ordering::Relaxed);
                if b.replaced {
                    self.replaced.fetch_sub(1, Ordering::Relaxed);
                } else {
                    places.push(b.lane);
                    self.background.take(b.thread);
                }
                cells.push(b.cell);
            }
        }
        drop(busy);
        for lane in places {
            self.add_thread(lane, host);
        }
        cells
    }
}

/// Lets a cell take its next input.
fn step<C: Hosted>(cell: &Arc<C>, host: &Weak<dyn Host<C>>) -> Next {
    let Some(host) = host.upgrade() else {
        return Next::Rest;
    };
    let Some(input) = cell.inbox().pop() else {
        return Next::Rest;
    };
    host.take(cell, input);
    if cell.inbox().is_dead() {
        Next::Rest
    } else {
        Next::More
    }
}

/// Whether a thread will not come back: it used far more than a script may, or nothing moved for
/// very long. A thread that only waits for a processor does not hang.
fn hangs<C>(busy: &Busy<C>, now_us: u64) -> bool {
    let since = now_us.saturating_sub(busy.begun.input_us.load(Ordering::Relaxed));
    if since <= micros(limits::SESSION_STUCK) {
        return false;
    }
    let before = busy.begun.turn_cpu_us.load(Ordering::Relaxed);
    let used = priority::cpu_us(busy.thread).map(|used| used.saturating_sub(before));
    since > micros(limits::SESSION_BLOCKED)
        || used.is_none_or(|used| used > micros(limits::SESSION_STUCK_CPU))
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
