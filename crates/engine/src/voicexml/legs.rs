//! Destinations of transfers on calls that sessions placed: there is no callback that could hold
//! such a leg, so it is held here.

use std::sync::Arc;
use std::time::Duration;

use callback::lifecycle::CallOut;
use rand::RngExt as _;
use telephony::media::audio::Clip;
use telephony::media::tone;
use telephony::port::CallId;
use tokio::sync::oneshot;
use vxml::TransferOutcome;

use super::cell::{Body, Cell, Input};
use super::transfers::failed;
use super::{OtherSide, VoiceXml, lock};
use crate::shard::{Act, Command, Line, NotPlaced, Order, SessionCommand, Target, post};

/// A destination that is called for a call of a session.
#[derive(Clone, Debug)]
pub(super) struct Leg {
    /// The call that it is called for.
    line: CallId,
    /// The page has let the call go: it goes on there, or ends.
    passing: bool,
}

/// What a caller hears who was sent on.
fn ringing() -> Clip {
    Clip::from_samples(tone::ring(6_000))
}

impl VoiceXml {
    /// Calls the destination of a transfer; `passing` = the page lets its call go at once.
    pub(super) fn call_leg(
        &self,
        cell: &Arc<Cell>,
        body: &mut Body,
        line: &CallId,
        (id, out): (u64, CallOut),
        passing: bool,
    ) {
        let leg = CallId::new(format!("vxml-{:032x}", rand::rng().random::<u128>()));
        let name = leg.as_str().to_owned();
        let known = Leg {
            line: line.clone(),
            passing,
        };
        lock(&self.inner.legs).insert(name.clone(), known);
        if let Some(transfer) = &mut body.transfer {
            transfer.leg = Some(leg.clone());
        }
        let order = Order {
            call: leg,
            target: Target::Destination,
            to: out.destination,
            agent: None,
            from: cell.call.remote.clone(),
            shown: None,
            headers: out
                .aai
                .map(|aai| ("X-Genesys-AAI".to_owned(), aai))
                .into_iter()
                .collect(),
            first: false,
        };
        if let Some(seconds) = out.ring_timeout_s.filter(|_| !passing) {
            let wait = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
            self.later(cell, wait, Input::TransferRing(id));
        }
        if passing {
            let (clip, play) = (ringing(), self.number());
            self.act_and_forget(cell, Act::Loop { clip, play });
        }
        let (reply, placed) = oneshot::channel();
        let order = Box::new(order);
        self.command(SessionCommand::Place { order, reply });
        let (all, cell) = (self.clone(), Arc::clone(cell));
        self.inner
            .supervisor
            .spawn("application transfer", async move {
                let outcome = match placed.await {
                    Ok(Ok(())) if passing => TransferOutcome::Left,
                    Ok(Ok(())) => return,
                    Ok(Err(NotPlaced::Refused("invaliddestination", _))) => {
                        failed("noauthorization")
                    }
                    Ok(Err(NotPlaced::Refused("invalidserver", _))) => failed("noroute"),
                    Ok(Err(_)) | Err(_) => failed("noresource"),
                };
                if outcome != TransferOutcome::Left {
                    lock(&all.inner.legs).remove(&name);
                    all.act_and_forget(&cell, Act::Stop);
                }
                all.tell(&cell, id, outcome);
            });
    }

    fn command(&self, command: SessionCommand) {
        let inner = &self.inner;
        post(
            &inner.commands,
            &inner.supervisor,
            Command::OfSession(command),
        );
    }

    /// What telephony tells about a call; `false` when it is no leg of a transfer.
    pub(crate) fn leg(&self, call: &CallId, what: OtherSide) -> bool {
        let is_over = matches!(what, OtherSide::Over(_));
        let found = {
            let mut legs = lock(&self.inner.legs);
            if is_over {
                legs.remove(call.as_str())
            } else {
                legs.get(call.as_str()).cloned()
            }
        };
        let Some(leg) = found else { return false };
        if !leg.passing {
            self.other_side(leg.line.as_str(), what);
        } else if is_over {
            // Nobody has the caller any more.
            self.hang_up(&leg.line);
        } else {
            lock(&self.inner.legs).remove(call.as_str());
            self.join(&leg.line, call);
        }
        true
    }

    /// A call that a session placed is over: so is where its page sent it on to.
    pub(crate) fn line_over(&self, line: &CallId) {
        self.drop_legs(|leg| leg.line == *line);
    }

    /// The application on a line is over: nobody else has the destination that it called.
    pub(super) fn drop_own_legs(&self, line: &Line) {
        if let Line::Placed(line) = line {
            self.drop_legs(|leg| leg.line == *line && !leg.passing);
        }
    }

    fn drop_legs(&self, is_meant: impl Fn(&Leg) -> bool) {
        let mut gone = Vec::new();
        lock(&self.inner.legs).retain(|name, leg| {
            let meant = is_meant(leg);
            if meant {
                gone.push(CallId::new(name.as_str()));
            }
            !meant
        });
        gone.iter().for_each(|leg| self.hang_up(leg));
    }

    /// The page has its call back; the destination is not needed.
    pub(super) fn drop_leg(&self, cell: &Arc<Cell>, leg: &CallId) {
        lock(&self.inner.legs).remove(leg.as_str());
        self.act_and_forget(cell, Act::Unbridge);
        self.hang_up(leg);
    }

    /// The caller stays with the destination.
    pub(super) fn hand_over(&self, cell: &Arc<Cell>, leg: &CallId) {
        lock(&self.inner.legs).remove(leg.as_str());
        if let Line::Placed(line) = &cell.call.line {
            self.join(line, leg);
        }
    }

    fn join(&self, a: &CallId, b: &CallId) {
        let (a, b) = (a.clone(), b.clone());
        self.command(SessionCommand::HandOver { a, b });
    }

    fn hang_up(&self, call: &CallId) {
        // A call that is gone needs nothing more.
        let (reply, _gone) = oneshot::channel();
        self.command(SessionCommand::Control {
            call: call.clone(),
            act: Act::HangUp,
            reply,
        });
    }
}
