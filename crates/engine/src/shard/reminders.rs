//! Reminders of callbacks that wait for an agent: sent when the forecast says that their turn is
//! near (notifications §8).

use std::collections::HashMap;
use std::time::Duration;

use callback::CallbackId;
use callback::lifecycle::Input;

use super::Shard;
use super::round::Round;

/// Pause between two looks at the queues: a reminder comes that much late at most.
const LOOK_EVERY: Duration = Duration::from_secs(2);

impl Shard {
    /// Remembers a callback that is to be reminded when its turn is near.
    pub(super) fn expect_reminder(&mut self, id: &CallbackId) {
        let callback = self.callbacks.get(id);
        if callback.is_some_and(|callback| callback.reminder_by_forecast().is_some())
            && self.reminders.insert(id.clone())
        {
            self.reminders_at.get_or_insert(self.now + LOOK_EVERY);
        }
    }

    /// Looks at the queues in which somebody is to be reminded.
    pub(super) fn look_at_reminders(&mut self, round: &mut Round) {
        if self.reminders_at.is_none_or(|at| at > self.now) {
            return;
        }
        self.reminders_at = None;
        let mut longest: HashMap<String, i64> = HashMap::new();
        let callbacks = &self.callbacks;
        self.reminders.retain(|id| {
            let Some(callback) = callbacks.get(id) else {
                return false;
            };
            let Some(buffer_s) = callback.reminder_by_forecast() else {
                return false;
            };
            let queue = &callback.settings.virtual_queue;
            let known = longest.entry(queue.clone()).or_default();
            *known = (*known).max(buffer_s);
            true
        });
        for (queue, buffer_s) in longest {
            self.remind_front(&queue, buffer_s, round);
        }
        if !self.reminders.is_empty() {
            self.reminders_at = Some(self.now + LOOK_EVERY);
        }
    }

    /// Reminds those of a queue whose turn is nearer than their service says.
    fn remind_front(&mut self, queue: &str, buffer_s: i64, round: &mut Round) {
        let Some(interval_ms) = self.pace.interval_ms(queue, self.now) else {
            return;
        };
        let reach = u64::try_from(buffer_s).unwrap_or(0) * 1_000 / interval_ms.max(1);
        let places = usize::try_from(reach).unwrap_or(usize::MAX);
        let front = self.router.front(queue, places, self.now);
        for (id, place) in front.into_iter().zip(1..) {
            if !self.reminders.contains(&id) {
                continue;
            }
            if let Some(wait_s) = self.pace.forecast_s(queue, place, self.now) {
                self.step(&id, Input::Forecast { wait_s }, round);
            }
        }
    }
}
