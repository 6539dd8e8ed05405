//! Transfers: the customer is passed on, or talks to another destination for a while (vxml.md
//! §5.2). The callback holds the legs; this decides what becomes of them.

use std::sync::Arc;
use std::time::Duration;

use callback::lifecycle::CallOut;
use callback::number;
use telephony::media::audio::Clip;
use telephony::port::{CallId, Ended, EndedBy};
use vxml::{TransferKind, TransferOutcome, TransferRequest};

use super::cell::{Body, Cell, Input};
use super::perform::handle;
use super::{OtherSide, VoiceXml};
use crate::limits;
use crate::shard::{Act, Line};

/// A destination that the application called.
#[derive(Clone, Debug)]
pub(super) struct Transferring {
    /// The application's number.
    id: u64,
    kind: TransferKind,
    max_time_ms: Option<u64>,
    /// It answered then.
    since_ms: Option<i64>,
    /// The leg, when a session placed the call; that of a callback is the callback's.
    pub(super) leg: Option<CallId>,
}

impl Transferring {
    fn ended(&self, result: &str, now_ms: i64) -> TransferOutcome {
        let talked = self.since_ms.map_or(0, |since| now_ms - since);
        TransferOutcome::Ended {
            result: result.to_owned(),
            duration_ms: u64::try_from(talked).unwrap_or(0),
        }
    }
}

impl VoiceXml {
    /// Begins a transfer.
    pub(super) fn transfer(&self, cell: &Arc<Cell>, body: &mut Body, request: TransferRequest) {
        let destination = dialed(&request.destination);
        let id = request.id;
        if number::clean(&destination).is_none() {
            return self.tell(cell, id, failed("baddestination"));
        }
        let is_blind = request.kind == TransferKind::Blind;
        if let (true, Line::Placed(line)) = (is_blind, &cell.call.line) {
            let out = CallOut {
                destination,
                kind: "blind",
                ring_timeout_s: None,
                aai: request.aai,
            };
            return self.call_leg(cell, body, line, (id, out), true);
        }
        let act = if is_blind {
            Act::Redirect {
                destination,
                aai: request.aai,
            }
        } else {
            body.transfer = Some(Transferring {
                id,
                kind: request.kind,
                max_time_ms: request.max_time_ms,
                since_ms: None,
                leg: None,
            });
            if let Some(audio) = request.audio {
                self.find_transfer_audio(cell, id, audio);
            }
            let is_bridge = request.kind == TransferKind::Bridge;
            let out = CallOut {
                destination,
                kind: if is_bridge { "bridge" } else { "consultation" },
                ring_timeout_s: request.connect_timeout_ms.map(ring_seconds),
                aai: request.aai,
            };
            if let Line::Placed(line) = &cell.call.line {
                return self.call_leg(cell, body, line, (id, out), false);
            }
            Act::CallOut(Box::new(out))
        };
        let leaves = matches!(act, Act::Redirect { .. });
        let begun = self.control(cell, act);
        let (all, cell) = (self.clone(), Arc::clone(cell));
        self.inner
            .supervisor
            .spawn("application transfer", async move {
                match begun.await {
                    Ok(()) if leaves => all.tell(&cell, id, TransferOutcome::Left),
                    Ok(()) => {}
                    Err("invaliddestination") => all.tell(&cell, id, failed("noauthorization")),
                    Err(_) => all.tell(&cell, id, failed("noresource")),
                }
            });
    }

    pub(super) fn tell(&self, cell: &Arc<Cell>, id: u64, outcome: TransferOutcome) {
        let input = vxml::Input::Transferred { id, outcome };
        self.push(cell, Input::Handle(Box::new(input)));
    }

    /// The customer hears it until the destination answers; without it there is silence.
    fn find_transfer_audio(&self, cell: &Arc<Cell>, id: u64, url: String) {
        let (all, cell) = (self.clone(), Arc::clone(cell));
        self.inner
            .supervisor
            .spawn("application prompts", async move {
                let asks = cell.call.asks();
                if let Some(clip) = all.inner.prompts.audio(&url, &asks).await {
                    all.push(&cell, Input::TransferAudio(id, clip));
                }
            });
    }

    pub(super) fn transfer_audio(&self, cell: &Arc<Cell>, body: &Body, id: u64, clip: Clip) {
        let waits = |transfer: &Transferring| transfer.id == id && transfer.since_ms.is_none();
        if body.transfer.as_ref().is_some_and(waits) && !clip.samples().is_empty() {
            let play = self.number();
            self.act_and_forget(cell, Act::Loop { clip, play });
        }
    }

    /// Something happened to the destination.
    pub(super) fn other(&self, cell: &Arc<Cell>, body: &mut Body, what: &OtherSide, now_ms: i64) {
        let Some(transfer) = &mut body.transfer else {
            return;
        };
        match what {
            OtherSide::Answered if transfer.since_ms.is_some() => {}
            OtherSide::Answered if transfer.kind == TransferKind::Consultation => {
                let (id, leg) = (transfer.id, transfer.leg.take());
                body.transfer = None;
                match leg {
                    Some(leg) => {
                        self.hand_over(cell, &leg);
                        self.tell(cell, id, TransferOutcome::Left);
                    }
                    None => self.pass_on(cell, id),
                }
            }
            OtherSide::Answered => {
                transfer.since_ms = Some(now_ms);
                if let Some(ms) = transfer.max_time_ms {
                    let limit = Input::TransferTime(transfer.id);
                    self.later(cell, Duration::from_millis(ms), limit);
                }
                let act = match transfer.leg.clone() {
                    Some(other) => Act::Bridge { other },
                    None => Act::Join,
                };
                self.act_and_forget(cell, act);
            }
            OtherSide::Over(ended) => {
                let outcome = match transfer.since_ms {
                    Some(_) if ended.by == EndedBy::Remote && !is_of_network(ended) => {
                        transfer.ended("far_end_disconnect", now_ms)
                    }
                    Some(_) => transfer.ended("network_disconnect", now_ms),
                    None => not_reached(ended),
                };
                let id = transfer.id;
                let parts = transfer.leg.is_some() && transfer.since_ms.is_some();
                body.transfer = None;
                if parts {
                    self.act_and_forget(cell, Act::Unbridge);
                }
                self.act_and_forget(cell, Act::Stop);
                handle(body, vxml::Input::Transferred { id, outcome }, now_ms);
            }
        }
    }

    /// The customer stays with the destination, the application has its end.
    fn pass_on(&self, cell: &Arc<Cell>, id: u64) {
        let passed = self.control(cell, Act::PassOn);
        let (all, cell) = (self.clone(), Arc::clone(cell));
        self.inner
            .supervisor
            .spawn("application transfer", async move {
                let outcome = match passed.await {
                    Ok(()) => TransferOutcome::Left,
                    Err(_) => failed("noresource"),
                };
                all.tell(&cell, id, outcome);
            });
    }

    /// An input some time from now.
    pub(super) fn later(&self, cell: &Arc<Cell>, wait: Duration, input: Input) {
        let (all, cell) = (self.clone(), Arc::downgrade(cell));
        self.inner
            .supervisor
            .spawn("application timer", async move {
                tokio::time::sleep(wait).await;
                if let Some(cell) = cell.upgrade() {
                    all.push(&cell, input);
                }
            });
    }

    /// The destination has rung long enough.
    pub(super) fn ring_out(&self, cell: &Arc<Cell>, body: &mut Body, id: u64, now_ms: i64) {
        let rings = body.transfer.as_ref().is_some_and(|t| t.since_ms.is_none());
        if rings {
            self.leave_transfer(cell, body, id, "noanswer", now_ms);
        }
    }

    /// Ends a transfer from our side: the page has its customer again.
    pub(super) fn leave_transfer(
        &self,
        cell: &Arc<Cell>,
        body: &mut Body,
        id: u64,
        result: &str,
        now_ms: i64,
    ) {
        if let Some(transfer) = body.transfer.take_if(|transfer| transfer.id == id) {
            match &transfer.leg {
                Some(leg) => self.drop_leg(cell, leg),
                None => self.act_and_forget(cell, Act::LetGo),
            }
            self.act_and_forget(cell, Act::Stop);
            let outcome = transfer.ended(result, now_ms);
            handle(body, vxml::Input::Transferred { id, outcome }, now_ms);
        }
    }
}

/// Whether the network ended a call that was answered, as it says itself (Q.850).
fn is_of_network(ended: &Ended) -> bool {
    matches!(ended.q850, Some(27 | 34 | 38 | 41 | 42 | 44 | 47))
}

pub(super) fn failed(kind: &str) -> TransferOutcome {
    TransferOutcome::Failed(kind.to_owned())
}

fn ring_seconds(ms: u64) -> i64 {
    let seconds = ms.div_ceil(1_000).max(1);
    i64::try_from(seconds)
        .unwrap_or(i64::MAX)
        .min(limits::TRANSFER_RING_MAX_S)
}

/// What a page learns about a destination that never answered (V2.0 2.3.7.3, telephony §5.1).
fn not_reached(ended: &Ended) -> TransferOutcome {
    let result = |result: &str| TransferOutcome::Ended {
        result: result.to_owned(),
        duration_ms: 0,
    };
    match (ended.detail, ended.status) {
        ("busy" | "rejected" | "unwanted" | "blocked", _) => result("busy"),
        ("no_answer" | "absent", _) => result("noanswer"),
        ("unallocated" | "changed" | "incomplete", _) => failed("baddestination"),
        // Our own limits, no trunk that is up.
        ("congestion", 0) => failed("noresource"),
        ("congestion", _) => result("network_busy"),
        ("network" | "not_registered", 0) => failed("noroute"),
        ("network" | "configuration" | "redirect", status) if status > 0 => {
            failed(&format!("protocol.{status}"))
        }
        _ => result("unknown"),
    }
}

/// What is dialed for the address of a transfer: the number of `tel:`, the user of `sip:`.
fn dialed(address: &str) -> String {
    let rest = address.split_once(':').map_or(address, |(_, rest)| rest);
    rest.split([';', '@', '?'])
        .next()
        .unwrap_or_default()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transfer_dials_the_number_or_the_user() {
        assert_eq!(dialed("tel:+4930123;ext=5"), "+4930123");
        assert_eq!(dialed("sip:5100@north.example.net;user=phone"), "5100");
        assert_eq!(dialed("sips:5100"), "5100");
    }

    #[test]
    fn a_page_learns_why_nobody_answered() {
        let told = |detail: &'static str, status: u16| {
            let ended = Ended {
                by: EndedBy::Remote,
                answered: false,
                call_state: 0,
                detail,
                status,
                q850: None,
                reason: None,
                trunk: None,
            };
            match not_reached(&ended) {
                TransferOutcome::Ended { result, .. } => result,
                TransferOutcome::Failed(kind) => format!("error.connection.{kind}"),
                TransferOutcome::Left => "left".to_owned(),
            }
        };
        for (detail, status, expected) in [
            ("busy", 486, "busy"),
            ("rejected", 603, "busy"),
            ("no_answer", 487, "noanswer"),
            ("absent", 480, "noanswer"),
            ("unallocated", 404, "error.connection.baddestination"),
            ("congestion", 503, "network_busy"),
            ("congestion", 0, "error.connection.noresource"),
            ("network", 502, "error.connection.protocol.502"),
            ("network", 0, "error.connection.noroute"),
            ("configuration", 488, "error.connection.protocol.488"),
            ("dropped", 487, "unknown"),
        ] {
            assert_eq!(told(detail, status), expected, "{detail} {status}");
        }
    }
}
