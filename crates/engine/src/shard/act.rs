//! What follows from a committed round: effects, executed in order.

use std::sync::Arc;
use std::time::Duration;

use callback::lifecycle::{Dial, Effect, Input, LegEvent, Listen};
use callback::number;
use callback::record::Phase;
use callback::routing::Waiting;
use callback::settings::{CpdProfile, DetectionSettings};
use callback::{Callback, CallbackId, LegKey, Timestamp};
use telephony::media::cpd;
use telephony::port::{
    CallId, CallerId, Command as TelephonyCommand, Destination, Detection, HangUpCause, Originate,
    Repeat, TrunkNumber,
};

use super::round::Round;
use super::{Clip, Command, Shard};
use crate::sessions::Signal;
use crate::treatment::Asks;

impl Shard {
    pub(super) fn act(&mut self, id: &CallbackId, effect: Effect) {
        match effect {
            Effect::Enqueue(need) => self.enqueue(id, need),
            Effect::Leave => {
                self.router.leave(id);
                self.turns.retain(|waiting| waiting != id);
                self.router_changed = true;
            }
            // Its delivery was written with the step.
            Effect::Push(_) => {}
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
            Effect::Listen(listen) => self.listen(id, &listen),
            Effect::Bridge { customer, agent } => self.bridge(&customer, &agent),
            Effect::AskPlugin(question) => self.ask_plugin(*question),
            // A program behind HTTP has no session: nothing is ended or told.
            Effect::CallDeleted { token, attached } => {
                let signal = Signal::Deleted { attached };
                self.parts.plugins.signal(&token, signal);
            }
            Effect::RunStrategy(order) => self.parts.plugins.sessions.run_strategy(*order),
            Effect::TellQueue {
                token,
                request,
                told,
            } => self
                .parts
                .plugins
                .sessions
                .queue_told(&token, request, told),
            Effect::EndPlugin { token } => self.parts.plugins.end(&token),
            Effect::RouteOut(route) => self.route_out(*route),
            Effect::Refer {
                leg,
                number,
                route_point,
                headers,
            } => self.refer(&leg, &number, &route_point, headers),
            // From here on nobody looks after the two; that they belong together is known already.
            Effect::HandOver { customer, other } => self.bridge(&customer, &other),
            Effect::Silence { leg } => self.send(TelephonyCommand::Stop {
                call: call_id(&leg),
            }),
            Effect::AgentTalking(agent) => self.router.talking(&agent, id, self.now),
            Effect::ReleaseAgent(agent, released) => self.release(id, agent, released),
        }
    }

    fn bridge(&mut self, customer: &LegKey, other: &LegKey) {
        self.send(TelephonyCommand::Bridge {
            a: call_id(customer),
            b: call_id(other),
        });
    }

    fn enqueue(&mut self, id: &CallbackId, need: callback::routing::Need) {
        let Some(callback) = self.callbacks.get(id) else {
            return;
        };
        if let Some(waiting) = session_waits(callback) {
            self.router.enqueue(waiting, self.now);
            self.router_changed = true;
            return;
        }
        let s = &callback.settings;
        let since = self.waits_since(callback);
        let waiting = Waiting {
            callback: id.clone(),
            need,
            queue: s.virtual_queue.clone(),
            target: s.target.clone(),
            priority: s.priority,
            increment: s.priority_increment,
            interval_s: s.priority_increment_interval_s,
            started: callback.started,
            since,
        };
        if !s.wait_for_agent && !s.contact.agent_first {
            self.joined.insert(id.clone(), (callback.attempts, since));
        }
        self.router.enqueue(waiting, self.now);
        self.expect_reminder(id);
        self.router_changed = true;
    }

    /// From when on the elements of its target count: an agent who did not answer must not set
    /// them back.
    fn waits_since(&self, callback: &Callback) -> Timestamp {
        if callback.settings.wait_for_agent || callback.settings.contact.agent_first {
            // One wait from the first to the last, also over dials and restarts.
            return callback.started.max(callback.created).min(self.now);
        }
        // The wait begins anew with each time the customer is on the line.
        match self.joined.get(&callback.id) {
            Some((attempt, since)) if *attempt == callback.attempts => *since,
            _ => self.now,
        }
    }

    fn dial(&mut self, dial: Dial) {
        let call = call_id(&dial.leg);
        let country = dial.plan.country;
        let detection = dial.detection.map(|d| Detection {
            early: d.early,
            settings: detector(&d, country, dial.wait_for_beep),
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

    /// Detects once more on an answered call.
    fn listen(&mut self, id: &CallbackId, listen: &Listen) {
        let Some(callback) = self.callbacks.get(id) else {
            return;
        };
        let (plan, home) = (&self.parts.dialplan, &callback.settings.default_country);
        let country = number::country_of(plan, callback.number_to_dial(), home);
        self.send(TelephonyCommand::Detect {
            call: call_id(&listen.leg),
            settings: Box::new(detector(&listen.detection, country, false)),
        });
    }

    fn play(&mut self, id: &CallbackId, leg: &LegKey, source: String, forever: bool, token: u64) {
        let service = self.callbacks.get(id).map(|callback| callback.service());
        let asks = Asks {
            callback: id.clone(),
            service: service.map(ToString::to_string).unwrap_or_default(),
        };
        let leg = leg.clone();
        let treatments = self.parts.treatments.clone();
        let commands = self.parts.commands.clone();
        // Disks and web servers take their time: nobody else waits for it.
        self.parts.supervisor.spawn("treatment", async move {
            let clip = Clip {
                clip: treatments.find(&source, &asks).await,
                callback: asks.callback,
                leg,
                token,
                forever,
                source,
            };
            // The channel closes only when the shard is gone.
            drop(commands.send(Command::Play(Box::new(clip))).await);
        });
    }

    /// A treatment is here, or cannot be had.
    pub(super) fn play_clip(&mut self, clip: Clip, round: &mut Round) {
        let Clip {
            callback: id,
            leg,
            token,
            forever,
            source,
            clip,
        } = clip;
        let Some(callback) = self.callbacks.get(&id) else {
            return;
        };
        // Something else plays by now, or customer and agent talk already.
        if callback.play_token != token
            || ![callback.customer_leg(), callback.agent_leg()].contains(&leg)
            || matches!(callback.phase, Phase::Talking { .. })
        {
            return;
        }
        let call = call_id(&leg);
        if let Err(reason) = &clip {
            let treatment = callback::mask::url(&source);
            let reason = reason.clone();
            self.step(&id, Input::TreatmentSkipped { treatment, reason }, round);
        }
        match clip {
            Ok(clip) => self.send(TelephonyCommand::Play {
                call,
                token,
                clip,
                repeat: if forever {
                    Repeat::Forever
                } else {
                    Repeat::Once
                },
            }),
            // A file that cannot be played counts as played with length 0.
            Err(_) if forever => self.send(TelephonyCommand::Stop { call }),
            Err(_) => {
                // Only a customer hears something once.
                let event = LegEvent::Played { token };
                let attempt = leg.attempt;
                self.step(&id, Input::Customer { attempt, event }, round);
            }
        }
    }
}

/// Settings of the detector for tones of a country.
fn detector(d: &DetectionSettings, country: String, wait_for_beep: bool) -> cpd::Settings {
    cpd::Settings {
        profile: match d.profile {
            CpdProfile::Human => cpd::Profile::Human,
            CpdProfile::Balanced => cpd::Profile::Balanced,
            CpdProfile::Machine => cpd::Profile::Machine,
        },
        country,
        silence_ms: d.silence_ms,
        hard_stop_ms: d.hard_stop_ms,
        wait_for_beep,
    }
}

/// The wait of a call that a session has put into a virtual queue.
fn session_waits(callback: &Callback) -> Option<Waiting> {
    let Phase::Plugin {
        wait: Some(wait), ..
    } = &callback.phase
    else {
        return None;
    };
    let s = &callback.settings;
    Some(Waiting {
        callback: callback.id.clone(),
        need: callback::routing::Need::Agent,
        queue: wait.queue.clone(),
        target: wait.target.clone(),
        priority: wait.priority,
        increment: s.priority_increment,
        interval_s: s.priority_increment_interval_s,
        started: callback.started,
        since: wait.since,
    })
}

pub(super) fn call_id(leg: &LegKey) -> CallId {
    CallId::new(Arc::<str>::from(leg.to_string()))
}

pub(super) fn seconds(value: i64) -> Duration {
    Duration::from_secs(u64::try_from(value).unwrap_or(0))
}
