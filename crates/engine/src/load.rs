//! How much a virtual queue, or the whole site, has to do.

use std::collections::BTreeMap;

use callback::Timestamp;
use callback::record::{Callback, State};

/// The load of a virtual queue at a moment (callback-api §2, operation 9).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueLoad {
    /// Callbacks that wait for an agent or for their turn.
    pub waiting: usize,
    /// Open callbacks by state; states without any are left out.
    pub states: BTreeMap<&'static str, usize>,
    /// How long the oldest that is submitted and not with an agent has been waiting, s.
    pub longest_wait_s: u64,
}

/// All open callbacks, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// By state; states without any are left out.
    pub states: BTreeMap<&'static str, usize>,
    /// Virtual queues in which callbacks wait, by name.
    pub queues: BTreeMap<String, QueueCensus>,
}

/// Those that wait in one virtual queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueCensus {
    /// How many.
    pub waiting: usize,
    /// Since when the first one does, counted as [`QueueLoad::longest_wait_s`] is.
    pub oldest: Timestamp,
}

impl Census {
    /// Counts them in one pass.
    pub(crate) fn of<'a>(open: impl Iterator<Item = &'a Callback>) -> Self {
        let mut census = Self::default();
        for callback in open {
            *census.states.entry(callback.state.as_str()).or_default() += 1;
            if matches!(callback.state, State::Queued | State::Routing) {
                census.waits(callback);
            }
        }
        census
    }

    fn waits(&mut self, callback: &Callback) {
        let since = callback.started;
        let name = callback.virtual_queue();
        match self.queues.get_mut(name) {
            Some(queue) => {
                queue.waiting += 1;
                queue.oldest = queue.oldest.min(since);
            }
            None => {
                let queue = QueueCensus {
                    waiting: 1,
                    oldest: since,
                };
                self.queues.insert(name.to_owned(), queue);
            }
        }
    }
}

impl QueueLoad {
    /// Counts the callbacks of a queue.
    pub(crate) fn of<'a>(
        queue: &str,
        waiting: usize,
        open: impl Iterator<Item = &'a Callback>,
        now: Timestamp,
    ) -> Self {
        let mut load = Self {
            waiting,
            states: BTreeMap::new(),
            longest_wait_s: 0,
        };
        for callback in open.filter(|one| one.virtual_queue() == queue) {
            *load.states.entry(callback.state.as_str()).or_default() += 1;
            if matches!(callback.state, State::Queued | State::Routing) {
                let waited = now.millis_since(callback.started) / 1_000;
                load.longest_wait_s = load.longest_wait_s.max(waited);
            }
        }
        load
    }
}
