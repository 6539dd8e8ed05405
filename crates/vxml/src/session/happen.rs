//! What happened outside, by what the session waits for.

use serde_json::{Map, Value as Json};

use super::{MESSAGES_MAX, Phase, Session, Then};
use crate::effect::{Effect, Ending, Message};
use crate::limits::KEYS_AHEAD_MAX;
use crate::world::Thrown;

impl Session {
    pub(super) fn hangup(&mut self) {
        if self.hung_up {
            return;
        }
        self.hung_up = true;
        self.queue.clear();
        self.keys.clear();
        match std::mem::replace(&mut self.phase, Phase::Ended) {
            waits @ (Phase::Listen(_) | Phase::Receive { .. }) => {
                self.phase = waits;
                self.stop_outside();
                self.throw(Thrown::plain("connection.disconnect.hangup"));
            }
            Phase::Flush { id, then, .. } => {
                self.effect(Effect::StopPlay(id));
                match *then {
                    Then::End(ending) => self.finish(ending),
                    Then::Release | Then::Record(_) | Then::Transfer(_) | Then::Receive(..) => {
                        self.throw(Thrown::plain("connection.disconnect.hangup"));
                    }
                }
            }
            // What was recorded is kept for the handler: it comes first.
            Phase::Record(recorder) => {
                self.effect(Effect::StopRecord(recorder.id));
                self.hangup_pending = true;
                self.phase = Phase::Record(recorder);
            }
            Phase::Transfer(transferring) => {
                self.effect(Effect::StopTransfer(transferring.id));
                self.throw(Thrown::plain("connection.disconnect.hangup"));
            }
            // Transitioning: it is told when the page waits next.
            other => {
                self.hangup_pending = true;
                self.phase = other;
                if let Some((id, answer)) = self.end_hold() {
                    self.fetched(id, answer);
                }
            }
        }
    }

    pub(super) fn key(&mut self, key: char) {
        if crate::grammar::key_bit(key).is_none() || self.hung_up || !self.hears_keys() {
            return;
        }
        match std::mem::replace(&mut self.phase, Phase::Ended) {
            Phase::Listen(listen) => self.heard(listen, key),
            Phase::Record(recorder) => self.key_while_recording(recorder, key),
            Phase::Flush {
                id,
                barge_in: true,
                rest,
                then,
            } if matches!(*then, Then::Record(_)) => {
                self.effect(Effect::StopPlay(id));
                let rest = rest.into_iter().filter(|group| !group.barge_in);
                self.flush_on(rest.collect(), *then);
            }
            Phase::Transfer(transferring) => self.key_in_transfer(transferring, key),
            Phase::Flush {
                id,
                barge_in,
                rest,
                then,
            } if then.takes_keys() => self.key_before_transfer((id, barge_in), rest, *then, key),
            other => {
                self.phase = other;
                if self.keys.len() < KEYS_AHEAD_MAX {
                    self.keys.push_back(key);
                }
            }
        }
    }

    /// Whether `inputmodes` lets keys count (V2.0 6.3.6).
    fn hears_keys(&mut self) -> bool {
        match self.property("inputmodes") {
            Ok(Some(modes)) => modes.split_whitespace().any(|mode| mode == "dtmf"),
            _ => true,
        }
    }

    /// `<disconnect>`: what is queued is heard, then the call is over for the page, which may
    /// still do something about it (V2.0 5.3.11).
    pub(super) fn disconnect(&mut self, names: Map<String, Json>) {
        if self.hung_up {
            return self.finish(Ending::Disconnect { names });
        }
        self.released = Some(names);
        self.flush(Then::Release);
    }

    pub(super) fn release(&mut self) {
        self.hung_up = true;
        self.queue.clear();
        self.keys.clear();
        self.throw(Thrown::plain("connection.disconnect.hangup"));
    }

    /// How a session ends that released its call: with what `<disconnect>` said, else with what
    /// the page said afterwards.
    pub(super) fn release_with(&mut self, names: Map<String, Json>, ending: Ending) -> Ending {
        match ending {
            Ending::Stopped => Ending::Stopped,
            Ending::Exit { names: later, .. } | Ending::Disconnect { names: later }
                if names.is_empty() =>
            {
                Ending::Disconnect { names: later }
            }
            Ending::Error { event, message } => {
                self.warn(format!("after the end of the call: {event}: {message}"));
                Ending::Disconnect { names }
            }
            _ => Ending::Disconnect { names },
        }
    }

    pub(super) fn time(&mut self) {
        if matches!(self.phase, Phase::Fetch { .. }) {
            return self.time_of_hold();
        }
        match std::mem::replace(&mut self.phase, Phase::Ended) {
            Phase::Listen(listen) => self.time_of_listen(listen),
            Phase::Record(recorder) => self.time_of_record(recorder),
            Phase::Receive { run, deadline } if deadline <= self.now_ms => {
                drop(run);
                let message = "no message came in time";
                self.throw(Thrown::new(
                    "error.com.genesyslab.composer.receiveerror",
                    message,
                ));
            }
            other => self.phase = other,
        }
    }

    pub(super) fn message(&mut self, message: Message) {
        match std::mem::replace(&mut self.phase, Phase::Ended) {
            Phase::Receive { run, .. } => {
                self.phase = Phase::Run(run);
                let done = self.received(message);
                self.caught(done);
            }
            other => {
                self.phase = other;
                if self.messages.len() < MESSAGES_MAX {
                    self.messages.push_back(message);
                }
            }
        }
    }

    pub(super) fn played(&mut self, id: u64) {
        if self.hold_played(id) {
            return;
        }
        match std::mem::replace(&mut self.phase, Phase::Ended) {
            Phase::Listen(listen) if listen.playing() == Some(id) => self.played_group(listen),
            Phase::Flush {
                id: playing,
                rest,
                then,
                ..
            } if playing == id => self.flush_on(rest, *then),
            other => self.phase = other,
        }
    }

    pub(super) fn unplayable(&mut self, id: u64, thrown: Thrown) {
        if self.hold_played(id) {
            return;
        }
        let waits_for_it = match &self.phase {
            Phase::Listen(listen) => listen.playing() == Some(id),
            Phase::Flush { id: playing, .. } => *playing == id,
            _ => false,
        };
        if !waits_for_it {
            return;
        }
        if let Phase::Flush { then, .. } = std::mem::replace(&mut self.phase, Phase::Ended) {
            match *then {
                // The page has ended already; nobody is left to handle an event.
                Then::End(ending) => return self.finish(ending),
                Then::Release => return self.release(),
                _ => {}
            }
        }
        self.throw(thrown);
    }
}
