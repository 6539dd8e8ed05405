//! Commands on their way to a media thread: bounded, with a wake-up.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};

use media::audio::Clip;
use media::cpd;
use mio::{Poll, Token, Waker};

use super::leg::Leg;
use super::limits::COMMAND_QUEUE_MAX;
use super::{Counters, RemoteMedia, lock};
use crate::port::{RecordOrder, Repeat};

/// Token of the wake-up; legs count from 1.
pub(super) const WAKE: Token = Token(0);

/// What a thread is asked to do.
#[derive(Debug)]
pub(super) enum Command {
    /// Takes a leg, a new one or one of another thread.
    Adopt(Box<Leg>),
    /// A leg comes from another thread: what follows waits until it is here.
    Expect { leg: usize },
    /// The leg that was expected is gone.
    Gone { leg: usize },
    /// Hands a leg to another thread.
    Move { leg: usize, to: usize },
    /// Joins two legs of this thread.
    Bridge { a: usize, b: usize },
    /// Does something with a leg.
    Leg { leg: usize, action: Action },
}

/// What is done with a leg.
#[derive(Debug)]
pub(super) enum Action {
    Connect(RemoteMedia),
    Detect {
        settings: cpd::Settings,
        stage: cpd::Stage,
    },
    StopDetect,
    Play {
        token: u64,
        clip: Clip,
        repeat: Repeat,
    },
    Stop,
    Record(RecordOrder),
    StopRecord,
    SendDigits(String),
    Unbridge,
    Close,
}

impl Command {
    /// Commands that the number of legs bounds anyhow; without them legs would leak or stay mute.
    const fn always_taken(&self) -> bool {
        match self {
            Self::Leg { action, .. } => {
                matches!(
                    action,
                    Action::Connect(_) | Action::Unbridge | Action::Close
                )
            }
            _ => true,
        }
    }
}

/// The queue of one thread.
pub(super) struct Queue {
    commands: Mutex<VecDeque<Command>>,
    waker: Waker,
    counters: Arc<Counters>,
}

impl Queue {
    /// Makes a queue and the poll that it wakes.
    pub(super) fn new() -> io::Result<(Self, Poll)> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), WAKE)?;
        let (commands, counters) = (Mutex::default(), Arc::default());
        Ok((
            Self {
                commands,
                waker,
                counters,
            },
            poll,
        ))
    }

    pub(super) fn push(&self, command: Command) {
        {
            let mut commands = lock(&self.commands);
            if commands.len() >= COMMAND_QUEUE_MAX && !command.always_taken() {
                self.counters.commands_refused.fetch_add(1, Relaxed);
                tracing::error!("a media thread does not keep up, a command is left out");
                return;
            }
            commands.push_back(command);
        }
        self.wake();
    }

    /// Takes all that waits.
    pub(super) fn take(&self) -> VecDeque<Command> {
        std::mem::take(&mut *lock(&self.commands))
    }

    pub(super) fn wake(&self) {
        if let Err(error) = self.waker.wake() {
            tracing::error!(%error, "a media thread cannot be woken");
        }
    }

    pub(super) const fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue")
            .field("waiting", &lock(&self.commands).len())
            .finish()
    }
}
