//! What follows from a committed round: effects, executed in order.

use std::sync::Arc;
use std::time::Duration;

use callback::lifecycle::{Dial, Effect, Input, LegEvent, Offer};
use callback::routing::{Released, Waiting};
use callback::settings::CpdProfile;
use callback::{AgentId, CallbackId, LegKey};
use telephony::media::cpd;
use telephony::port::{
    CallId, CallerId, Command as TelephonyCommand, Destination, Detection, HangUpCause, Originate,
    Refused, Repeat, TrunkNumber,
};

use super::{AgentLeg, Command, Shard};
use crate::sessions::Signal;
use crate::treatment::Treatments;

impl Shard {
    pub(super) fn act(&mut self, id: &CallbackId, effect: Effect) {
        match effect {
            Effect::Enqueue(need) => self.enqueue(id, need),
            Effect::Leave => {
                self.router.leave(id);
                self.turns.retain(|waiting| waiting != id);
                self.router_changed = true;
            }
            Effect::Dial(dial) => self.dial(*dial),
            Effect::Offer(offer) => self.offer(id, *offer),
            Effect::HangUp { leg, given_up } => {
                let cause = if given_up {
                    HangUpCause::GivenUp
                } else {
                    HangUpCause::Normal
                };
                self.send(TelephonyCommand::HangUp {
                    call: call_id(&leg),
                    cause,
                });
            }
            Effect::Play {
                leg,
                source,
                forever,
                token,
            } => {
                self.play(id, &leg, source, forever, token);
            }
            Effect::Bridge { customer, agent } => {
                self.send(TelephonyCommand::Bridge {
                    a: call_id(&customer),
                    b: call_id(&agent),
                });
            }
            Effect::AskPlugin(question) => self.ask_plugin(*question),
            // A program behind HTTP has no session: nothing is ended or told.
            Effect::CallDeleted { token, attached } => {
                let signal = Signal::Deleted { attached };
                self.parts.plugins.sessions.signal(&token, signal);
            }
            Effect::EndPlugin { token } => self.parts.plugins.sessions.end_plugin(&token),
            Effect::RouteOut(route) => self.route_out(*route),
            Effect::HandOver { customer, other } => self.hand_over(&customer, &other),
            Effect::Silence { leg } => self.send(TelephonyCommand::Stop {
                call: call_id(&leg),
            }),
            Effect::AgentTalking(agent) => self.router.talking(&agent, id, self.now),
            Effect::ReleaseAgent(agent, released) => self.release(id, agent, released),
        }
    }

    fn enqueue(&mut self, id: &CallbackId, need: callback::routing::Need) {
        let Some(callback) = self.callbacks.get(id) else {
            return;
        };
        let s = &callback.settings;
        let waiting = Waiting {
            callback: id.clone(),
            need,
            queue: s.virtual_queue.clone(),
            target: s.target.clone(),
            priority: s.priority,
            increment: s.priority_increment,
            interval_s: s.priority_increment_interval_s,
            started: callback.started,
            since: self.now,
        };
        self.router.enqueue(waiting, self.now);
        self.router_changed = true;
    }

    fn dial(&mut self, dial: Dial) {
        let call = call_id(&dial.leg);
        let wait_for_beep = dial.wait_for_beep;
        let country = dial.plan.country;
        let detection = dial.detection.map(|d| Detection {
            early: d.early,
            settings: cpd::Settings {
                profile: match d.profile {
                    CpdProfile::Human => cpd::Profile::Human,
                    CpdProfile::Balanced => cpd::Profile::Balanced,
                    CpdProfile::Machine => cpd::Profile::Machine,
                },
                country,
                silence_ms: d.silence_ms,
                hard_stop_ms: d.hard_stop_ms,
                wait_for_beep,
            },
        });
        let originate = Originate {
            call,
            destination: Destination::Trunks(
                std::iter::once((dial.plan.trunk, dial.plan.number))
                    .chain(dial.plan.alternatives)
                    .map(|(trunk, number)| TrunkNumber { trunk, number })
                    .collect(),
            ),
            caller_id: CallerId {
                number: dial.caller_number,
                display_name: dial.caller_name,
            },
            ring_timeout: seconds(dial.ring_timeout_s),
            detection,
            headers: dial.headers,
        };
        self.send(TelephonyCommand::Originate(Box::new(originate)));
    }

    /// An agent comes back to the router when the phone is free again: the next call must not
    /// reach a phone that still ends the last one.
    fn release(&mut self, id: &CallbackId, agent: AgentId, released: Released) {
        match self
            .agent_legs
            .values_mut()
            .find(|leg| leg.callback == *id && leg.agent == agent)
        {
            Some(leg) => leg.released = Some(released),
            None => {
                self.router.release(&agent, id, released, self.now);
                self.router_changed = true;
            }
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
            self.router.release(&agent, &callback, released, self.now);
            self.router_changed = true;
        }
    }

    fn offer(&mut self, id: &CallbackId, offer: Offer) {
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

    fn play(&mut self, id: &CallbackId, leg: &LegKey, source: String, forever: bool, token: u64) {
        let call = call_id(leg);
        let repeat = if forever {
            Repeat::Forever
        } else {
            Repeat::Once
        };
        let skipped = Input::Customer {
            attempt: leg.attempt,
            event: LegEvent::Played { token },
        };
        if !Treatments::is_remote(&source) {
            match self.parts.treatments.local(&source) {
                Some(clip) => self.send(TelephonyCommand::Play {
                    call,
                    token,
                    clip,
                    repeat,
                }),
                // A file that cannot be played counts as played with length 0.
                None if forever => self.send(TelephonyCommand::Stop { call }),
                None => self.arisen.push_back((id.clone(), skipped)),
            }
            return;
        }
        let treatments = self.parts.treatments.clone();
        let commands = self.parts.commands.clone();
        let id = id.clone();
        self.parts.supervisor.spawn("treatment", async move {
            let command = match treatments.remote(&source).await {
                Some(clip) => Command::Send(Box::new(TelephonyCommand::Play {
                    call,
                    token,
                    clip,
                    repeat,
                })),
                None if forever => Command::Send(Box::new(TelephonyCommand::Stop { call })),
                None => Command::Tell { id, input: skipped },
            };
            // The channel closes only when the shard is gone.
            drop(commands.send(command).await);
        });
    }

    /// Gives a command to telephony; what finds no room is sent again soon.
    pub(super) fn send(&mut self, command: TelephonyCommand) {
        if !self.unsent.is_empty() {
            self.unsent.push_back(command);
            return;
        }
        match self.parts.telephony.send(command.clone()) {
            Ok(()) => {}
            Err(Refused::Overloaded) => self.unsent.push_back(command),
            Err(Refused::Stopped) => tracing::warn!("telephony has stopped, a command is dropped"),
        }
    }
}

pub(super) fn call_id(leg: &LegKey) -> CallId {
    CallId::new(Arc::<str>::from(leg.to_string()))
}

pub(super) fn seconds(value: i64) -> Duration {
    Duration::from_secs(u64::try_from(value).unwrap_or(0))
}
