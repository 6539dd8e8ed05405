//! What comes in: one task drains the stack's queue and hands every request to its owner.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rsipstack::sip::{Header, Method};
use rsipstack::transaction::TransactionReceiver;
use rsipstack::transaction::transaction::Transaction;

use super::checks::{Ongoing, fault};
use super::clock::{bytes, token};
use super::core::{Core, Input, lock};
use super::exchange::Destination;
use super::message::{ALLOW, Reply, value};

/// Takes requests until the stack stops.
pub(super) async fn drain(core: Arc<Core>, mut incoming: TransactionReceiver) {
    while let Some(transaction) = incoming.recv().await {
        Box::pin(take(&core, Box::new(transaction))).await;
    }
}

/// `Retry-After` with a random time.
pub(super) fn retry_after() -> Vec<Header> {
    let [random] = bytes();
    vec![Header::RetryAfter(
        sip::admission::retry_after_s(random).to_string().into(),
    )]
}

async fn take(core: &Arc<Core>, transaction: Box<Transaction>) {
    let headers = &transaction.original.headers;
    let to_tag = sip::header::tag(value(headers, "To")).map(str::to_owned);
    if let Some(tag) = to_tag {
        let inbox = core.dialog_inbox(value(headers, "Call-ID"), &tag);
        match inbox {
            Some(inbox) => {
                // A call that does not read its inbox must not hold up the others.
                if inbox.try_send(Input::Request(transaction)).is_err() {
                    tracing::debug!("a request inside a dialog was dropped: its call is busy");
                }
            }
            None => answer(core, transaction, 481, Vec::new()).await,
        }
        return;
    }
    if transaction.original.method != Method::Invite
        && let Some((status, headers)) = fault(&transaction.original)
    {
        answer(core, transaction, status, headers).await;
        return;
    }
    match transaction.original.method {
        Method::Invite => invite(core, transaction).await,
        Method::Register => {
            if admitted(core, &transaction) {
                let core = Arc::clone(core);
                let task = Arc::clone(&core);
                core.spawn(async move { super::phones::register(&task, transaction).await });
            } else {
                answer(core, transaction, 503, retry_after()).await;
            }
        }
        Method::Options => {
            let headers = vec![
                Header::Allow(ALLOW.into()),
                Header::Accept("application/sdp".into()),
            ];
            answer(core, transaction, 200, headers).await;
        }
        // They make sense inside a dialog or a subscription only.
        Method::Bye
        | Method::Cancel
        | Method::Ack
        | Method::Info
        | Method::Notify
        | Method::PRack
        | Method::Update => {
            answer(core, transaction, 481, Vec::new()).await;
        }
        Method::Message | Method::Publish | Method::Refer | Method::Subscribe => {
            answer(core, transaction, 405, vec![Header::Allow(ALLOW.into())]).await;
        }
    }
}

async fn invite(core: &Arc<Core>, transaction: Box<Transaction>) {
    let Some(reached) = reached(&transaction) else {
        return;
    };
    if !core.knows(reached.address.ip()) {
        let source = reached.address;
        let due = lock(&core.notices).due(source.ip(), core.clock.now_ms());
        if let Some(left_out) = due {
            tracing::warn!(%source, left_out, "a call from an unknown source was refused");
        }
        answer(core, transaction, 403, Vec::new()).await;
        return;
    }
    if core.ending.is_cancelled() || !admitted(core, &transaction) {
        answer(core, transaction, 503, retry_after()).await;
        return;
    }
    let Some(ongoing) = Ongoing::enter(core, &transaction.original) else {
        tracing::info!("a call that came twice was refused");
        answer(core, transaction, 482, Vec::new()).await;
        return;
    };
    let task = Arc::clone(core);
    let invite = super::answering::Invite {
        transaction,
        reached,
        ongoing,
    };
    core.spawn_call(Box::pin(super::answering::run(task, invite)));
}

/// Where a request came from.
pub(super) fn reached(transaction: &Transaction) -> Option<Destination> {
    let connection = transaction.connection.as_ref()?;
    let address = connection.get_remote_addr()?.get_socketaddr().ok()?;
    let tcp = connection.is_reliable();
    Some(Destination {
        address,
        tcp,
        stream: tcp.then(|| connection.clone()),
    })
}

fn admitted(core: &Arc<Core>, transaction: &Transaction) -> bool {
    let source: Option<IpAddr> = reached(transaction).map(|d| d.address.ip());
    let half_open = match transaction.original.method {
        Method::Invite => core.half_open.load(Ordering::Relaxed),
        _ => 0,
    };
    let now_ms = core.clock.now_ms();
    source.is_some_and(
        |source| match lock(&core.admission).admit(source, half_open, now_ms) {
            Ok(()) => true,
            Err(error) => {
                tracing::debug!(%error, "a new dialog was refused");
                false
            }
        },
    )
}

/// Answers a request that belongs to nobody.
async fn answer(
    core: &Arc<Core>,
    transaction: Box<Transaction>,
    status: u16,
    headers: Vec<Header>,
) {
    if transaction.original.method == Method::Invite {
        super::answering::refuse(core, transaction, (status, headers), None).await;
        return;
    }
    let mut transaction = transaction;
    let tag = token(16);
    let reply = Reply {
        local_tag: &tag,
        headers,
        ..Reply::default()
    };
    let response = reply.build(core, &transaction.original, status);
    if let Err(error) = transaction.respond(response).await {
        tracing::debug!(status, %error, "an answer was not sent");
    }
}
