//! Agents' phones: offered, given back, and what the store has to know of it.

use callback::lifecycle::Offer;
use callback::routing::{REASON_NO_ANSWER, REASON_REJECTED, Released};
use callback::{AgentId, CallbackId, Timestamp};
use store::AgentStateRow;
use telephony::port::{CallerId, Command as TelephonyCommand, Destination, Originate};

use super::Shard;
use super::act::{call_id, seconds};
use crate::limits;

/// A leg to an agent's phone.
#[derive(Debug)]
pub(super) struct AgentLeg {
    callback: CallbackId,
    agent: AgentId,
    /// The agent is given back with this outcome as soon as the leg is over.
    released: Option<Released>,
}

impl Shard {
    pub(super) fn offer(&mut self, id: &CallbackId, offer: Offer) {
        self.router.ringing(&offer.agent, id, self.now);
        self.agent_legs.insert(
            offer.leg.to_string(),
            AgentLeg {
                callback: id.clone(),
                agent: offer.agent.clone(),
                released: None,
            },
        );
        let originate = Originate {
            call: call_id(&offer.leg),
            destination: Destination::Extension(offer.extension),
            caller_id: CallerId {
                number: offer.caller_number,
                display_name: String::new(),
            },
            ring_timeout: seconds(offer.ring_timeout_s),
            detection: None,
            headers: offer
                .user_data
                .into_iter()
                .map(|(key, value)| (format!("X-Genesys-{key}"), value))
                .collect(),
        };
        self.send(TelephonyCommand::Originate(Box::new(originate)));
    }

    /// An agent comes back to the router when the phone is free again: the next call must not
    /// reach a phone that still ends the last one.
    pub(super) fn release(&mut self, id: &CallbackId, agent: AgentId, released: Released) {
        let mut legs = self.agent_legs.iter_mut();
        match legs.find(|(_, leg)| leg.callback == *id && leg.agent == agent) {
            Some((name, leg)) => {
                leg.released = Some(released);
                // Telephony owes us the end of the leg; the agent must not wait for it for ever.
                let at = self.now + limits::AGENT_LEG_END_MAX;
                self.leg_ends.insert((at, name.clone()));
            }
            None => self.give_back(&agent, id, released),
        }
    }

    /// A leg is over; if it was an agent's, the agent may be waiting for that.
    pub(super) fn agent_leg_over(&mut self, leg: &str) {
        if let Some(AgentLeg {
            callback,
            agent,
            released: Some(released),
        }) = self.agent_legs.remove(leg)
        {
            self.give_back(&agent, &callback, released);
        }
    }

    /// Gives agents back whose legs telephony never said were over.
    pub(super) fn end_silent_legs(&mut self) {
        while let Some((at, leg)) = self.leg_ends.first().cloned() {
            if at > self.now {
                return;
            }
            self.leg_ends.remove(&(at, leg.clone()));
            if self.agent_legs.contains_key(&leg) {
                tracing::warn!(
                    call.id = leg,
                    "the end of an agent's leg was never reported; the agent is free again"
                );
                self.agent_leg_over(&leg);
            }
        }
    }

    /// When the next agent's leg counts as over.
    pub(super) fn next_silent_leg(&self) -> Option<Timestamp> {
        self.leg_ends.first().map(|(at, _)| *at)
    }

    pub(super) fn give_back(&mut self, agent: &AgentId, callback: &CallbackId, released: Released) {
        self.router.release(agent, callback, released, self.now);
        self.router_changed = true;
        // A wish of the agent's own is in the store already; this is the router's decision.
        let Some(view) = self.router.agent(agent) else {
            return;
        };
        let reason = view.reason.unwrap_or_default();
        let is_routers = [REASON_NO_ANSWER, REASON_REJECTED].contains(&reason.as_str());
        if is_routers && view.since == self.now {
            self.agent_states.push(AgentStateRow {
                id: agent.clone(),
                ready: false,
                reason,
                since: self.now,
            });
        }
    }
}
