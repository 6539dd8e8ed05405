//! Reading and building messages of the SIP stack.

use rsipstack::sip::{Header, Headers, Method, Request, Response, StatusCode, Uri, Version};
use sip::header::{Address, elements};

use super::core::Core;

/// Methods we answer, for `Allow`.
pub(super) const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE";
const SDP: &str = "application/sdp";

/// Values of all headers with a name.
pub(super) fn values<'a>(headers: &'a Headers, name: &'a str) -> impl Iterator<Item = &'a str> {
    headers
        .iter()
        .filter(move |h| h.name().eq_ignore_ascii_case(name))
        .map(Header::value)
}

/// First value of a header, or empty.
pub(super) fn value<'a>(headers: &'a Headers, name: &'a str) -> &'a str {
    values(headers, name).next().unwrap_or_default()
}

/// The number of `CSeq`, 0 when it cannot be read.
pub(super) fn cseq(headers: &Headers) -> u32 {
    value(headers, "CSeq")
        .split_whitespace()
        .next()
        .and_then(|n| n.parse().ok())
        .unwrap_or(0)
}

/// The address in the first `Contact`.
pub(super) fn contact(headers: &Headers) -> Option<String> {
    let first = elements(value(headers, "Contact")).next()?;
    Some(Address::parse(first)?.uri.to_owned())
}

/// All `Record-Route` elements in the order of the message.
pub(super) fn record_route(headers: &Headers) -> Vec<String> {
    values(headers, "Record-Route")
        .flat_map(elements)
        .map(str::to_owned)
        .collect()
}

/// The Q.850 cause of a `Reason` header.
pub(super) fn q850(headers: &Headers) -> Option<u8> {
    values(headers, "Reason").find_map(sip::result::q850_of_reason)
}

/// What a final answer says in words: the text of its `Reason`, else its own phrase. Cut to 128
/// characters, without control characters.
pub(super) fn words(response: &Response) -> Option<String> {
    let text = values(&response.headers, "Reason")
        .find_map(|reason| sip::header::parameter(reason, "text"))
        .map(|text| text.trim_matches('"').to_owned());
    let text = text.or_else(|| response.wire_reason.clone())?;
    let kept: String = text.chars().filter(|c| !c.is_control()).take(128).collect();
    let kept = kept.trim();
    (!kept.is_empty()).then(|| kept.to_owned())
}

/// The session description of a message, if it has one.
pub(super) fn sdp<'a>(headers: &Headers, body: &'a [u8]) -> Option<&'a [u8]> {
    let kind = value(headers, "Content-Type")
        .split(';')
        .next()
        .unwrap_or_default()
        .trim();
    (!body.is_empty() && (kind.is_empty() || kind.eq_ignore_ascii_case(SDP))).then_some(body)
}

/// Headers whose name starts with `X-`.
pub(super) fn extra_headers(headers: &Headers) -> Vec<(String, String)> {
    headers
        .iter()
        .filter(|h| {
            h.name()
                .get(..2)
                .is_some_and(|start| start.eq_ignore_ascii_case("x-"))
        })
        .take(crate::limits::HEADERS_MAX)
        .map(|h| (h.name().to_owned(), h.value().to_owned()))
        .collect()
}

/// Reads a URI so that it is written again as it was: the stack encodes the user part once more.
pub(super) fn uri(text: &str) -> Option<Uri> {
    let mut uri = Uri::try_from(text).ok()?;
    if let Some(auth) = &mut uri.auth {
        auth.user = sip::header::decode(&auth.user);
    }
    Some(uri)
}

/// A body with its headers.
pub(super) fn sdp_headers() -> Header {
    Header::ContentType(SDP.into())
}

/// What every request of ours needs.
pub(super) struct Parts<'a> {
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) via: String,
    pub(super) from: &'a str,
    pub(super) to: &'a str,
    pub(super) call_id: &'a str,
    pub(super) cseq: u32,
    pub(super) routes: &'a [String],
}

impl Parts<'_> {
    /// Builds the request; more headers may be pushed.
    pub(super) fn build(self, core: &Core) -> Request {
        let mut headers = vec![Header::Via(self.via.into())];
        headers.extend(
            self.routes
                .iter()
                .map(|route| Header::Route(route.clone().into())),
        );
        headers.extend([
            Header::MaxForwards("70".into()),
            Header::From(self.from.into()),
            Header::To(self.to.into()),
            Header::CallId(self.call_id.into()),
            Header::CSeq(format!("{} {}", self.cseq, self.method).into()),
            Header::UserAgent(core.settings.user_agent.clone().into()),
        ]);
        Request {
            method: self.method,
            uri: self.uri,
            version: Version::V2,
            headers: Headers(headers),
            body: Vec::new(),
        }
    }
}

/// What an answer of ours says besides its status.
#[derive(Default)]
pub(super) struct Reply<'a> {
    /// Put into To when the request has none.
    pub(super) local_tag: &'a str,
    /// Contact of ours, for answers that make or refresh a dialog.
    pub(super) contact: Option<String>,
    /// Session description.
    pub(super) sdp: Option<String>,
    /// More headers.
    pub(super) headers: Vec<Header>,
}

impl Reply<'_> {
    /// Builds the answer to a request.
    pub(super) fn build(self, core: &Core, request: &Request, status: u16) -> Response {
        let body = self.sdp.map(String::into_bytes);
        let has_body = body.is_some();
        let mut response = core
            .endpoint
            .make_response(request, StatusCode::from(status), body);
        if !self.local_tag.is_empty() && status > 100 {
            for header in response.headers.iter_mut() {
                if let Header::To(to) = header
                    && sip::header::tag(to.value()).is_none()
                {
                    to.replace(format!("{};tag={}", to.value(), self.local_tag));
                }
            }
        }
        if let Some(contact) = self.contact {
            // RFC 3261 §12.1.1: answers that make a dialog carry the route back.
            for route in values(&request.headers, "Record-Route") {
                response.headers.push(Header::RecordRoute(route.into()));
            }
            response.headers.push(Header::Contact(contact.into()));
            response.headers.push(Header::Allow(ALLOW.into()));
            response.headers.push(Header::Supported("timer".into()));
        }
        if has_body {
            response.headers.push(sdp_headers());
        }
        response.headers.extend(self.headers);
        response
    }
}
