//! Ending a call that a crash left over, from its stored identifiers alone.
//!
//! While the call was not confirmed: CANCEL. The old INVITE transaction is made again without
//! sending anything, so that answers which are still under way are acknowledged; a late 200 is
//! ended with BYE. When the peer gave a tag but the INVITE stays silent, the call may have been
//! answered just before the crash: BYE as well.

use std::sync::Arc;
use std::time::Duration;

use rsipstack::sip::{Header, Method, Request, SipMessage};
use rsipstack::transaction::TransactionState;
use rsipstack::transaction::transaction::Transaction;
use sip::result::{reason_of_q850, state};
use tokio::sync::mpsc;

use super::core::Core;
use super::dialog::Dialog;
use super::exchange::{Credentials, Destination, cancel_of};
use super::message::{Parts, uri};
use crate::port::{CallId, DialogRecord, Ended, EndedBy, EventKind};

/// Ends the call of a record and reports when that is done.
pub(super) async fn run(core: Arc<Core>, call: CallId, record: Box<DialogRecord>) {
    let answered = record.confirmed;
    Box::pin(end(&core, record)).await;
    let ended = Ended {
        by: EndedBy::Local,
        answered,
        call_state: state::DROPPED,
        detail: "given_up",
        status: 0,
        q850: None,
        reason: None,
        trunk: None,
    };
    core.emit(&call, EventKind::Ended(ended)).await;
}

async fn end(core: &Arc<Core>, record: Box<DialogRecord>) {
    let Some(destination) = Destination::parse(&record.destination) else {
        tracing::warn!(call.id = %record.call_id, "a left-over call has no usable address");
        return;
    };
    if record.confirmed {
        Box::pin(bye(core, &record, &destination)).await;
        return;
    }
    let Some(invite) = invite(core, &record) else {
        tracing::warn!(call.id = %record.call_id, "a left-over call cannot be read");
        return;
    };
    let Some(mut transaction) = core.open(invite.clone(), &destination).await else {
        return;
    };
    // As if the INVITE had been sent just now; the stack then takes its answers.
    transaction.state = TransactionState::Proceeding;
    let (codes, mut answers) = mpsc::channel(16);
    let watcher = Arc::clone(core);
    let reached = destination.clone();
    let original = invite.clone();
    core.spawn_call(async move {
        Box::pin(watch(&watcher, transaction, &original, &reached, codes)).await;
    });
    let cancel = cancel_of(&invite, Some(reason_of_q850(16)));
    core.exchange(cancel, &destination).await;
    if final_answer(&mut answers, core.settings.timers.t1 * 4).await {
        // The watcher lets go of its end when a late 200 was ended with BYE.
        while answers.recv().await.is_some() {}
        return;
    }
    if sip::header::tag(&record.to).is_some() {
        Box::pin(bye(core, &record, &destination)).await;
    }
}

/// Waits for a final answer of the INVITE.
async fn final_answer(answers: &mut mpsc::Receiver<u16>, patience: Duration) -> bool {
    tokio::time::timeout(patience, async {
        while let Some(code) = answers.recv().await {
            if code >= 200 {
                return true;
            }
        }
        false
    })
    .await
    .unwrap_or(false)
}

/// Takes what still comes for the old INVITE; the stack acknowledges it.
async fn watch(
    core: &Core,
    mut transaction: Box<Transaction>,
    invite: &Request,
    destination: &Destination,
    codes: mpsc::Sender<u16>,
) {
    let patience = core.settings.timers.t1 * 64;
    tokio::time::timeout(patience, async {
        while let Some(message) = transaction.receive().await {
            let SipMessage::Response(response) = message else {
                continue;
            };
            let code = response.status_code.code();
            codes.try_send(code).ok();
            if (200..300).contains(&code) {
                let dialog = Dialog::of_answer(invite, &response, destination.clone());
                dialog.bye(core, Some(reason_of_q850(16)), None).await;
            }
            if code >= 200 {
                return;
            }
        }
    })
    .await
    .ok();
}

/// The old INVITE without its body.
fn invite(core: &Core, record: &DialogRecord) -> Option<Request> {
    // The To of the INVITE had no tag; a stored one came with an answer.
    let to = record.to.split(";tag=").next().unwrap_or_default();
    // Before a tag the stored route is the INVITE's own, later the dialog's.
    let early = sip::header::tag(&record.to).is_none();
    let parts = Parts {
        method: Method::Invite,
        uri: uri(&record.request_uri)?,
        via: record.via.clone(),
        from: &record.from,
        to,
        call_id: &record.call_id,
        cseq: record.cseq,
        routes: if early { &record.route_set } else { &[] },
    };
    let mut request = parts.build(core);
    request
        .headers
        .retain(|header| !matches!(header, Header::ContentType(_)));
    Some(request)
}

async fn bye(core: &Core, record: &DialogRecord, destination: &Destination) {
    let dialog = Dialog {
        call_id: record.call_id.clone(),
        local: record.from.clone(),
        remote: record.to.clone(),
        target: record
            .remote_target
            .clone()
            .unwrap_or_else(|| record.request_uri.clone()),
        routes: record.route_set.clone(),
        cseq: record.cseq,
        remote_cseq: None,
        reached: destination.clone(),
    };
    let credentials = credentials(core, record);
    dialog
        .bye(core, Some(reason_of_q850(16)), credentials)
        .await;
}

/// The credentials of the trunk that the call went over.
fn credentials(core: &Core, record: &DialogRecord) -> Option<Credentials> {
    let (_, place) = record.request_uri.rsplit_once('@')?;
    core.settings
        .trunks
        .iter()
        .filter(|trunk| !trunk.username.is_empty())
        .find(|trunk| {
            let own = format!("{}:{}", trunk.host, trunk.port);
            place
                .split(';')
                .next()
                .is_some_and(|place| place.eq_ignore_ascii_case(&own))
        })
        .map(|trunk| Credentials {
            username: trunk.username.clone(),
            password: trunk.password.clone(),
        })
}
