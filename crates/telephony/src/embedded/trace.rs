//! One line for each SIP message, at level DEBUG: `--log info,telephony=debug`.
//!
//! Never credentials or bodies, and no user part or phrase that may be a customer's number.

use rsipstack::sip::SipMessage;
use rsipstack::transaction::endpoint::MessageInspector;
use rsipstack::transport::SipAddr;

use super::message::value;

/// More digits than this may be a customer's number; extensions have fewer.
const DIGITS_MAX: usize = 5;

/// Sees every message of the stack.
pub(super) struct Trace;

impl MessageInspector for Trace {
    fn before_send(&self, msg: SipMessage, dest: Option<&SipAddr>) -> SipMessage {
        tell("out", &msg, dest);
        msg
    }

    fn after_received(&self, msg: SipMessage, from: Option<&SipAddr>) -> SipMessage {
        tell("in", &msg, from);
        msg
    }
}

fn tell(way: &'static str, message: &SipMessage, peer: Option<&SipAddr>) {
    if !tracing::enabled!(tracing::Level::DEBUG) {
        return;
    }
    let (line, headers) = match message {
        SipMessage::Request(request) => {
            let uri = shown_uri(&request.uri.to_string());
            (format!("{} {uri}", request.method), &request.headers)
        }
        SipMessage::Response(response) => {
            let code = response.status_code.code();
            let phrase = response
                .wire_reason
                .as_deref()
                .unwrap_or_else(|| response.status_code.text());
            (format!("{code} {}", shown(phrase)), &response.headers)
        }
    };
    tracing::debug!(
        way,
        line,
        cseq = value(headers, "CSeq"),
        sip.call_id = value(headers, "Call-ID"),
        peer = peer.map(ToString::to_string),
        "SIP message"
    );
}

/// A text without what may be a number.
fn shown(text: &str) -> &str {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    if digits > DIGITS_MAX { "***" } else { text }
}

/// Scheme, user and host; parameters are left out.
fn shown_uri(uri: &str) -> String {
    let (scheme, rest) = uri.split_once(':').unwrap_or(("", uri));
    match rest.rsplit_once('@') {
        Some((user, host)) => {
            let host = host.split([';', '?']).next().unwrap_or_default();
            format!("{scheme}:{}@{host}", shown(user))
        }
        // Without a user part the host may be what was dialed (`tel:`).
        None if scheme.eq_ignore_ascii_case("tel") => format!("{scheme}:***"),
        None => {
            let host = rest.split([';', '?']).next().unwrap_or_default();
            format!("{scheme}:{host}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_customers_are_not_shown() {
        for (uri, expected) in [
            (
                "sip:+4930555010@10.0.0.9:5060;user=phone",
                "sip:***@10.0.0.9:5060",
            ),
            (
                "sip:+49-30-555.010@carrier.example",
                "sip:***@carrier.example",
            ),
            ("sip:7001@10.0.0.9:35070;ob", "sip:7001@10.0.0.9:35070"),
            ("sip:ringback.example:5060", "sip:ringback.example:5060"),
            ("tel:+4930555010", "tel:***"),
        ] {
            assert_eq!(shown_uri(uri), expected);
        }
        assert_eq!(shown("No credit on account"), "No credit on account");
        assert_eq!(shown("+4930555010 is not assigned"), "***");
    }
}
