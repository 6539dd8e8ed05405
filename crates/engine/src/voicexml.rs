//! Hosts `VoiceXML` applications on calls.
//!
//! An application is a cell with an inbox. Threads of a small pool run cells that have something
//! to do, one input at a time; fetching, putting prompts together and everything about the call
//! happen in tasks and come back as inputs. A script that hangs costs its own application and one
//! thread for as long as it hangs, nothing else (vxml.md §10).

mod cell;
mod outcome;
mod pages;
mod perform;
mod prompts;
mod question;
mod recordings;
mod transfers;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use telephony::media::audio::Clip;
use telephony::port::{Ended, RecordEnd};
use tokio::sync::mpsc;
use vxml::{Ending, Library};

use self::cell::{Beginning, Cell, Input};
use self::pages::Pages;
use self::prompts::Prompts;
use crate::clock::{Clock, Stopwatch};
use crate::limits;
use crate::pool::{Pool, Turn};
use crate::sessions::Signal;
use crate::shard::Command;
use crate::speech::{Speech, Synthesiser};
use crate::supervisor::Supervisor;
use crate::treatment::Treatments;

/// Threads that run applications; a hanging one is replaced, so few are enough.
const THREADS: usize = 2;

/// What follows when an application of a callback has no usable result, `vxml.on_error`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnError {
    /// The callback ends with `FAIL_ERROR`.
    #[default]
    Fail,
    /// The customer waits for an agent.
    RouteToAgent,
}

/// How applications are hosted.
#[derive(Clone, Debug)]
pub struct VoiceXmlConfig {
    /// `vxml.tts`.
    pub synthesiser: Synthesiser,
    /// `vxml.on_error`.
    pub on_error: OnError,
    /// `fetch.max_age`, s: for answers whose server does not say how long they are fresh.
    pub max_age_s: u32,
    /// `script.max_stuck_threads`: more make the process unhealthy.
    pub max_stuck_threads: u32,
}

impl Default for VoiceXmlConfig {
    fn default() -> Self {
        Self {
            synthesiser: Synthesiser::None,
            on_error: OnError::Fail,
            max_age_s: 60,
            max_stuck_threads: 4,
        }
    }
}

/// What happens to a destination that an application called for its customer.
#[derive(Clone, Debug)]
pub(crate) enum OtherSide {
    /// It answered.
    Answered,
    /// It is gone.
    Over(Ended),
}

/// What applications work with.
pub(crate) struct Parts {
    pub(crate) config: VoiceXmlConfig,
    pub(crate) treatments: Treatments,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) supervisor: Supervisor,
}

/// All applications; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct VoiceXml {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// By the token of the question that is open about the call.
    cells: Mutex<HashMap<String, Arc<Cell>>>,
    pool: Arc<Pool<Cell>>,
    pages: Pages,
    prompts: Prompts,
    library: Arc<Library>,
    clock: Arc<dyn Clock>,
    watch: Arc<Stopwatch>,
    commands: mpsc::Sender<Command>,
    supervisor: Supervisor,
    on_error: OnError,
    max_stuck: usize,
    plays: AtomicU64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl VoiceXml {
    /// Starts the threads.
    pub(crate) fn start(parts: Parts) -> Result<Self, reqwest::Error> {
        let watch = Arc::new(Stopwatch::start());
        let pool = Pool::new("vxml", Arc::clone(&watch));
        let config = parts.config;
        let inner = Arc::new(Inner {
            cells: Mutex::default(),
            pool: Arc::clone(&pool),
            pages: Pages::new(Arc::clone(&parts.clock), config.max_age_s)?,
            prompts: Prompts {
                treatments: parts.treatments,
                speech: Speech::new(config.synthesiser)?,
            },
            library: Arc::default(),
            clock: parts.clock,
            watch,
            commands: parts.commands,
            supervisor: parts.supervisor.clone(),
            on_error: config.on_error,
            max_stuck: usize::try_from(config.max_stuck_threads).unwrap_or(usize::MAX),
            plays: AtomicU64::new(0),
        });
        let weak = Arc::downgrade(&inner);
        let turn: Turn<Cell> = Arc::new(move |cell, since| Self::turn(&weak, cell, since));
        for _ in 0..THREADS {
            pool.add_thread(&turn);
        }
        let all = Self { inner };
        let watchdog = all.clone().look_after(turn);
        parts.supervisor.spawn("application watchdog", watchdog);
        Ok(all)
    }

    /// Lets the threads end.
    pub(crate) fn stop(&self) {
        self.inner.pool.stop();
    }

    /// Why the process should be started anew; `None` when it is healthy.
    pub(crate) fn illness(&self) -> Option<String> {
        let stuck = self.inner.pool.stuck();
        (stuck >= self.inner.max_stuck.max(1))
            .then(|| format!("{stuck} threads hang in scripts of VoiceXML"))
    }

    /// Tells an application what happened on its call; `false` when there is none.
    pub(crate) fn signal(&self, token: &str, signal: Signal) -> bool {
        let Some(cell) = self.of_token(token) else {
            return false;
        };
        let input = match signal {
            Signal::Digit(digit) => Input::Handle(Box::new(vxml::Input::Key(digit))),
            Signal::Played(number) => Input::Played(number),
            Signal::Deleted { .. } => Input::Handle(Box::new(vxml::Input::Hangup)),
        };
        self.push(&cell, input);
        true
    }

    /// A recording on the call of an application is over.
    pub(crate) fn recorded(&self, token: &str, number: u64, clip: Option<Clip>, end: RecordEnd) {
        if let Some(cell) = self.of_token(token) {
            self.push(&cell, Input::Recorded(number, clip, end));
        }
    }

    /// Something happened to the destination that an application called.
    pub(crate) fn other_side(&self, token: &str, what: OtherSide) {
        if let Some(cell) = self.of_token(token) {
            self.push(&cell, Input::Other(what));
        }
    }

    /// Nobody waits for the application any more: it ends without further events.
    pub(crate) fn end(&self, token: &str) {
        if let Some(cell) = self.of_token(token) {
            self.push(&cell, Input::Handle(Box::new(vxml::Input::Stop)));
        }
    }

    fn of_token(&self, token: &str) -> Option<Arc<Cell>> {
        lock(&self.inner.cells).get(token).cloned()
    }

    /// Lets an application begin; `false` when there are too many, or one has the call already.
    fn begin(&self, cell: &Arc<Cell>, beginning: Beginning) -> bool {
        {
            let mut cells = lock(&self.inner.cells);
            let token = &cell.call.token;
            if cells.len() >= limits::APPLICATIONS_MAX || cells.contains_key(token) {
                return false;
            }
            cells.insert(token.clone(), Arc::clone(cell));
        }
        self.push(cell, Input::Begin(Box::new(beginning)));
        true
    }

    fn forget(&self, cell: &Cell) -> bool {
        let lived = cell.die();
        if lived {
            lock(&self.inner.cells).remove(&cell.call.token);
        }
        lived
    }

    fn push(&self, cell: &Arc<Cell>, input: Input) {
        if cell.push(input) {
            self.inner.pool.ready(Arc::clone(cell));
        }
    }

    fn now_ms(&self) -> i64 {
        self.inner.clock.now().0
    }

    /// Replaces threads that hang; what they run is over.
    async fn look_after(self, turn: Turn<Cell>) {
        loop {
            tokio::time::sleep(limits::SESSION_LOOK).await;
            for cell in self.inner.pool.set_aside() {
                tracing::error!(callback.id = %cell.call.callback, "a script hangs: its application is over");
                self.inner.pool.add_thread(&turn);
                if self.forget(&cell) {
                    let ending = Ending::Error {
                        event: "error.com.ringback.limit".to_owned(),
                        message: "a script did not end".to_owned(),
                    };
                    cell.owner.ended(ending, 1, false);
                }
            }
        }
    }

    /// Runs an application for a while.
    fn turn(weak: &Weak<Inner>, cell: &Arc<Cell>, since_us: &AtomicU64) {
        let Some(inner) = weak.upgrade() else { return };
        let all = Self { inner };
        for _ in 0..limits::SESSION_TURN_MAX {
            let Some(input) = cell.pop() else { return };
            since_us.store(all.inner.watch.elapsed_us(), Ordering::Relaxed);
            all.take(cell, input);
            if cell.is_dead() {
                return;
            }
        }
        // Others have their turn, too.
        all.inner.pool.ready(Arc::clone(cell));
    }

    /// Plans when something is due next.
    fn plan_tick(&self, cell: &Arc<Cell>, next: Option<i64>) {
        let Some(next) = next else { return };
        if next >= cell.tick_at.load(Ordering::Relaxed) {
            return;
        }
        cell.tick_at.store(next, Ordering::Relaxed);
        let wait = next.saturating_sub(self.now_ms()).max(0);
        let wait = Duration::from_millis(u64::try_from(wait).unwrap_or(0));
        let (all, cell) = (self.clone(), Arc::clone(cell));
        self.inner
            .supervisor
            .spawn("application timer", async move {
                tokio::time::sleep(wait).await;
                all.push(&cell, Input::Tick);
            });
    }
}
