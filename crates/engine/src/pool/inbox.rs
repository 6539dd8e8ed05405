//! Inputs of a cell, until a thread has time for it.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What became of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// The cell takes nothing any more, or not so much.
    Refused,
    /// A thread comes to it by itself, or what waits is not begun yet.
    Waits,
    /// A thread is needed.
    First,
}

/// Inputs in their order, with what they wait for.
#[derive(Debug)]
pub(crate) struct Inbox<I>(Mutex<Waiting<I>>);

#[derive(Debug)]
struct Waiting<I> {
    queue: VecDeque<I>,
    /// It may be taken from.
    open: bool,
    /// It waits for a thread or has one.
    scheduled: bool,
    dead: bool,
}

impl<I> Waiting<I> {
    fn schedule(&mut self) -> Pushed {
        if self.open && !std::mem::replace(&mut self.scheduled, true) {
            Pushed::First
        } else {
            Pushed::Waits
        }
    }
}

impl<I> Inbox<I> {
    /// An empty one; what comes before it is open waits.
    pub(crate) fn new(open: bool) -> Self {
        Self(Mutex::new(Waiting {
            queue: VecDeque::new(),
            open,
            scheduled: false,
            dead: false,
        }))
    }

    fn lock(&self) -> MutexGuard<'_, Waiting<I>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts an input behind the others, when fewer than `max` wait.
    pub(crate) fn push(&self, input: I, max: usize) -> Pushed {
        let mut waiting = self.lock();
        if waiting.dead || waiting.queue.len() >= max {
            return Pushed::Refused;
        }
        waiting.queue.push_back(input);
        waiting.schedule()
    }

    /// Opens it: this input comes before those that wait.
    pub(crate) fn open_with(&self, input: I) -> Pushed {
        let mut waiting = self.lock();
        if waiting.dead {
            return Pushed::Refused;
        }
        waiting.open = true;
        waiting.queue.push_front(input);
        waiting.schedule()
    }

    /// The next input; without one the thread goes.
    pub(crate) fn pop(&self) -> Option<I> {
        let mut waiting = self.lock();
        let next = waiting.queue.pop_front();
        if next.is_none() {
            waiting.scheduled = false;
        }
        next
    }

    /// It takes nothing any more; `false` when that was so before.
    pub(crate) fn die(&self) -> bool {
        let mut waiting = self.lock();
        waiting.queue.clear();
        !std::mem::replace(&mut waiting.dead, true)
    }

    /// Inputs that wait.
    pub(crate) fn len(&self) -> usize {
        self.lock().queue.len()
    }

    /// It was opened.
    pub(crate) fn is_open(&self) -> bool {
        self.lock().open
    }

    /// It takes nothing any more.
    pub(crate) fn is_dead(&self) -> bool {
        self.lock().dead
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_asked_for_once_until_nothing_waits() {
        let inbox = Inbox::new(true);
        assert_eq!(inbox.push(1, 2), Pushed::First);
        assert_eq!(inbox.push(2, 2), Pushed::Waits);
        assert_eq!(inbox.push(3, 2), Pushed::Refused);
        assert_eq!(
            (inbox.pop(), inbox.pop(), inbox.pop()),
            (Some(1), Some(2), None)
        );
        assert_eq!(inbox.push(4, 2), Pushed::First);
    }

    #[test]
    fn what_comes_before_the_start_waits_for_it() {
        let inbox = Inbox::new(false);
        assert_eq!(inbox.push(2, 9), Pushed::Waits);
        assert_eq!(inbox.open_with(1), Pushed::First);
        assert_eq!((inbox.pop(), inbox.pop()), (Some(1), Some(2)));
    }

    #[test]
    fn the_dead_take_nothing() {
        let inbox = Inbox::new(true);
        inbox.push(1, 9);
        assert!(inbox.die());
        assert!(!inbox.die());
        assert_eq!(inbox.len(), 0);
        assert_eq!(inbox.push(2, 9), Pushed::Refused);
        assert_eq!(inbox.open_with(2), Pushed::Refused);
    }
}
