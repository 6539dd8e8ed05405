//! Paused services: their callbacks are held and let go (callback-api §10.2).

use callback::Callback;
use callback::lifecycle::Input;
use callback::pause::Pauses;
use callback::record::HeldBy;

use super::Shard;

impl Shard {
    /// Goes by a new pause list from now on.
    pub(crate) fn set_pauses(&mut self, pauses: Pauses) {
        self.pauses = pauses;
        self.apply_pauses();
    }

    /// Holds and lets go whoever does not stand as the pause list says; the steps follow in this
    /// round and the next ones, so that many callbacks do not become one long transaction.
    pub(super) fn apply_pauses(&mut self) {
        self.pauses_at = self.pauses.next_change(self.now);
        let input = |callback: &Callback| {
            let is_held = callback.held.as_ref().map(|held| held.by);
            match (
                self.pauses.holds(callback.settings.pause_id(), self.now),
                is_held,
            ) {
                // Who was dialed already is served to the end.
                (true, None) if callback.attempts == 0 => Some(Input::ServicePaused),
                (false, Some(HeldBy::Service)) => Some(Input::ServiceResumed),
                _ => None,
            }
        };
        let changes: Vec<_> = self
            .callbacks
            .iter()
            .filter_map(|(id, callback)| Some((id.clone(), input(callback)?)))
            .collect();
        if !changes.is_empty() {
            tracing::info!(callbacks = changes.len(), "services were paused or go on");
        }
        self.arisen.extend(changes);
    }
}
