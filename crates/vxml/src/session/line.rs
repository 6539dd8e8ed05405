//! Transfers: the call is passed on.

use std::collections::VecDeque;
use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::prompt::{Group, time_of};
use super::{Phase, Session, Then};
use crate::address;
use crate::effect::{Effect, Ending, TransferOutcome, TransferRequest};
use crate::grammar::Matcher;
use crate::model::{ItemKind, Transfer, TransferKind};
use crate::world::{Thrown, Try};

/// A transfer that goes on.
#[derive(Debug)]
pub(super) struct Transferring {
    pub(super) id: u64,
    /// Grammars that end a bridge.
    watch: Watch,
    ended: bool,
}

/// Waits for keys that a grammar takes, among others that are for somebody else.
#[derive(Debug, Default)]
pub(super) struct Watch {
    matchers: Vec<Matcher>,
    keys: String,
}

impl Watch {
    pub(super) fn new(matchers: Vec<Matcher>) -> Self {
        Self {
            matchers,
            keys: String::new(),
        }
    }

    /// `true` when the keys are what a grammar takes.
    fn press(&mut self, key: char) -> bool {
        if self.matchers.is_empty() {
            return false;
        }
        self.keys.push(key);
        for matcher in &mut self.matchers {
            matcher.press(key);
        }
        let states = || self.matchers.iter().map(Matcher::state);
        if states().any(|state| state.complete) {
            return true;
        }
        if !states().any(|state| state.extendable) {
            // Keys for somebody else: the next ones may be for us.
            self.keys.clear();
            restart(&mut self.matchers);
        }
        false
    }
}

impl Session {
    pub(super) fn check_hangup(&mut self) -> Try<bool> {
        if !self.hung_up {
            return Ok(false);
        }
        if std::mem::take(&mut self.hangup_pending) {
            return Err(Box::new(Thrown::plain("connection.disconnect.hangup")));
        }
        self.phase = Phase::Select;
        self.finish(Ending::Hangup);
        Ok(true)
    }

    /// The prompts are over: the call is passed on.
    pub(super) fn begin_transfer(&mut self, watch: Watch) -> Try<()> {
        if self.check_hangup()? {
            return Ok(());
        }
        let dialog = self.dialog()?;
        let item = self.context().item.and_then(|at| dialog.items.get(at));
        let Some(ItemKind::Transfer(transfer)) = item.map(|item| &item.kind) else {
            return Err(Box::new(Thrown::semantic("there is no transfer here")));
        };
        if !self.start.transfers.contains(&transfer.kind) {
            let kind = match transfer.kind {
                TransferKind::Blind => "blind",
                TransferKind::Bridge => "bridge",
                TransferKind::Consultation => "consultation",
            };
            let message = format!("this line cannot do a {kind} transfer");
            return Err(Box::new(Thrown::new(
                format!("error.unsupported.transfer.{kind}"),
                message,
            )));
        }
        self.transfers += 1;
        if self.transfers > self.start.limits.transfers {
            return Err(Box::new(Thrown::limit("too many transfers")));
        }
        let request = self.transfer_request(transfer)?;
        let id = request.id;
        self.effect(Effect::Transfer(Box::new(request)));
        self.phase = Phase::Transfer(Box::new(Transferring {
            id,
            watch,
            ended: false,
        }));
        Ok(())
    }

    fn transfer_request(&mut self, transfer: &Transfer) -> Try<TransferRequest> {
        let base = self.base();
        let destination = self.world.string(&transfer.dest, base)?.trim().to_owned();
        match address::scheme(&destination) {
            Some("tel" | "sip" | "sips") => {}
            Some(scheme) => {
                let message = format!("a call cannot be passed on to {scheme}:");
                return Err(Box::new(Thrown::new("error.unsupported.uri", message)));
            }
            None => {
                let message = format!("{destination} is no address of a telephone");
                return Err(Box::new(Thrown::new(
                    "error.connection.baddestination",
                    message,
                )));
            }
        }
        let time = |text: &Option<String>| text.as_deref().map(time_of).transpose();
        let aai = match &transfer.aai {
            Some(aai) => Some(self.world.string(aai, base)?),
            None => None,
        };
        let audio = transfer.audio.as_deref();
        let audio = audio.map(|audio| address::resolve(&self.address_base(), audio));
        Ok(TransferRequest {
            id: self.id(),
            destination,
            kind: transfer.kind,
            connect_timeout_ms: time(&transfer.connect_timeout)?,
            max_time_ms: time(&transfer.max_time)?.filter(|ms| *ms > 0),
            audio,
            aai,
        })
    }

    /// Whether the item that is visited is a recording.
    pub(super) fn is_record(&mut self) -> bool {
        let context = self.context();
        let dialog = context.dialog.as_ref().zip(context.item);
        let item = dialog.and_then(|(dialog, at)| dialog.items.get(at));
        item.is_some_and(|item| matches!(item.kind, ItemKind::Record(_)))
    }

    /// Whether the item that is visited is a transfer.
    pub(super) fn is_transfer(&mut self) -> bool {
        let context = self.context();
        let dialog = context.dialog.as_ref().zip(context.item);
        let item = dialog.and_then(|(dialog, at)| dialog.items.get(at));
        item.is_some_and(|item| matches!(item.kind, ItemKind::Transfer(_)))
    }

    pub(super) fn key_in_transfer(&mut self, mut transferring: Box<Transferring>, key: char) {
        if !transferring.ended && transferring.watch.press(key) {
            transferring.ended = true;
            self.effect(Effect::StopTransfer(transferring.id));
        }
        self.phase = Phase::Transfer(transferring);
    }

    /// A key before a transfer begins may call it off (V2.0 2.3.7).
    pub(super) fn key_before_transfer(
        &mut self,
        (id, barge_in): (u64, bool),
        rest: VecDeque<Group>,
        then: Then,
        key: char,
    ) {
        let Then::Transfer(mut watch) = then else {
            return;
        };
        if barge_in && watch.press(key) {
            self.effect(Effect::StopPlay(id));
            let done = self.transfer_ended("near_end_disconnect", 0, Some(&watch));
            self.caught(done);
            return;
        }
        self.phase = Phase::Flush {
            id,
            barge_in,
            rest,
            then: Box::new(Then::Transfer(watch)),
        };
    }

    pub(super) fn transferred(&mut self, id: u64, outcome: TransferOutcome) {
        let transferring = match std::mem::replace(&mut self.phase, Phase::Ended) {
            Phase::Transfer(transferring) if transferring.id == id => transferring,
            other => {
                self.phase = other;
                return;
            }
        };
        let done = match outcome {
            TransferOutcome::Left => {
                self.hung_up = true;
                Err(Box::new(Thrown::plain("connection.disconnect.transfer")))
            }
            TransferOutcome::Failed(kind) => {
                let event = format!("error.connection.{kind}");
                Err(Box::new(Thrown::new(event, "the transfer failed")))
            }
            TransferOutcome::Ended {
                result,
                duration_ms,
            } => {
                let Transferring { watch, ended, .. } = *transferring;
                let keys = ended.then_some(&watch);
                self.transfer_ended(&result, duration_ms, keys)
            }
        };
        self.caught(done);
    }

    /// The page has its caller again; `keys` ended the transfer.
    fn transfer_ended(&mut self, result: &str, duration_ms: u64, keys: Option<&Watch>) -> Try<()> {
        let at = self.context().item.unwrap_or_default();
        #[expect(clippy::cast_precision_loss, reason = "seconds of a call")]
        let seconds = duration_ms as f64 / 1_000.0;
        let (result, shadow) = match keys {
            None => (result, json!({"duration": seconds})),
            Some(watch) => {
                let keys = &watch.keys;
                if let Some(matcher) = watch.matchers.iter().find(|m| m.state().complete) {
                    self.interpret(matcher, keys)?;
                    self.accept(keys, None)?;
                }
                (
                    "near_end_disconnect",
                    json!({"duration": seconds, "inputmode": "dtmf", "utterance": keys}),
                )
            }
        };
        self.fill(at, &Json::from(result), Some(&shadow))?;
        self.context().just_filled = vec![at];
        self.fill_on(0)
    }
}

impl Then {
    /// A key may change what follows.
    pub(super) fn takes_keys(&self) -> bool {
        matches!(self, Self::Transfer(watch) if !watch.matchers.is_empty())
    }
}

fn restart(matchers: &mut [Matcher]) {
    for matcher in matchers {
        *matcher = Matcher::new(&Arc::clone(matcher.linked()));
    }
}
