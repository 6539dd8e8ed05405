//! Sending the other side elsewhere inside a dialog (RFC 3515): REFER, and what is reported of it.

use std::sync::Arc;

use rsipstack::sip::{Header, Method, Request, Response};
use sip::refer::{host_of, refer_to, reported};

use super::core::Input;
use super::dialog::Dialog;
use super::established::Call;
use super::message::value;
use crate::port::EventKind;

/// Status of a report that never came to an end.
const NO_REPORT: u16 = 408;

impl Call {
    /// Asks the other side to call somebody else.
    pub(super) async fn refer(
        &mut self,
        dialog: &mut Dialog,
        to: &str,
        headers: &[(String, String)],
    ) {
        let host = host_of(&dialog.remote).map(str::to_owned);
        let request = host.and_then(|host| {
            let mut request = dialog.request(&self.core, Method::Refer)?;
            let target = refer_to(to, &host, headers);
            request.headers.extend(vec![
                Header::Contact(self.contact.clone().into()),
                Header::Other("Refer-To".into(), target),
            ]);
            Some(request)
        });
        let Some(request) = request else {
            return self.referred(NO_REPORT).await;
        };
        // Answers to challenges take the numbers that follow.
        dialog.cseq += 2;
        self.referring = true;
        let core = Arc::clone(&self.core);
        let credentials = self.credentials.clone();
        let inbox = self.leg.sender();
        let dialog = dialog.clone();
        self.core.spawn(async move {
            let destination = dialog.destination(&core).await;
            let answer = core
                .exchange_as(request, &destination, credentials.as_ref())
                .await;
            inbox.send(Input::Referred(answer.map(Box::new))).await.ok();
        });
    }

    /// The answer to REFER; a report follows when it was taken.
    pub(super) async fn on_refer_answer(&mut self, response: Option<&Response>) {
        let status = response.map_or(NO_REPORT, |response| response.status_code.code());
        if self.referring && !(200..300).contains(&status) {
            self.referred(status).await;
        }
    }

    /// Whether a NOTIFY reports about a REFER that is under way.
    pub(super) fn reports_refer(&self, request: &Request) -> bool {
        let event = value(&request.headers, "Event");
        let package = event.split(';').next().unwrap_or_default().trim();
        self.referring && package.eq_ignore_ascii_case("refer")
    }

    /// A report: provisional ones mean nothing yet, unless no other follows.
    pub(super) async fn on_report(&mut self, request: &Request) {
        let state = value(&request.headers, "Subscription-State");
        let is_last = state.trim_start().starts_with("terminated");
        match reported(&request.body) {
            Some(status) if status >= 200 => self.referred(status).await,
            _ if is_last => self.referred(NO_REPORT).await,
            _ => {}
        }
    }

    async fn referred(&mut self, status: u16) {
        self.referring = false;
        let taken = (200..300).contains(&status);
        self.emit(EventKind::Referred { taken, status }).await;
    }
}
