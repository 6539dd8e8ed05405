//! What goes to telephony: in order, bounded, sent again when there was no room.
//!
//! While much waits, nobody is dialed and no agent's phone is rung, so the calls that are up bound
//! what can still arise. What a call can do without is left out beyond the bound; what starts,
//! joins or ends a call never is.

use callback::LegKey;
use callback::lifecycle::{Input, LegEvent};
use telephony::port::{Command as TelephonyCommand, EventKind, Refused, Repeat};

use super::{PLUGIN_PLAYS, Shard};
use crate::limits;

impl Shard {
    /// Gives a command to telephony; what finds no room is sent again soon.
    pub(super) fn send(&mut self, command: TelephonyCommand) {
        if !self.unsent.is_empty() {
            return self.keep(command);
        }
        match self.parts.telephony.send(command.clone()) {
            Ok(()) => {}
            Err(Refused::Overloaded) => self.keep(command),
            Err(Refused::Stopped) => tracing::warn!("telephony has stopped, a command is dropped"),
        }
    }

    /// Telephony lags behind so much that no new calls are begun.
    pub(super) fn is_congested(&self) -> bool {
        self.unsent.len() >= limits::UNSENT_PAUSE
    }

    /// Sends what telephony had no room for.
    pub(super) fn resend(&mut self) {
        let was_congested = self.is_congested();
        while let Some(command) = self.unsent.pop_front() {
            if let Err(Refused::Overloaded) = self.parts.telephony.send(command.clone()) {
                self.unsent.push_front(command);
                break;
            }
        }
        if was_congested && !self.is_congested() {
            tracing::info!("telephony has caught up, calls are begun again");
            self.router_changed = true;
        }
    }

    fn keep(&mut self, command: TelephonyCommand) {
        if self.unsent.len() >= limits::UNSENT_MAX && !is_needed(&command) {
            return self.leave_out(command);
        }
        self.unsent.push_back(command);
        if self.unsent.len() == limits::UNSENT_PAUSE {
            tracing::warn!(
                commands = self.unsent.len(),
                "telephony lags behind: no calls are begun until it has caught up"
            );
        }
    }

    /// What is left out counts as done: a callback must not wait for a treatment for ever.
    fn leave_out(&mut self, command: TelephonyCommand) {
        tracing::debug!("telephony has no room, a command is left out");
        let TelephonyCommand::Play {
            call,
            token,
            repeat: Repeat::Once | Repeat::UntilDigit,
            ..
        } = command
        else {
            return;
        };
        let Some(leg) = LegKey::parse(call.as_str()) else {
            return self.placed_played(&call, token);
        };
        if token >= PLUGIN_PLAYS {
            let finished = true;
            self.signal_session(&leg, &EventKind::Played { token, finished });
        } else {
            let input = Input::Customer {
                attempt: leg.attempt,
                event: LegEvent::Played { token },
            };
            self.arisen.push_back((leg.callback, input));
        }
    }
}

/// Whether a call, or a page that waits for what was recorded, would hang without it.
const fn is_needed(command: &TelephonyCommand) -> bool {
    match command {
        TelephonyCommand::Originate(_)
        | TelephonyCommand::Answer { .. }
        | TelephonyCommand::Bridge { .. }
        | TelephonyCommand::Unbridge { .. }
        | TelephonyCommand::Refer { .. }
        | TelephonyCommand::HangUp { .. }
        | TelephonyCommand::Record { .. }
        | TelephonyCommand::StopRecord { .. }
        | TelephonyCommand::EndLeftover { .. }
        | TelephonyCommand::Register(_) => true,
        // A caller whose call is not answered gives up; the rest is for the ear.
        TelephonyCommand::Reject { .. }
        | TelephonyCommand::Ring { .. }
        | TelephonyCommand::Progress { .. }
        | TelephonyCommand::Play { .. }
        | TelephonyCommand::Detect { .. }
        | TelephonyCommand::Stop { .. }
        | TelephonyCommand::SendDigits { .. } => false,
    }
}
