//! An outgoing call: one try after the other until somebody is there.

use std::sync::Arc;

use sip::result::{Asked, Final, NO_TRUNK, Outcome, map};
use sip::sdp::Session;
use tokio::sync::mpsc;

use super::attempt::{Attempt, Finished};
use super::core::{Core, Input, Leg};
use super::established::Call;
use super::message::{cseq, value};
use super::plan::{Impossible, plan};
use super::tries::{Tries, Way};
use crate::port::{DialogRecord, Ended, EndedBy, EventKind, HangUpCause, Originate};

/// Runs a call to its end: over one trunk after the other until somebody is there.
pub(super) async fn run(
    core: Arc<Core>,
    originate: Box<Originate>,
    leg: Leg,
    inbox: mpsc::Receiver<Input>,
) {
    let id = leg.call.clone();
    let mut call = Call::outgoing(&core, leg, inbox, originate.detection.clone());
    let mut tries = Tries::of(&originate.destination);
    let mut order = Order { number: 0, cseq: 1 };
    let mut last = None;
    let ended = loop {
        let way = match tries.next(&core, &id).await {
            Ok(way) => way,
            Err(reason) => break last.unwrap_or_else(|| impossible(reason)),
        };
        if let Some(cause) = call.take_hang_up() {
            let (_, outcome) = asked_for(cause);
            break impossible((outcome, 0));
        }
        order.number += 1;
        if let (Way::Trunk(way), 2..) = (&way, order.number) {
            call.emit(EventKind::Rerouted(way.clone())).await;
        }
        let mut attempt = match prepare(call, &originate, way, order).await {
            Ok(attempt) => attempt,
            Err((back, reason)) => {
                call = *back;
                Tries::leave(&core, &id);
                if reason.0.try_next_trunk && !tries.is_over() {
                    last = Some(impossible(reason));
                    continue;
                }
                break impossible(reason);
            }
        };
        attempt.may_move = !tries.is_over();
        match Box::pin(attempt.run()).await {
            Finished::Over(ended) => {
                core.emit(&id, EventKind::Ended(ended)).await;
                return;
            }
            Finished::Open(ended, attempt) => {
                Tries::leave(&core, &id);
                core.emit(&id, EventKind::Ended(ended)).await;
                Box::pin(attempt.look_after()).await;
                return;
            }
            Finished::Next(ended, attempt) => {
                Tries::leave(&core, &id);
                order.cseq = cseq(&attempt.invite.headers) + 1;
                last = Some(ended);
                call = attempt.call;
            }
        }
    };
    drop(call);
    core.emit(&id, EventKind::Ended(ended)).await;
}

fn impossible((outcome, status): (Outcome, u16)) -> Ended {
    Ended {
        by: EndedBy::Local,
        answered: false,
        call_state: outcome.call_state,
        detail: outcome.detail,
        status,
        q850: None,
        reason: None,
        trunk: None,
    }
}

/// What a wish to hang up means before the answer.
pub(super) fn asked_for(cause: HangUpCause) -> (Asked, Outcome) {
    let asked = match cause {
        HangUpCause::GivenUp => Asked::GivenUp,
        HangUpCause::Normal | HangUpCause::NotNeeded => Asked::NotNeeded,
    };
    (asked, map(Final::Silence, None, asked))
}

/// Which try this is, and the number its INVITE begins with: every INVITE of a call has its own.
#[derive(Clone, Copy, Debug)]
struct Order {
    number: u32,
    cseq: u32,
}

/// Makes everything that a try needs; gives the call back when it cannot be made.
async fn prepare(
    mut call: Call,
    originate: &Originate,
    way: Way,
    order: Order,
) -> Result<Box<Attempt>, (Box<Call>, Impossible)> {
    let core = Arc::clone(&call.core);
    let plan = match plan(&core, originate, &way).await {
        Ok(plan) => plan,
        Err(reason) => return Err((Box::new(call), reason)),
    };
    if order.number > 1 {
        // What the network behind the last trunk played must not be heard in the next try.
        core.media.close(call.id());
    }
    let media = match core.media.open(call.id()) {
        Ok(media) => media,
        Err(error) => {
            tracing::warn!(call.id = %call.id(), ?error, "no media port for a call");
            return Err((Box::new(call), (NO_TRUNK, 0)));
        }
    };
    let id = u64::from_be_bytes(super::clock::bytes());
    call.session = Session::new(media, id).with_codecs(&plan.codecs);
    if plan.keys_as_tones {
        call.session = call.session.clone().without_events();
    }
    let offer = call.session.offer();
    let call_id = match order.number {
        1 => call.id().to_string(),
        number => format!("{}.t{number}", call.id()),
    };
    let Some(invite) = plan.invite(&core, originate, (&call_id, order.cseq), offer) else {
        let outcome = map(Final::Status(400), None, Asked::Nothing);
        return Err((Box::new(call), (outcome, 0)));
    };
    call.leg.enter_dialog(&call_id, &plan.local_tag);
    call.local_tag.clone_from(&plan.local_tag);
    call.credentials.clone_from(&plan.credentials);
    call.contact.clone_from(&plan.contact);
    let record = DialogRecord {
        call_id,
        from: plan.from.clone(),
        to: plan.to.clone(),
        request_uri: plan.request_uri.clone(),
        remote_target: None,
        route_set: plan.routes.clone(),
        cseq: order.cseq,
        via: value(&invite.headers, "Via").to_owned(),
        destination: plan.destination.text(),
        confirmed: false,
    };
    Ok(Box::new(Attempt {
        call,
        trunk: match way {
            Way::Trunk(way) => Some(way.trunk),
            Way::Extension(_) => None,
        },
        may_move: false,
        plan,
        invite,
        record,
        ring_timeout: originate.ring_timeout,
        early: None,
        rang: false,
        provisional: false,
        asked: Asked::Nothing,
        cancelled: false,
        challenges: 0,
        lengthened: false,
        reason: None,
    }))
}
