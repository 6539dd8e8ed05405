//! One application with its inbox: inputs wait here until a thread has time for it.

use std::collections::VecDeque;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use callback::CallbackId;
use telephony::media::audio::Clip;
use telephony::port::RecordEnd;
use vxml::{Ending, Message, Session, Start};

use super::OtherSide;
use super::prompts::Unspeakable;
use super::recordings::Recordings;
use super::transfers::Transferring;
use crate::limits;
use crate::pool::{Burden, Hosted};
use crate::shard::Line;
use crate::supervisor::Timer;
use crate::treatment::Asks;

/// What happens to an application.
#[derive(Debug)]
pub(super) enum Input {
    /// It begins.
    Begin(Box<Beginning>),
    /// Something it waits for.
    Handle(Box<vxml::Input>),
    /// A prompt is put together, or cannot be.
    Rendered(u64, Result<Clip, Unspeakable>),
    /// The play of this number is over.
    Played(u64),
    /// The recording of this number is over.
    Recorded(u64, Option<Clip>, RecordEnd),
    /// Something about the destination that it called.
    Other(OtherSide),
    /// Audio for the time until the destination of this transfer answers.
    TransferAudio(u64, Clip),
    /// The longest conversation of this transfer is over.
    TransferTime(u64),
    /// Something may be due.
    Tick,
}

/// What an application begins with.
#[derive(Debug)]
pub(super) struct Beginning {
    pub(super) url: String,
    pub(super) start: Start,
}

/// Who started an application.
pub(crate) trait Owner: Send + Sync + std::fmt::Debug {
    /// It runs.
    fn started(&self);
    /// It sends something (`gvp:send`).
    fn message(&self, message: Message);
    /// It is over; how many pages it entered and whether the customer had hung up.
    fn ended(&self, ending: Ending, documents: u32, hung_up: bool);
}

/// The call that an application talks to.
#[derive(Clone, Debug)]
pub(super) struct Call {
    /// The callback, or the call that a session placed.
    pub(super) callback: CallbackId,
    /// What the application is found by.
    pub(super) token: String,
    pub(super) line: Line,
}

impl Call {
    /// For whom its audio is looked for.
    pub(super) fn asks(&self) -> Asks {
        Asks {
            callback: self.callback.clone(),
            service: String::new(),
        }
    }
}

/// A play of the application on its call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Playing {
    /// The application's number.
    pub(super) id: u64,
    /// The call's number; 0 while it is put together.
    pub(super) number: u64,
    /// A key stops it.
    pub(super) barge_in: bool,
    /// It begins again at its end.
    pub(super) repeats: bool,
}

/// A recording of the customer for the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Recording {
    /// The application's number.
    pub(super) id: u64,
    /// The call's number.
    pub(super) number: u64,
    /// `audio/x-wav` or another name of what the page wants.
    pub(super) kind: String,
}

/// What only the thread touches that runs the application.
#[derive(Debug, Default)]
pub(super) struct Body {
    pub(super) session: Option<Session>,
    pub(super) playing: Option<Playing>,
    pub(super) recording: Option<Recording>,
    pub(super) transfer: Option<Transferring>,
    pub(super) hung_up: bool,
}

/// Inputs that wait.
#[derive(Debug, Default)]
struct Inbox {
    queue: VecDeque<Input>,
    /// It waits for a thread or has one.
    scheduled: bool,
    dead: bool,
}

/// An application.
#[derive(Debug)]
pub(crate) struct Cell {
    pub(super) call: Call,
    pub(super) owner: Box<dyn Owner>,
    pub(super) recordings: Recordings,
    inbox: Mutex<Inbox>,
    body: Mutex<Body>,
    /// When the next tick is planned, ms; later ones need no timer of their own.
    pub(super) tick_at: AtomicI64,
    /// The timer for it.
    pub(super) tick: Timer,
    burden: Burden,
}

impl Hosted for Cell {
    fn name(&self) -> &str {
        self.call.callback.as_str()
    }

    fn burden(&self) -> &Burden {
        &self.burden
    }
}

impl Cell {
    pub(super) fn new(call: Call, owner: Box<dyn Owner>) -> Arc<Self> {
        Arc::new(Self {
            call,
            owner,
            recordings: Recordings::default(),
            inbox: Mutex::default(),
            body: Mutex::default(),
            tick_at: AtomicI64::new(i64::MAX),
            tick: Timer::default(),
            burden: Burden::default(),
        })
    }

    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn body(&self) -> MutexGuard<'_, Body> {
        self.body.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts an input into the inbox; `true` when a thread is needed for it.
    pub(super) fn push(&self, input: Input) -> bool {
        let mut inbox = self.inbox();
        let is_key = matches!(&input, Input::Handle(i) if matches!(**i, vxml::Input::Key(_)));
        if inbox.dead || (is_key && inbox.queue.len() >= limits::APPLICATION_INPUTS_MAX) {
            return false;
        }
        inbox.queue.push_back(input);
        !std::mem::replace(&mut inbox.scheduled, true)
    }

    /// The next input; without one the thread goes.
    pub(super) fn pop(&self) -> Option<Input> {
        let mut inbox = self.inbox();
        let next = inbox.queue.pop_front();
        if next.is_none() {
            inbox.scheduled = false;
        }
        next
    }

    /// It takes nothing any more; `false` when that was so before.
    pub(super) fn die(&self) -> bool {
        let mut inbox = self.inbox();
        inbox.queue.clear();
        !std::mem::replace(&mut inbox.dead, true)
    }

    pub(super) fn is_dead(&self) -> bool {
        self.inbox().dead
    }
}
