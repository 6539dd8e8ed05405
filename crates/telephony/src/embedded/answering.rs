//! An incoming call from its INVITE to our final answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rsipstack::sip::{Header, Method, Request, SipMessage};
use rsipstack::transaction::transaction::{Transaction, TransactionEvent, TransactionEventSender};
use sip::result::{Asked, Final, map, reason_of_q850};
use sip::sdp::{Remote, Session};
use tokio::sync::mpsc;

use super::checks::{Ongoing, fault};
use super::clock::token;
use super::core::{Core, Input};
use super::dialog::Dialog;
use super::established::{After, Call};
use super::exchange::Destination;
use super::message::{Reply, cseq, extra_headers, sdp, value};
use super::session::SessionTimer;
use crate::port::{CallId, Ended, EndedBy, EventKind, HangUpCause};

/// Counts an INVITE as half open until it is answered for good.
struct HalfOpen(Arc<Core>);

impl HalfOpen {
    fn new(core: &Arc<Core>) -> Self {
        core.half_open.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(core))
    }
}

impl Drop for HalfOpen {
    fn drop(&mut self) {
        let half_open: &AtomicU32 = &self.0.half_open;
        half_open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// An INVITE that was admitted.
pub(super) struct Invite {
    pub(super) transaction: Box<Transaction>,
    pub(super) reached: Destination,
    /// Kept until its transaction is over.
    pub(super) ongoing: Ongoing,
}

/// Takes an INVITE that was admitted.
pub(super) async fn run(core: Arc<Core>, invite: Invite) {
    let Invite {
        mut transaction,
        reached,
        ongoing,
    } = invite;
    let half_open = HalfOpen::new(&core);
    let request = transaction.original.clone();
    if let Some(fault) = fault(&request) {
        refuse(&core, transaction, fault, Some(ongoing)).await;
        return;
    }
    let id = CallId::new(format!("in-{}", token(20)));
    let Some((mut leg, inbox)) = core.enter(&id) else {
        return;
    };
    let Ok(media) = core.media.open(&id) else {
        let fault = (503, super::incoming::retry_after());
        refuse(&core, transaction, fault, Some(ongoing)).await;
        return;
    };
    let mut session = Session::new(media, u64::from_be_bytes(super::clock::bytes()));
    let agreed = match sdp(&request.headers, &request.body) {
        Some(offer) => session
            .answer(offer)
            .map(|(body, remote)| (body, Some(remote))),
        None => Ok((session.offer(), None)),
    };
    let Ok((body, remote)) = agreed else {
        refuse(&core, transaction, (488, Vec::new()), Some(ongoing)).await;
        return;
    };
    let local_tag = token(16);
    leg.enter_dialog(value(&request.headers, "Call-ID"), &local_tag);
    let contact = core.contact(&called(&request), reached.tcp);
    let dialog = Dialog::of_request(&request, &local_tag, reached);
    let sender = leg.sender();
    let answers = transaction.tu_sender.clone();
    if transaction.send_trying().await.is_err() {
        return;
    }
    core.spawn(async move {
        Box::pin(pump(transaction, sender, ongoing)).await;
    });
    let call = Call {
        core: Arc::clone(&core),
        leg,
        inbox,
        session,
        detection: None,
        decided: false,
        local_tag,
        credentials: None,
        contact,
        abandoned: Vec::new(),
        timer: SessionTimer::default(),
        referring: false,
    };
    let incoming = Incoming {
        call,
        request,
        answers,
        body,
        remote,
        early: false,
    };
    let ended = Box::pin(incoming.run(dialog, half_open)).await;
    core.emit(&id, EventKind::Ended(ended)).await;
}

/// User part of the Request-URI.
fn called(request: &Request) -> String {
    sip::header::user(&request.uri.to_string())
}

/// Refuses an INVITE that never becomes a call and waits for its ACK.
pub(super) async fn refuse(
    core: &Arc<Core>,
    mut transaction: Box<Transaction>,
    (status, headers): (u16, Vec<Header>),
    ongoing: Option<Ongoing>,
) {
    let tag = token(16);
    let reply = Reply {
        local_tag: &tag,
        headers,
        ..Reply::default()
    };
    let response = reply.build(core, &transaction.original, status);
    if transaction.respond(response).await.is_ok() {
        core.spawn(async move {
            let mut ongoing = ongoing;
            while let Some(message) = transaction.receive().await {
                // Acknowledged: the same call may be tried once more.
                if matches!(&message, SipMessage::Request(r) if r.method == Method::Ack) {
                    drop(ongoing.take());
                }
            }
        });
    }
}

/// Lets the stack repeat our answers and passes on what the caller sends to the INVITE.
async fn pump(mut transaction: Box<Transaction>, inbox: mpsc::Sender<Input>, ongoing: Ongoing) {
    let mut ongoing = Some(ongoing);
    let number = cseq(&transaction.original.headers);
    while let Some(message) = transaction.receive().await {
        let SipMessage::Request(request) = message else {
            continue;
        };
        let input = match request.method {
            Method::Cancel => Input::Cancelled,
            Method::Ack => {
                drop(ongoing.take());
                Input::Ack(Box::new(request))
            }
            _ => continue,
        };
        inbox.send(input).await.ok();
    }
    inbox.send(Input::Over(number)).await.ok();
}

struct Incoming {
    call: Call,
    request: Request,
    /// Answers go through the transaction's own queue.
    answers: TransactionEventSender,
    /// Our session description: the answer, or an offer when the caller sent none.
    body: String,
    /// What was agreed, when the caller made the offer.
    remote: Option<Remote>,
    /// Early media runs.
    early: bool,
}

impl Incoming {
    async fn run(mut self, mut dialog: Dialog, half_open: HalfOpen) -> Ended {
        let kind = EventKind::Incoming {
            called: called(&self.request),
            calling: caller(&self.request),
            headers: extra_headers(&self.request.headers),
        };
        self.call.emit(kind).await;
        let ending = self.call.core.ending.clone();
        loop {
            let input = tokio::select! {
                input = self.call.inbox.recv() => input,
                () = ending.cancelled() => Some(Input::Reject(503, None)),
            };
            match input {
                Some(Input::Ring) => self.answer(180, None, Vec::new()),
                Some(Input::Progress) => self.progress(),
                Some(Input::Answer) => break,
                Some(Input::Reject(status, q850)) => return self.reject(status, q850),
                None | Some(Input::HangUp(_)) => return self.reject(480, Some(16)),
                Some(Input::Cancelled) => {
                    self.answer(487, None, Vec::new());
                    return over(EndedBy::Remote, 487, None);
                }
                // The transaction ended without an answer of ours: the stack has given it up.
                Some(Input::Over(_)) => return over(EndedBy::Remote, 408, None),
                Some(Input::Media(event)) => self.call.on_media(event).await,
                Some(Input::Request(transaction)) => {
                    if let After::Over(_) = self.call.on_request(&mut dialog, transaction).await {
                        self.answer(487, None, Vec::new());
                        return over(EndedBy::Remote, 487, None);
                    }
                }
                Some(_) => {}
            }
        }
        drop(half_open);
        self.accept(dialog).await
    }

    /// 183 with our answer; without an offer of the caller it can only ring.
    fn progress(&mut self) {
        let Some(remote) = self.remote else {
            self.answer(180, None, Vec::new());
            return;
        };
        self.answer(183, Some(self.body.clone()), Vec::new());
        if !std::mem::replace(&mut self.early, true) {
            self.call.connect(&remote);
        }
    }

    fn reject(&self, status: u16, q850: Option<u8>) -> Ended {
        let status = if (300..700).contains(&status) {
            status
        } else {
            480
        };
        let reason = q850.map(|cause| Header::Reason(reason_of_q850(cause).into()));
        let mut headers: Vec<Header> = reason.into_iter().collect();
        if status == 503 {
            headers.extend(super::incoming::retry_after());
        }
        self.answer(status, None, headers);
        over(EndedBy::Local, status, q850)
    }

    /// Sends 200 and waits for its ACK, which the stack demands by repeating the 200.
    async fn accept(mut self, mut dialog: Dialog) -> Ended {
        let timer = match self.call.answer_timer(&self.request) {
            Ok(headers) => headers,
            Err(headers) => {
                self.answer(422, None, headers);
                return over(EndedBy::Local, 422, None);
            }
        };
        self.answer(200, Some(self.body.clone()), timer);
        if let Some(remote) = self.remote {
            self.call.connect(&remote);
        }
        let mut wanted = None;
        let ending = self.call.core.ending.clone();
        loop {
            let input = tokio::select! {
                input = self.call.inbox.recv() => input,
                () = ending.cancelled(), if wanted.is_none() => {
                    Some(Input::HangUp(HangUpCause::Normal))
                }
            };
            match input {
                Some(Input::Ack(ack)) => {
                    if self.remote.is_none() {
                        self.call.on_late_answer(&ack);
                    }
                    break;
                }
                // No BYE before the ACK (RFC 3261 §15).
                Some(Input::HangUp(cause)) => wanted = Some(cause),
                None | Some(Input::Over(_)) => {
                    self.call.bye(dialog, Some(reason_of_q850(102)));
                    let mut ended = over(EndedBy::Remote, 408, None);
                    (ended.call_state, ended.detail) = (3, "network");
                    return ended;
                }
                Some(Input::Media(event)) => self.call.on_media(event).await,
                Some(Input::Request(transaction)) => {
                    // A BYE can overtake a lost ACK.
                    if let After::Over(ended) = self.call.on_request(&mut dialog, transaction).await
                    {
                        return ended;
                    }
                }
                Some(_) => {}
            }
        }
        if wanted.is_some() {
            self.call.bye(dialog, Some(reason_of_q850(16)));
            return self.call.ended(EndedBy::Local, None);
        }
        self.call.emit(EventKind::Answered { late: false }).await;
        self.call.established(dialog).await
    }

    fn answer(&self, status: u16, body: Option<String>, headers: Vec<Header>) {
        let reply = Reply {
            local_tag: &self.call.local_tag,
            contact: (status < 300).then(|| self.call.contact.clone()),
            sdp: body,
            headers,
        };
        let response = reply.build(&self.call.core, &self.request, status);
        if self
            .answers
            .send(TransactionEvent::Respond(response))
            .is_err()
        {
            tracing::debug!(call.id = %self.call.id(), status, "the transaction is over already");
        }
    }
}

/// Who calls: the user part of From.
fn caller(request: &Request) -> String {
    let from = value(&request.headers, "From");
    sip::header::Address::parse(from)
        .map(|a| sip::header::user(a.uri))
        .unwrap_or_default()
}

/// The end of a call that was never answered.
fn over(by: EndedBy, status: u16, q850: Option<u8>) -> Ended {
    let outcome = map(Final::Status(status), q850, Asked::Nothing);
    let (call_state, detail) = (outcome.call_state, outcome.detail);
    Ended {
        by,
        answered: false,
        call_state,
        detail,
        status,
        q850,
        reason: None,
        trunk: None,
    }
}
