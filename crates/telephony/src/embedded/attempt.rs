//! One try of an outgoing call: its INVITE, what comes back, the wish to end it.

use std::sync::Arc;
use std::time::Duration;

use media::cpd::Stage;
use rsipstack::sip::{Header, Request, Response, SipMessage};
use sip::result::{Asked, Final, Outcome, map, reason_of_q850, state};
use sip::sdp::Remote;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::core::{Core, Input};
use super::dialog::Dialog;
use super::established::{After, Call};
use super::exchange::{Destination, cancel_of, may_answer, next};
use super::message::{contact, cseq, q850, record_route, sdp, uri, value, values, words};
use super::outgoing::asked_for;
use super::plan::Plan;
use super::session::{longer, offer_headers};
use crate::port::{DialogRecord, Ended, EndedBy, EventKind, Hold};

/// After a CANCEL the final answer is waited for this long; then the call is reported as over and
/// looked after in the background.
const CANCEL_PATIENCE: Duration = Duration::from_secs(3);

/// The same while the driver shuts down.
const SHUTDOWN_PATIENCE: Duration = Duration::from_secs(1);

/// A call that rings.
pub(super) struct Attempt {
    pub(super) call: Call,
    /// The trunk it goes over.
    pub(super) trunk: Option<String>,
    /// There is another trunk that may carry it.
    pub(super) may_move: bool,
    pub(super) plan: Plan,
    pub(super) invite: Request,
    pub(super) record: DialogRecord,
    pub(super) ring_timeout: Duration,
    pub(super) early: Option<Remote>,
    pub(super) rang: bool,
    pub(super) provisional: bool,
    pub(super) asked: Asked,
    /// CANCEL was sent.
    pub(super) cancelled: bool,
    pub(super) challenges: u32,
    /// The peer asked for a longer session (422) and gets it.
    pub(super) lengthened: bool,
    /// Words of the peer's final answer.
    pub(super) reason: Option<String>,
}

/// What an answer meant.
enum Step {
    Going,
    Over(Final, Option<u8>),
    Answered(Box<Response>),
}

/// How a try ended.
pub(super) enum Finished {
    /// With the call.
    Over(Ended),
    /// The call is over, but its INVITE is still open and has to be looked after.
    Open(Ended, Box<Attempt>),
    /// Another trunk may carry the call.
    Next(Ended, Box<Attempt>),
}

impl Attempt {
    /// Rings, talks, ends.
    pub(super) async fn run(mut self: Box<Self>) -> Finished {
        if !self.send_invite().await {
            return Finished::Over(self.over(Final::Silence, None));
        }
        let ring_end = Instant::now() + self.ring_timeout;
        let mut patience_end = ring_end;
        let ending = self.call.core.ending.clone();
        loop {
            let waiting = self.asked == Asked::Nothing;
            let until = if waiting { ring_end } else { patience_end };
            let step = tokio::select! {
                input = self.call.inbox.recv() => match input {
                    Some(input) => self.on_input(input).await,
                    None => Step::Over(Final::Silence, None),
                },
                () = sleep_until(until) => {
                    if !waiting {
                        return self.give_up().await;
                    }
                    self.ask(Asked::RingTimeout);
                    if !self.provisional {
                        // Nothing was heard at all: that is no phone that rings.
                        return self.give_up().await;
                    }
                    Step::Going
                }
                () = ending.cancelled(), if waiting => {
                    self.ask(Asked::NotNeeded);
                    Step::Going
                }
            };
            if waiting && self.asked != Asked::Nothing {
                let patience = if ending.is_cancelled() {
                    SHUTDOWN_PATIENCE
                } else {
                    CANCEL_PATIENCE
                };
                patience_end = Instant::now() + patience;
            }
            match step {
                Step::Going => {}
                Step::Over(end, q850) => return self.finish(end, q850).await,
                Step::Answered(response) => {
                    self.trunk_used(true).await;
                    let trunk = self.trunk.clone();
                    let ended = self.answered(*response).await;
                    return Finished::Over(Ended { trunk, ..ended });
                }
            }
        }
    }

    /// No final answer came although we asked for the end; the INVITE is still open.
    async fn give_up(mut self: Box<Self>) -> Finished {
        let unheard = !self.provisional;
        if unheard {
            self.trunk_used(false).await;
        }
        let ended = self.over(Final::Silence, None);
        if unheard && self.may_move && self.asked == Asked::RingTimeout {
            self.call
                .abandon(self.invite.clone(), &self.plan.destination);
            return Finished::Next(ended, self);
        }
        Finished::Open(ended, self)
    }

    /// The INVITE has its final answer, or nobody is there.
    async fn finish(self: Box<Self>, end: Final, q850: Option<u8>) -> Finished {
        let outcome = self.outcome(end, q850);
        let absent = match end {
            Final::Silence => !self.provisional,
            // 503 with a cause of a full network is the network's, not the trunk's.
            Final::Status(status) => status == 503 && outcome.detail == "network",
        };
        self.trunk_used(!absent).await;
        let ended = self.over(end, q850);
        if self.asked == Asked::Nothing {
            tracing::info!(
                call.id = %self.call.id(),
                trunk = ended.trunk,
                status = ended.status,
                q850 = ended.q850,
                detail = ended.detail,
                "a call was not answered"
            );
        }
        // A phone that rang already is not made to ring again through another trunk.
        if outcome.try_next_trunk && self.may_move && !self.rang {
            return Finished::Next(ended, self);
        }
        Finished::Over(ended)
    }

    async fn trunk_used(&self, reached: bool) {
        if let Some(trunk) = &self.trunk {
            self.call.core.trunk_used(trunk, reached).await;
        }
    }

    async fn on_input(&mut self, input: Input) -> Step {
        let current = cseq(&self.invite.headers);
        match input {
            Input::Response(number, response) if number == current => {
                self.on_response(*response).await
            }
            Input::Unsent(number) | Input::Over(number) if number == current => {
                Step::Over(Final::Silence, None)
            }
            Input::Response(number, response) => {
                self.call.on_stale_answer(number, &response);
                Step::Going
            }
            Input::HangUp(cause) => {
                self.ask(asked_for(cause).0);
                Step::Going
            }
            Input::Media(event) => {
                self.call.on_media(event).await;
                Step::Going
            }
            Input::Request(transaction) => {
                let mut dialog = self.early_dialog();
                match self.call.on_request(&mut dialog, transaction).await {
                    After::Going => Step::Going,
                    After::Over(_) => Step::Over(Final::Status(487), None),
                }
            }
            _ => Step::Going,
        }
    }

    async fn on_response(&mut self, response: Response) -> Step {
        let code = response.status_code.code();
        if self.call.core.is_made_up(&response) {
            return Step::Over(Final::Silence, None);
        }
        if code < 200 {
            self.on_provisional(&response, code).await;
            return Step::Going;
        }
        if code < 300 {
            return Step::Answered(Box::new(response));
        }
        if matches!(code, 401 | 407)
            && self.asked == Asked::Nothing
            && may_answer(self.challenges, &response)
            && let Some(again) = self
                .plan
                .credentials
                .as_ref()
                .and_then(|c| c.answer(&self.invite, &response))
        {
            self.challenges += 1;
            self.invite_again(again).await;
            return Step::Going;
        }
        if code == 422
            && self.asked == Asked::Nothing
            && !std::mem::replace(&mut self.lengthened, true)
            && let Some(interval_s) = longer(&response)
        {
            let mut again = next(&self.invite);
            again.headers.retain(|header| {
                !matches!(
                    header,
                    Header::SessionExpires(_) | Header::MinSE(_) | Header::Supported(_)
                )
            });
            again.headers.extend(offer_headers(interval_s));
            self.invite_again(again).await;
            return Step::Going;
        }
        if (300..400).contains(&code) && self.trunk.is_some() {
            let contacts = values(&response.headers, "Contact");
            self.plan.redirects.take(contacts);
        }
        // One contact after the other, but a 6xx speaks for all of them (RFC 3261 §16.7).
        if code < 600 && self.asked == Asked::Nothing && self.redirect().await {
            return Step::Going;
        }
        self.reason = words(&response);
        Step::Over(Final::Status(code), q850(&response.headers))
    }

    /// Sends the INVITE to the next contact of a redirect; false when there is none.
    async fn redirect(&mut self) -> bool {
        while let Some(target) = self.plan.redirects.next_target() {
            let Some(target_uri) = uri(&target) else {
                continue;
            };
            let core = Arc::clone(&self.call.core);
            let Some(destination) = core.locate(&target_uri, false).await else {
                continue;
            };
            tracing::info!(call.id = %self.call.id(), "a redirect is followed");
            let mut again = next(&self.invite);
            again.uri = target_uri;
            for header in again.headers.iter_mut() {
                if let Header::Via(via) = header {
                    via.replace(core.via(destination.tcp));
                }
            }
            self.record.request_uri.clone_from(&target);
            self.record.destination = destination.text();
            self.plan.request_uri = target;
            self.plan.destination = destination;
            self.invite_again(again).await;
            return true;
        }
        false
    }

    /// Sends the INVITE in another form, in the same dialog to be.
    async fn invite_again(&mut self, invite: Request) {
        self.invite = invite;
        self.record.cseq = cseq(&self.invite.headers);
        value(&self.invite.headers, "Via").clone_into(&mut self.record.via);
        self.record.to.clone_from(&self.plan.to);
        self.provisional = false;
        // Given up meanwhile: the loop ends it, as for a call that has not been heard of.
        self.send_invite().await;
    }

    async fn on_provisional(&mut self, response: &Response, code: u16) {
        self.provisional = true;
        if self.asked != Asked::Nothing {
            self.cancel();
            return;
        }
        if code == 100 {
            return;
        }
        self.update_record(response, false).await;
        let remote = sdp(&response.headers, &response.body)
            .and_then(|body| self.call.session.read_answer(body).ok());
        if let Some(remote) = remote {
            let first = self.early.is_none();
            if self.early != Some(remote) {
                self.call.connect(&remote);
                self.early = Some(remote);
            }
            if first {
                if let Some(detection) = self.call.detection.as_ref().filter(|d| d.early) {
                    let settings = detection.settings.clone();
                    self.call
                        .core
                        .media
                        .detect(self.call.id(), settings, Stage::Early);
                }
                self.call.emit(EventKind::EarlyMedia).await;
            }
        } else if !self.rang && self.early.is_none() {
            self.rang = true;
            self.call.emit(EventKind::Ringing).await;
        }
    }

    /// Reports the dialog's identifiers when they changed.
    async fn update_record(&mut self, response: &Response, confirmed: bool) {
        let to = value(&response.headers, "To");
        if sip::header::tag(to).is_none() && !confirmed {
            return;
        }
        let before = self.record.clone();
        to.clone_into(&mut self.record.to);
        if let Some(target) = contact(&response.headers) {
            self.record.remote_target = Some(target);
        }
        let mut routes = record_route(&response.headers);
        routes.reverse();
        self.record.route_set = routes;
        self.record.confirmed = confirmed;
        if self.record != before {
            self.call
                .emit(EventKind::Dialog(
                    Box::new(self.record.clone()),
                    Hold::none(),
                ))
                .await;
        }
    }

    async fn answered(mut self: Box<Self>, response: Response) -> Ended {
        let dialog = Dialog::of_answer(&self.invite, &response, self.plan.destination.clone());
        if !matches!(self.asked, Asked::Nothing | Asked::RingTimeout) {
            self.call.bye(dialog, Some(reason_of_q850(16)));
            return self.over(Final::Status(487), None);
        }
        let remote = match sdp(&response.headers, &response.body) {
            Some(body) => self.call.session.read_answer(body).ok(),
            None => self.early,
        };
        self.update_record(&response, true).await;
        self.call.begin_timer(&response);
        let Some(remote) = remote else {
            self.call.bye(dialog, Some(reason_of_q850(88)));
            return Ended {
                by: EndedBy::Local,
                answered: false,
                call_state: state::SYSTEM_ERROR,
                detail: "configuration",
                status: 488,
                q850: None,
                reason: None,
                trunk: None,
            };
        };
        self.call.connect(&remote);
        if let Some(detection) = &self.call.detection {
            let settings = detection.settings.clone();
            self.call
                .core
                .media
                .detect(self.call.id(), settings, Stage::Answered);
        }
        let late = self.asked == Asked::RingTimeout;
        self.call.emit(EventKind::Answered { late }).await;
        self.call.established(dialog).await
    }

    fn outcome(&self, end: Final, q850: Option<u8>) -> Outcome {
        let asked = match (self.asked, end) {
            // Our ring timer ends a call that rings; where nothing was heard, nobody was there.
            (Asked::RingTimeout, Final::Silence) if !self.provisional => Asked::Nothing,
            (asked, _) => asked,
        };
        map(end, q850, asked)
    }

    /// The result of a call that was never answered.
    fn over(&self, end: Final, q850: Option<u8>) -> Ended {
        let outcome = self.outcome(end, q850);
        let status = match end {
            Final::Status(status) => status,
            Final::Silence => 0,
        };
        let by = if self.asked == Asked::Nothing {
            EndedBy::Remote
        } else {
            EndedBy::Local
        };
        let (call_state, detail) = (outcome.call_state, outcome.detail);
        Ended {
            by,
            answered: false,
            call_state,
            detail,
            status,
            q850,
            reason: self.reason.clone(),
            trunk: self.trunk.clone(),
        }
    }

    /// Wants the call to end; the first wish to give up counts more than the ring timer.
    fn ask(&mut self, asked: Asked) {
        if matches!(self.asked, Asked::Nothing | Asked::RingTimeout) {
            self.asked = asked;
        }
        self.cancel();
    }

    /// CANCEL may only be sent once the INVITE was received (RFC 3261 §9.1).
    fn cancel(&mut self) {
        if !self.provisional || std::mem::replace(&mut self.cancelled, true) {
            return;
        }
        let reason = match self.asked {
            Asked::NotNeeded => "SIP;cause=200;text=\"Call completed elsewhere\"".to_owned(),
            Asked::RingTimeout | Asked::GivenUp | Asked::Nothing => reason_of_q850(16),
        };
        let cancel = cancel_of(&self.invite, Some(reason));
        let core = Arc::clone(&self.call.core);
        let destination = self.plan.destination.clone();
        self.call.core.spawn_call(async move {
            core.exchange(cancel, &destination).await;
        });
    }

    /// Requests of the peer before the answer belong to this dialog.
    fn early_dialog(&self) -> Dialog {
        Dialog {
            call_id: self.record.call_id.clone(),
            local: self.record.from.clone(),
            remote: self.record.to.clone(),
            target: self.record.request_uri.clone(),
            routes: Vec::new(),
            cseq: self.record.cseq,
            remote_cseq: None,
            reached: self.plan.destination.clone(),
        }
    }

    /// Makes the dialog known, waits until it is kept, and sends the INVITE, whose answers come
    /// to the inbox. `false` when the call was given up before.
    async fn send_invite(&mut self) -> bool {
        let (hold, kept) = Hold::new();
        self.call
            .emit(EventKind::Dialog(Box::new(self.record.clone()), hold))
            .await;
        // The sender is never used: it is dropped when the record is kept, or nobody cares.
        drop(kept.await);
        if self.asked == Asked::Nothing
            && let Some(cause) = self.call.take_hang_up()
        {
            // Wanted to be over before anything was sent: nobody is called.
            self.ask(asked_for(cause).0);
            return false;
        }
        let core = Arc::clone(&self.call.core);
        let invite = self.invite.clone();
        let destination = self.plan.destination.clone();
        let inbox = self.call.leg.sender();
        self.call
            .core
            .spawn(async move { Box::pin(pump(core, invite, destination, inbox)).await });
        true
    }

    /// Goes on after the call was reported as over: a CANCEL that had to wait for the first
    /// provisional answer, BYE for an answer that comes in spite of it.
    pub(super) async fn look_after(mut self: Box<Self>) {
        if self.call.core.ending.is_cancelled() {
            return;
        }
        self.call.core.media.close(self.call.id());
        let end = Instant::now() + self.call.core.settings.timers.t1 * 64;
        self.asked = Asked::GivenUp;
        loop {
            let input = tokio::select! {
                input = self.call.inbox.recv() => input,
                () = sleep_until(end) => return,
            };
            let current = cseq(&self.invite.headers);
            match input {
                Some(Input::Response(number, response)) if number == current => {
                    match response.status_code.code() {
                        ..200 => {
                            self.provisional = true;
                            self.cancel();
                        }
                        200..300 => {
                            let reached = self.plan.destination.clone();
                            let dialog = Dialog::of_answer(&self.invite, &response, reached);
                            self.call.bye(dialog, Some(reason_of_q850(16)));
                        }
                        _ => return,
                    }
                }
                Some(Input::Over(number) | Input::Unsent(number)) if number == current => return,
                None => return,
                _ => {}
            }
        }
    }
}

/// Sends an INVITE and passes its answers on until its transaction is over; the stack
/// acknowledges finals, also repeated ones.
async fn pump(
    core: Arc<Core>,
    invite: Request,
    destination: Destination,
    inbox: mpsc::Sender<Input>,
) {
    let number = cseq(&invite.headers);
    let Some(mut transaction) = core.open(invite, &destination).await else {
        inbox.send(Input::Unsent(number)).await.ok();
        return;
    };
    if transaction.send().await.is_err() {
        inbox.send(Input::Unsent(number)).await.ok();
        return;
    }
    while let Some(message) = transaction.receive().await {
        if let SipMessage::Response(response) = message {
            inbox
                .send(Input::Response(number, Box::new(response)))
                .await
                .ok();
        }
    }
    inbox.send(Input::Over(number)).await.ok();
}
