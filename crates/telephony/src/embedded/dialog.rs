//! A dialog (RFC 3261 §12): what its requests carry and where they go.

use rsipstack::sip::{Header, Method, Request, Response};

use super::core::Core;
use super::exchange::{Credentials, Destination};
use super::message::{Parts, contact, cseq, record_route, uri, value};

/// A confirmed dialog, seen from our side.
#[derive(Clone)]
pub(super) struct Dialog {
    pub(super) call_id: String,
    /// Our From, tag included.
    pub(super) local: String,
    /// Our To, tag included.
    pub(super) remote: String,
    /// Contact of the peer.
    pub(super) target: String,
    /// Route set in the order to be sent.
    pub(super) routes: Vec<String>,
    /// Number of our last request.
    pub(super) cseq: u32,
    /// Number of the peer's last request.
    pub(super) remote_cseq: Option<u32>,
    /// How the peer was reached until now.
    pub(super) reached: Destination,
}

impl Dialog {
    /// The dialog that an answer to our INVITE makes.
    pub(super) fn of_answer(invite: &Request, answer: &Response, reached: Destination) -> Self {
        let mut routes = record_route(&answer.headers);
        routes.reverse();
        Self {
            call_id: value(&invite.headers, "Call-ID").to_owned(),
            local: value(&invite.headers, "From").to_owned(),
            remote: value(&answer.headers, "To").to_owned(),
            target: contact(&answer.headers).unwrap_or_else(|| invite.uri.to_string()),
            routes,
            cseq: cseq(&invite.headers),
            remote_cseq: None,
            reached,
        }
    }

    /// The dialog that our answer to an INVITE makes.
    pub(super) fn of_request(invite: &Request, local_tag: &str, reached: Destination) -> Self {
        let to = value(&invite.headers, "To");
        let from = value(&invite.headers, "From").to_owned();
        let address = sip::header::Address::parse(&from).map(|a| a.uri.to_owned());
        Self {
            call_id: value(&invite.headers, "Call-ID").to_owned(),
            local: format!("{to};tag={local_tag}"),
            remote: from,
            target: contact(&invite.headers).or(address).unwrap_or_default(),
            routes: record_route(&invite.headers),
            cseq: 0,
            remote_cseq: Some(cseq(&invite.headers)),
            reached,
        }
    }

    /// Tag of the peer, empty when it gave none.
    pub(super) fn remote_tag(&self) -> &str {
        sip::header::tag(&self.remote).unwrap_or_default()
    }

    /// A target refresh (RFC 3261 §12.2.1.2).
    pub(super) fn refresh(&mut self, request: &Request) {
        if let Some(target) = contact(&request.headers) {
            self.target = target;
        }
    }

    /// The next request of ours.
    pub(super) fn request(&mut self, core: &Core, method: Method) -> Option<Request> {
        self.cseq += 1;
        let parts = Parts {
            method,
            uri: uri(&self.target)?,
            via: core.via(self.reached.tcp),
            from: &self.local,
            to: &self.remote,
            call_id: &self.call_id,
            cseq: self.cseq,
            routes: &self.routes,
        };
        Some(parts.build(core))
    }

    /// Where the next request goes: first route, else the peer's contact.
    pub(super) async fn destination(&self, core: &Core) -> Destination {
        if self.reached.tcp && self.reached.stream.is_some() {
            return self.reached.clone();
        }
        let next = match self.routes.first() {
            Some(route) => sip::header::Address::parse(route).map(|a| a.uri),
            None => Some(self.target.as_str()),
        };
        match next.and_then(uri) {
            Some(next) => core.locate(&next, self.reached.tcp).await,
            None => None,
        }
        .unwrap_or_else(|| self.reached.clone())
    }

    /// Ends the dialog with BYE and waits for the answer.
    pub(super) async fn bye(
        mut self,
        core: &Core,
        reason: Option<String>,
        credentials: Option<Credentials>,
    ) {
        let mut destination = self.destination(core).await;
        let Some(mut request) = self.request(core, Method::Bye) else {
            return;
        };
        if let Some(reason) = reason {
            request.headers.push(Header::Reason(reason.into()));
        }
        let answer = core
            .exchange_as(request.clone(), &destination, credentials.as_ref())
            .await;
        if answer.is_none() && destination.stream.take().is_some() {
            // The stream is gone; once more over a new one.
            core.exchange_as(request, &destination, credentials.as_ref())
                .await;
        }
    }
}
