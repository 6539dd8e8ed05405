//! What a request may demand and carry (RFC 3261 §8.2), and requests that come twice.

use std::sync::Arc;

use rsipstack::sip::{Header, Method, Request};

use super::core::{Core, lock};
use super::message::{cseq, value, values};

/// The only body we read.
const SDP: &str = "application/sdp";

/// Status and headers for a request that demands or carries what we do not have.
pub(super) fn fault(request: &Request) -> Option<(u16, Vec<Header>)> {
    // An end is never refused; ACK and CANCEL cannot be (§8.2.2.3).
    if matches!(request.method, Method::Ack | Method::Bye | Method::Cancel) {
        return None;
    }
    if let Some(required) = unsupported(request) {
        return Some((420, vec![Header::Unsupported(required.into())]));
    }
    unreadable(request).map(|header| (415, vec![header]))
}

/// Options that the peer requires and that we do not have.
fn unsupported(request: &Request) -> Option<String> {
    let known: &[&str] = match request.method {
        Method::Invite | Method::Update => &["timer"],
        Method::Register => &["path"],
        _ => &[],
    };
    let required: Vec<&str> = values(&request.headers, "Require")
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|tag| !tag.is_empty() && !known.iter().any(|k| tag.eq_ignore_ascii_case(k)))
        .collect();
    (!required.is_empty()).then(|| required.join(", "))
}

/// What we could read instead of the body that came.
fn unreadable(request: &Request) -> Option<Header> {
    let reads = matches!(
        request.method,
        Method::Invite | Method::Update | Method::Info
    );
    if !reads || request.body.is_empty() {
        return None;
    }
    let headers = &request.headers;
    let optional = sip::header::parameter(value(headers, "Content-Disposition"), "handling")
        .is_some_and(|handling| handling.eq_ignore_ascii_case("optional"));
    if optional {
        return None;
    }
    let encoding = value(headers, "Content-Encoding").trim();
    if !encoding.is_empty() && !encoding.eq_ignore_ascii_case("identity") {
        return Some(Header::AcceptEncoding("identity".into()));
    }
    let kind = value(headers, "Content-Type").split(';').next()?.trim();
    let readable = kind.is_empty() || kind.eq_ignore_ascii_case(SDP);
    (!readable).then(|| Header::Accept(SDP.into()))
}

/// Call-ID, tag of From and number of an INVITE.
pub(super) type Origin = (String, String, u32);

/// An INVITE whose transaction is not over; dropped with it.
pub(super) struct Ongoing {
    core: Arc<Core>,
    origin: Origin,
}

impl Ongoing {
    /// Enters an INVITE; `None` when the same one came another way and is still being handled:
    /// a proxy forked it (§8.2.2.2), or it is one of ours that was sent back.
    pub(super) fn enter(core: &Arc<Core>, invite: &Request) -> Option<Self> {
        let headers = &invite.headers;
        let call_id = value(headers, "Call-ID");
        let tag = sip::header::tag(value(headers, "From")).unwrap_or_default();
        if core.dialog_inbox(call_id, tag).is_some() {
            return None;
        }
        let origin = (call_id.to_owned(), tag.to_owned(), cseq(headers));
        lock(&core.ongoing).insert(origin.clone()).then(|| Self {
            core: Arc::clone(core),
            origin,
        })
    }
}

impl Drop for Ongoing {
    fn drop(&mut self) {
        lock(&self.core.ongoing).remove(&self.origin);
    }
}
