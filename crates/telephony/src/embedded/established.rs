//! A call in its talking phase, the same for both directions: media, requests inside the dialog,
//! the end.

use std::sync::Arc;

use media::cpd::{self, Outcome, Stage, Verdict};
use rsipstack::sip::{Header, Method, Request, Response, SipMessage};
use rsipstack::transaction::transaction::Transaction;
use sip::result::{HANGUP_BEFORE_VERDICT, reason_of_q850};
use sip::sdp::{Remote, Session};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::checks::fault;
use super::core::{Core, Input, Leg};
use super::dialog::Dialog;
use super::exchange::{Credentials, Destination, cancel_of};
use super::message::{ALLOW, Reply, cseq, q850, sdp};
use super::session::SessionTimer;
use crate::media_engine::{MediaEvent, RemoteMedia};
use crate::port::{CallId, Detection, Ended, EndedBy, EventKind, HangUpCause, RecordEnd};

/// How long the end of a call waits for its recording, which a media thread gives at its next turn.
const LAST_RECORDING: std::time::Duration = std::time::Duration::from_millis(200);

/// What both phases of a call need.
pub(super) struct Call {
    pub(super) core: Arc<Core>,
    pub(super) leg: Leg,
    pub(super) inbox: mpsc::Receiver<Input>,
    pub(super) session: Session,
    pub(super) detection: Option<Detection>,
    /// The detector has decided about the answered call.
    pub(super) decided: bool,
    pub(super) local_tag: String,
    pub(super) credentials: Option<Credentials>,
    /// `Contact` of ours.
    pub(super) contact: String,
    /// INVITEs without any answer that the call left for another trunk.
    pub(super) abandoned: Vec<(Request, Destination)>,
    pub(super) timer: SessionTimer,
    /// The other side was asked to call somebody else, and has not told what came of it.
    pub(super) referring: bool,
}

/// What a request inside the dialog meant for the call.
pub(super) enum After {
    /// The call goes on.
    Going,
    /// It is over.
    Over(Ended),
}

impl Call {
    /// A call of ours before its first try.
    pub(super) fn outgoing(
        core: &Arc<Core>,
        leg: Leg,
        inbox: mpsc::Receiver<Input>,
        detection: Option<Detection>,
    ) -> Self {
        Self {
            core: Arc::clone(core),
            leg,
            inbox,
            session: Session::new(core.settings.advertised, 0),
            detection,
            decided: false,
            local_tag: String::new(),
            credentials: None,
            contact: String::new(),
            abandoned: Vec::new(),
            timer: SessionTimer::default(),
            referring: false,
        }
    }

    /// A wish to end the call that came between two tries; everything else there is about the
    /// try that is over.
    pub(super) fn take_hang_up(&mut self) -> Option<HangUpCause> {
        if self.core.ending.is_cancelled() {
            return Some(HangUpCause::NotNeeded);
        }
        while let Ok(input) = self.inbox.try_recv() {
            match input {
                Input::HangUp(cause) => return Some(cause),
                Input::Response(number, response) => self.on_stale_answer(number, &response),
                _ => {}
            }
        }
        None
    }

    /// Leaves an INVITE that nobody has answered.
    pub(super) fn abandon(&mut self, invite: Request, destination: &Destination) {
        self.abandoned.push((invite, destination.clone()));
    }

    fn is_abandoned(&self, number: u32) -> bool {
        self.abandoned
            .iter()
            .any(|(invite, _)| cseq(&invite.headers) == number)
    }

    /// An answer to an INVITE that was left: CANCEL for one that rings, BYE for one that talks,
    /// so that nobody is called twice.
    pub(super) fn on_stale_answer(&mut self, number: u32, response: &Response) {
        let code = response.status_code.code();
        let Some(at) = self
            .abandoned
            .iter()
            .position(|(invite, _)| cseq(&invite.headers) == number)
        else {
            return;
        };
        let (invite, destination) = self.abandoned.remove(at);
        if code >= 300 {
            return;
        }
        if code >= 200 {
            let dialog = Dialog::of_answer(&invite, response, destination);
            self.bye(dialog, Some(reason_of_q850(16)));
            return;
        }
        let core = Arc::clone(&self.core);
        let cancel = cancel_of(&invite, Some(reason_of_q850(16)));
        let reached = destination.clone();
        self.core.spawn_call(async move {
            core.exchange(cancel, &reached).await;
        });
        // Its 200 may cross the CANCEL.
        self.abandoned.push((invite, destination));
    }

    pub(super) fn id(&self) -> &CallId {
        &self.leg.call
    }

    pub(super) async fn emit(&self, kind: EventKind) {
        self.core.emit(&self.leg.call, kind).await;
    }

    /// Tells the media engine what was agreed.
    pub(super) fn connect(&self, remote: &Remote) {
        let codec = match remote.codec {
            sip::sdp::Codec::Pcmu => media::codec::Codec::Pcmu,
            sip::sdp::Codec::Pcma => media::codec::Codec::Pcma,
            sip::sdp::Codec::G722 => media::codec::Codec::G722,
        };
        self.core.media.connect(
            self.id(),
            RemoteMedia {
                address: remote.address,
                codec,
                telephone_event: remote.telephone_event,
                send: remote.send,
                receive: remote.receive,
            },
        );
    }

    /// Passes on what the media engine found.
    pub(super) async fn on_media(&mut self, event: MediaEvent) {
        let kind = match event {
            MediaEvent::Verdict { verdict, .. } => {
                self.decided |= verdict.stage == Stage::Answered;
                EventKind::Verdict(verdict)
            }
            MediaEvent::Beep { hz, screening, .. } => EventKind::Beep { hz, screening },
            MediaEvent::Played {
                token, finished, ..
            } => EventKind::Played { token, finished },
            MediaEvent::Recorded {
                token,
                clip,
                at_max,
                ..
            } => {
                self.core.media.recording_came(self.id(), token);
                let end = if at_max {
                    RecordEnd::AtMax
                } else {
                    RecordEnd::Done
                };
                EventKind::Recorded { token, clip, end }
            }
            MediaEvent::Digit { digit, .. } => EventKind::Digit(digit),
            MediaEvent::Timeout { .. } => EventKind::MediaTimeout,
        };
        self.emit(kind).await;
    }

    /// Lives until one side hangs up; the caller reports the end.
    pub(super) async fn established(&mut self, dialog: Dialog) -> Ended {
        let ended = self.live(dialog).await;
        self.last_recording().await;
        ended
    }

    /// A recording that the end interrupts comes before it.
    async fn last_recording(&mut self) {
        let Some(awaited) = self.core.media.awaited_recording(self.id()) else {
            return;
        };
        self.core.media.stop_record(self.id());
        let end = Instant::now() + LAST_RECORDING;
        loop {
            let input = tokio::select! {
                input = self.inbox.recv() => input,
                () = sleep_until(end) => return,
            };
            match input {
                Some(Input::Media(MediaEvent::Recorded {
                    token,
                    clip,
                    at_max: false,
                    ..
                })) if token == awaited => {
                    let end = RecordEnd::CallOver;
                    self.emit(EventKind::Recorded { token, clip, end }).await;
                    return;
                }
                Some(Input::Media(event)) => {
                    self.on_media(event).await;
                    if self.core.media.awaited_recording(self.id()).is_none() {
                        return;
                    }
                }
                Some(_) => {}
                None => return,
            }
        }
    }

    async fn live(&mut self, mut dialog: Dialog) -> Ended {
        let ending = self.core.ending.clone();
        loop {
            let deadline = self.timer_deadline();
            let input = tokio::select! {
                input = self.inbox.recv() => input.unwrap_or(Input::HangUp(HangUpCause::Normal)),
                () = ending.cancelled() => Input::HangUp(HangUpCause::Normal),
                () = sleep_until(deadline) => {
                    if self.on_timer(&mut dialog) {
                        return self.run_out(dialog);
                    }
                    continue;
                }
            };
            match input {
                Input::HangUp(_) => {
                    self.bye(dialog, Some(reason_of_q850(16)));
                    return self.ended(EndedBy::Local, None);
                }
                Input::Media(event) => self.on_media(event).await,
                Input::Request(transaction) => {
                    if let After::Over(ended) = self.on_request(&mut dialog, transaction).await {
                        return ended;
                    }
                }
                Input::Ack(ack) => self.on_late_answer(&ack),
                Input::Refer(to, headers) => self.refer(&mut dialog, &to, &headers).await,
                Input::Referred(response) => self.on_refer_answer(response.as_deref()).await,
                Input::Refreshed(response)
                    if self.on_refreshed(response.as_deref(), &mut dialog) =>
                {
                    return self.run_out(dialog);
                }
                Input::Response(number, response) => {
                    if self.is_abandoned(number) {
                        self.on_stale_answer(number, &response);
                    } else {
                        self.on_second_answer(&dialog, number, *response);
                    }
                }
                _ => {}
            }
        }
    }

    /// The session was not refreshed in time.
    fn run_out(&self, dialog: Dialog) -> Ended {
        self.bye(dialog, Some(reason_of_q850(102)));
        let mut ended = self.ended(EndedBy::Local, None);
        ended.detail = "session_expired";
        ended
    }

    /// Sends BYE in the background.
    pub(super) fn bye(&self, dialog: Dialog, reason: Option<String>) {
        let core = Arc::clone(&self.core);
        let credentials = self.credentials.clone();
        self.core
            .spawn_call(async move { dialog.bye(&core, reason, credentials).await });
    }

    /// The end of an answered call.
    pub(super) fn ended(&self, by: EndedBy, q850: Option<u8>) -> Ended {
        let undecided = self.detection.is_some() && !self.decided;
        let (call_state, detail) = match by {
            EndedBy::Remote if undecided => (
                HANGUP_BEFORE_VERDICT.call_state,
                HANGUP_BEFORE_VERDICT.detail,
            ),
            EndedBy::Remote | EndedBy::Local => (0, "normal"),
        };
        Ended {
            by,
            answered: true,
            call_state,
            detail,
            status: 200,
            q850,
            reason: None,
            trunk: None,
        }
    }

    /// The ACK carries the answer when the offer was ours.
    pub(super) fn on_late_answer(&self, ack: &Request) {
        if let Some(body) = sdp(&ack.headers, &ack.body)
            && let Ok(remote) = self.session.read_answer(body)
        {
            self.connect(&remote);
        }
    }

    /// A second 200 with another tag is another phone that was reached through a fork.
    fn on_second_answer(&self, dialog: &Dialog, number: u32, response: Response) {
        let code = response.status_code.code();
        let tag = sip::header::tag(super::message::value(&response.headers, "To"));
        if (200..300).contains(&code) && tag != Some(dialog.remote_tag()) {
            let mut other = dialog.clone();
            other.cseq = number;
            super::message::value(&response.headers, "To").clone_into(&mut other.remote);
            if let Some(target) = super::message::contact(&response.headers) {
                other.target = target;
            }
            other.routes = super::message::record_route(&response.headers);
            other.routes.reverse();
            self.bye(other, None);
        }
    }

    /// Answers a request inside the dialog.
    pub(super) async fn on_request(
        &mut self,
        dialog: &mut Dialog,
        mut transaction: Box<Transaction>,
    ) -> After {
        let request = transaction.original.clone();
        let number = cseq(&request.headers);
        if dialog.remote_cseq.is_some_and(|last| number <= last) {
            self.reply(&mut transaction, 500, Reply::default()).await;
            return After::Going;
        }
        dialog.remote_cseq = Some(number);
        if let Some(fault) = fault(&request) {
            self.refuse(transaction, fault).await;
            return After::Going;
        }
        match request.method {
            Method::Bye => {
                self.reply(&mut transaction, 200, Reply::default()).await;
                let q850 = q850(&request.headers);
                return After::Over(self.ended(EndedBy::Remote, q850));
            }
            Method::Invite => {
                dialog.refresh(&request);
                self.on_reinvite(transaction, &request).await;
            }
            Method::Update => {
                dialog.refresh(&request);
                self.on_update(transaction, &request).await;
            }
            Method::Notify if self.reports_refer(&request) => {
                self.reply(&mut transaction, 200, Reply::default()).await;
                self.on_report(&request).await;
            }
            Method::Info | Method::Options => {
                let headers = vec![Header::Allow(ALLOW.into())];
                let reply = Reply {
                    headers,
                    ..Reply::default()
                };
                self.reply(&mut transaction, 200, reply).await;
            }
            _ => {
                let headers = vec![Header::Allow(ALLOW.into())];
                self.refuse(transaction, (405, headers)).await;
            }
        }
        After::Going
    }

    /// Refuses a request inside the dialog that does not change it.
    async fn refuse(
        &self,
        mut transaction: Box<Transaction>,
        (status, headers): (u16, Vec<Header>),
    ) {
        let reply = Reply {
            headers,
            ..Reply::default()
        };
        self.reply(&mut transaction, status, reply).await;
        if transaction.original.method == Method::Invite {
            // The answer is repeated until its ACK.
            self.core
                .spawn(async move { while transaction.receive().await.is_some() {} });
        }
    }

    async fn on_reinvite(&mut self, mut transaction: Box<Transaction>, request: &Request) {
        let (status, reply) = self.answer_in_dialog(request, true).await;
        self.reply(&mut transaction, status, reply).await;
        // The transaction repeats its answer until the ACK, which may carry a session description.
        let inbox = self.leg.sender();
        self.core.spawn(async move {
            while let Some(message) = transaction.receive().await {
                if let SipMessage::Request(ack) = message
                    && ack.method == Method::Ack
                    && status == 200
                {
                    inbox.send(Input::Ack(Box::new(ack))).await.ok();
                }
            }
        });
    }

    async fn on_update(&mut self, mut transaction: Box<Transaction>, request: &Request) {
        let (status, reply) = self.answer_in_dialog(request, false).await;
        self.reply(&mut transaction, status, reply).await;
    }

    /// Answers offer and timer of a re-INVITE or UPDATE.
    async fn answer_in_dialog(&mut self, request: &Request, invite: bool) -> (u16, Reply<'static>) {
        if self.timer.inviting && (invite || !request.body.is_empty()) {
            // Our own offer is under way (RFC 3261 §14.2).
            return (491, self.dialog_reply(None, 491));
        }
        let timer = match self.answer_timer(request) {
            Ok(headers) => headers,
            Err(headers) => {
                let reply = Reply {
                    headers,
                    ..Reply::default()
                };
                return (422, reply);
            }
        };
        let (status, body) = self.answer_offer(request, invite).await;
        let mut reply = self.dialog_reply(body, status);
        if status == 200 {
            reply.headers = timer;
        }
        (status, reply)
    }

    /// Answers the offer of a request; without one an INVITE gets an offer of ours.
    async fn answer_offer(&mut self, request: &Request, invite: bool) -> (u16, Option<String>) {
        let Some(offer) = sdp(&request.headers, &request.body) else {
            return (200, invite.then(|| self.session.offer()));
        };
        if sip::sdp::is_fax_offer(offer) {
            self.on_fax_offer().await;
            return (488, None);
        }
        match self.session.answer(offer) {
            Ok((body, remote)) => {
                self.connect(&remote);
                (200, Some(body))
            }
            Err(_) => (488, None),
        }
    }

    /// A T.38 offer is as good as a fax tone while the detector has not decided.
    async fn on_fax_offer(&mut self) {
        if self.detection.is_none() || self.decided {
            return;
        }
        self.decided = true;
        self.core.media.stop_detect(self.id());
        let verdict = Verdict {
            stage: Stage::Answered,
            outcome: Outcome::Fax,
            call_state: Outcome::Fax.call_state(),
            detail: "t38",
            decided_after_ms: 0,
            decided_after_first_sound_ms: None,
            reasons: vec![cpd::Reason {
                rule: "t38",
                value: 1.0,
                limit: 1.0,
                unit: "",
            }],
            picture: Vec::new(),
        };
        self.emit(EventKind::Verdict(Box::new(verdict))).await;
    }

    fn dialog_reply(&self, body: Option<String>, status: u16) -> Reply<'static> {
        let contact = (status == 200).then(|| self.contact.clone());
        Reply {
            contact,
            sdp: body,
            ..Reply::default()
        }
    }

    async fn reply(&self, transaction: &mut Transaction, status: u16, reply: Reply<'_>) {
        let response = reply.build(&self.core, &transaction.original, status);
        if let Err(error) = transaction.respond(response).await {
            tracing::debug!(call.id = %self.id(), status, %error, "an answer was not sent");
        }
    }
}
