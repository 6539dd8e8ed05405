//! Whether a callback can be handed over for execution (notifications §9.2).

use callback::Callback;
use callback::record::Phase;

use super::Shard;

impl Shard {
    /// Whether a submission made now would succeed (notifications §9.2).
    pub(super) fn can_submit(&self, callback: &Callback) -> Result<(), String> {
        let s = &callback.settings;
        if s.strategy.is_some() {
            // Its document finds out what it needs.
            return self.has_room();
        }
        if s.virtual_queue.is_empty() {
            return Err("the service has no _urs_virtual_queue".to_owned());
        }
        if s.target.steps.is_empty() {
            return Err("the service has no _target".to_owned());
        }
        self.router.known_target(&s.target)?;
        if self.parts.trunks.candidates(&s.route_point).is_empty() {
            return Err(if s.route_point.is_empty() {
                "no trunk is configured".to_owned()
            } else {
                format!("there is no trunk {}", s.route_point)
            });
        }
        self.has_room()
    }

    fn has_room(&self) -> Result<(), String> {
        let max = self.parts.max_running;
        // Counted only when it may matter: most open callbacks run.
        if max > 0 && self.callbacks.len() >= max && self.running() >= max {
            return Err(format!("{} callbacks run already", self.parts.max_running));
        }
        Ok(())
    }

    /// Callbacks that were submitted; booked ones and those that wait for their submission are none.
    fn running(&self) -> usize {
        let open = self.callbacks.values();
        open.filter(|callback| match callback.phase {
            Phase::Scheduled | Phase::Submitting { .. } | Phase::Paused | Phase::Over => false,
            Phase::Waiting
            | Phase::Confirming
            | Phase::RetryPause
            | Phase::AgentRinging { .. }
            | Phase::AgentReady
            | Phase::Dialing
            | Phase::Detecting
            | Phase::Plugin { .. }
            | Phase::Strategy { .. }
            | Phase::RoutingOut { .. }
            | Phase::Greeting
            | Phase::InQueue
            | Phase::Offering { .. }
            | Phase::Talking { .. }
            | Phase::MachineMessage
            | Phase::Apology { .. } => true,
        })
        .count()
    }
}
