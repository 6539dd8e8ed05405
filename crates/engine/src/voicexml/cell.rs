//! One application with its inbox: inputs wait here until a thread has time for it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use callback::CallbackId;
use telephony::media::audio::Clip;
use telephony::port::RecordEnd;
use vxml::{Ending, Message, Session, Start};

use super::OtherSide;
use super::prompts::{Rendered, Unspeakable};
use super::recordings::Recordings;
use super::transfers::Transferring;
use crate::limits;
use crate::pool::{Burden, Hosted, Inbox, Pushed};
use crate::shard::Line;
use crate::supervisor::Due;
use crate::treatment::Asks;

/// What happens to an application.
#[derive(Debug)]
pub(crate) enum Input {
    /// It begins.
    Begin(Box<Beginning>),
    /// Something it waits for.
    Handle(Box<vxml::Input>),
    /// A prompt is put together, or cannot be.
    Rendered(u64, Result<Rendered, Unspeakable>),
    /// The play of this number is over.
    Played(u64),
    /// The recording of this number is over.
    Recorded(u64, Option<Clip>, RecordEnd),
    /// Something about the destination that it called.
    Other(OtherSide),
    /// Audio for the time until the destination of this transfer answers.
    TransferAudio(u64, Clip),
    /// The destination of this transfer has rung long enough.
    TransferRing(u64),
    /// The longest conversation of this transfer is over.
    TransferTime(u64),
    /// Something may be due.
    Tick,
}

/// What an application begins with.
#[derive(Debug)]
pub(crate) struct Beginning {
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
    /// Number of the other side, for destinations that a page calls.
    pub(super) remote: String,
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

/// An application.
#[derive(Debug)]
pub(crate) struct Cell {
    pub(super) call: Call,
    pub(super) owner: Box<dyn Owner>,
    pub(super) recordings: Recordings,
    inbox: Inbox<Input>,
    body: Mutex<Body>,
    /// When a tick comes.
    pub(super) due: Due,
    burden: Burden,
}

impl Hosted for Cell {
    type Input = Input;

    fn name(&self) -> &str {
        self.call.callback.as_str()
    }

    fn inbox(&self) -> &Inbox<Input> {
        &self.inbox
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
            inbox: Inbox::new(true),
            body: Mutex::default(),
            due: Due::default(),
            burden: Burden::default(),
        })
    }

    pub(super) fn body(&self) -> MutexGuard<'_, Body> {
        self.body.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts an input into the inbox.
    pub(super) fn push(&self, input: Input) -> Pushed {
        let from_outside = matches!(&input, Input::Handle(i)
            if matches!(**i, vxml::Input::Key(_) | vxml::Input::Message(_)));
        let max = if from_outside {
            limits::APPLICATION_INPUTS_MAX
        } else {
            usize::MAX
        };
        self.inbox.push(input, max)
    }

    /// It takes nothing any more; `false` when that was so before.
    pub(super) fn die(&self) -> bool {
        self.inbox.die()
    }

    pub(super) fn is_dead(&self) -> bool {
        self.inbox.is_dead()
    }
}
