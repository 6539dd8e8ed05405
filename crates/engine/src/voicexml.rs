//! Hosts `VoiceXML` applications on calls.
//!
//! An application is a cell with an inbox. Threads of a small pool run cells that have something
//! to do, one input at a time; fetching, putting prompts together and everything about the call
//! happen in tasks and come back as inputs. A script that hangs costs its own application and one
//! thread for as long as it hangs, nothing else (vxml.md §10).

mod cell;
mod hosted;
mod legs;
mod outcome;
mod pages;
mod perform;
mod prompts;
mod question;
mod recordings;
mod transfers;

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use telephony::media::audio::Clip;
use telephony::port::{Ended, RecordEnd};
use tokio::sync::mpsc;
use vxml::{Ending, Library};

pub(crate) use self::cell::Owner;
use self::cell::{Beginning, Cell, Input};
pub(crate) use self::hosted::Application;
use self::legs::Leg;
use self::pages::Pages;
use self::prompts::Prompts;
use crate::clock::Clock;
use crate::limits;
use crate::pool::{Host, Pool};
use crate::sessions::Signal;
use crate::shard::Command;
use crate::speech::{Speech, Synthesiser};
use crate::supervisor::Supervisor;
use crate::treatment::Treatments;

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
    /// Destinations that pages called for calls of sessions, by their call.
    legs: Mutex<HashMap<String, Leg>>,
    library: Arc<Library>,
    clock: Arc<dyn Clock>,
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
        let pool = Pool::new("vxml");
        let config = parts.config;
        let inner = Arc::new(Inner {
            cells: Mutex::default(),
            pool: Arc::clone(&pool),
            pages: Pages::new(Arc::clone(&parts.clock), config.max_age_s)?,
            prompts: Prompts {
                treatments: parts.treatments,
                speech: Speech::new(config.synthesiser)?,
                clock: Arc::clone(&parts.clock),
            },
            legs: Mutex::default(),
            library: Arc::default(),
            clock: parts.clock,
            commands: parts.commands,
            supervisor: parts.supervisor.clone(),
            on_error: config.on_error,
            max_stuck: usize::try_from(config.max_stuck_threads).unwrap_or(usize::MAX),
            plays: AtomicU64::new(0),
        });
        pool.start(Arc::downgrade(&inner));
        Ok(Self { inner })
    }

    /// Lets the threads end.
    pub(crate) fn stop(&self) {
        self.inner.pool.stop();
    }

    /// Why the process should be started anew; `None` when it is healthy.
    pub(crate) fn illness(&self) -> Option<String> {
        let stuck = self.inner.pool.illness(self.inner.max_stuck)?;
        Some(format!("{stuck} threads hang in scripts of VoiceXML"))
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
            // An application begins on a call that is up.
            Signal::Ringing | Signal::Answered | Signal::Judged(_) | Signal::Over(_) => {
                return false;
            }
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
            self.drop_own_legs(&cell.call.line);
        }
        lived
    }

    fn push(&self, cell: &Arc<Cell>, input: Input) {
        self.inner.pool.see_to(cell, cell.push(input));
    }

    fn now_ms(&self) -> i64 {
        self.inner.clock.now().0
    }

    /// Plans when something is due next.
    fn plan_tick(&self, cell: &Arc<Cell>, next: Option<i64>) {
        let Some(next) = next else { return };
        let (all, weak) = (self.clone(), Arc::downgrade(cell));
        let supervisor = &self.inner.supervisor;
        cell.due.plan(supervisor, next, self.now_ms(), move || {
            if let Some(cell) = weak.upgrade() {
                all.push(&cell, Input::Tick);
            }
        });
    }
}

impl Host<Cell> for Inner {
    fn take(self: Arc<Self>, cell: &Arc<Cell>, input: Input) {
        VoiceXml { inner: self }.take(cell, input);
    }

    fn hangs(self: Arc<Self>, cell: &Arc<Cell>) {
        if (VoiceXml { inner: self }).forget(cell) {
            let ending = Ending::Error {
                event: "error.com.ringback.limit".to_owned(),
                message: "a script did not end".to_owned(),
            };
            cell.owner.ended(ending, 1, false);
        }
    }
}
