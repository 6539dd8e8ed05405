//! Requests that a SIP stack drops without a word, and what they are answered with.
//!
//! A stack that cannot read a message has nobody to hand it to; the peer then repeats it for 32 s
//! and takes us for dead. RFC 3261 wants 501 for a method nobody knows (§8.2.1), 505 for another
//! version (§21.5.6), 416 for a scheme that is none of ours (§8.2.2.1) and 400 for what is
//! malformed. [`judge`] looks at the bytes of one message before the stack does.
//!
//! The answers keep no state: a repeated request gets the same answer, tag included (§8.2.7).

use std::borrow::Cow;
use std::fmt::Write as _;
use std::net::SocketAddr;

/// Methods that are handed on, whether we serve them or not.
const KNOWN: [&str; 14] = [
    "INVITE",
    "ACK",
    "BYE",
    "CANCEL",
    "OPTIONS",
    "REGISTER",
    "UPDATE",
    "INFO",
    "PRACK",
    "REFER",
    "NOTIFY",
    "SUBSCRIBE",
    "MESSAGE",
    "PUBLISH",
];
/// Longest answer; a request that would need more is dropped.
const ANSWER_MAX_BYTES: usize = 4_096;

/// What is to be done with a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// The stack can read it.
    Pass,
    /// It goes no further; this is sent back.
    Refuse(Refusal),
    /// It goes no further and cannot or must not be answered.
    Drop,
}

/// A whole answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Status code.
    pub status: u16,
    /// The message.
    pub bytes: Vec<u8>,
    /// Where it goes when it came in a datagram (RFC 3261 §18.2.2, RFC 3581).
    pub to: SocketAddr,
}

/// Header fields that every request needs, as they stand in the message.
#[derive(Debug, Default)]
struct Fields<'a> {
    via: Vec<Cow<'a, str>>,
    from: Option<Cow<'a, str>>,
    to: Option<Cow<'a, str>>,
    call_id: Option<Cow<'a, str>>,
    cseq: Option<Cow<'a, str>>,
    length: Option<Cow<'a, str>>,
}

impl<'a> Fields<'a> {
    fn read(lines: impl Iterator<Item = &'a str>) -> Self {
        let mut fields = Self::default();
        let mut pending: Option<(&'a str, Cow<'a, str>)> = None;
        for line in lines {
            if line.starts_with([' ', '\t']) {
                if let Some((_, value)) = &mut pending {
                    let value = value.to_mut();
                    value.push(' ');
                    value.push_str(line.trim());
                }
                continue;
            }
            if let Some((name, value)) = pending.take() {
                fields.take(name, value);
            }
            pending = line
                .split_once(':')
                .map(|(name, value)| (name.trim(), Cow::Borrowed(value.trim())));
        }
        if let Some((name, value)) = pending {
            fields.take(name, value);
        }
        fields
    }

    fn take(&mut self, name: &str, value: Cow<'a, str>) {
        let is = |long: &str, short: &str| {
            name.eq_ignore_ascii_case(long) || name.eq_ignore_ascii_case(short)
        };
        if is("Via", "v") {
            self.via.push(value);
        } else if is("From", "f") {
            self.from.get_or_insert(value);
        } else if is("To", "t") {
            self.to.get_or_insert(value);
        } else if is("Call-ID", "i") {
            self.call_id.get_or_insert(value);
        } else if is("CSeq", "cseq") {
            self.cseq.get_or_insert(value);
        } else if is("Content-Length", "l") {
            self.length.get_or_insert(value);
        }
    }

    /// The status for what is missing or unreadable; `None` when all is there.
    fn fault(&self, method: &str, body: &[u8]) -> Option<u16> {
        let from = self.from.as_deref().unwrap_or_default();
        let readable = crate::header::tag(from).is_some()
            && self.to.as_deref().is_some_and(is_address)
            && self.call_id.as_deref().is_some_and(|id| !id.is_empty())
            && self.cseq.as_deref().is_some_and(|c| is_cseq(c, method));
        let whole = self.length.as_deref().is_none_or(|length| {
            length
                .parse::<usize>()
                .is_ok_and(|length| length <= body.len())
        });
        (!readable || !whole).then_some(400)
    }
}

fn is_address(value: &str) -> bool {
    crate::header::Address::parse(value).is_some()
}

/// A number below 2^31 and the method of the start line (RFC 3261 §8.1.1.5).
fn is_cseq(value: &str, method: &str) -> bool {
    let mut words = value.split_whitespace();
    let number = words.next().and_then(|n| n.parse::<u32>().ok());
    let same = words.next().is_some_and(|m| m.eq_ignore_ascii_case(method));
    number.is_some_and(|n| n < 1 << 31) && same && words.next().is_none()
}

/// Looks at one message. `uri_is_readable` asks the stack about a Request-URI; `allow` is the
/// value of `Allow` in our answers.
pub fn judge(
    message: &[u8],
    source: SocketAddr,
    allow: &str,
    uri_is_readable: impl Fn(&str) -> bool,
) -> Judgement {
    let Some(end) = message.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Judgement::Drop;
    };
    let (head, body) = message.split_at_checked(end).unwrap_or_default();
    let body = body.get(4..).unwrap_or_default();
    // Only the edge repairs text; here a doubtful byte may stand for anything.
    let head = String::from_utf8_lossy(head);
    let mut lines = head.split('\n').map(|line| line.trim_end_matches('\r'));
    let start = lines.next().unwrap_or_default();
    if start.starts_with("SIP/") {
        return Judgement::Pass;
    }
    let mut words = start.split([' ', '\t']);
    let method = words.next().unwrap_or_default();
    if !is_token(method) {
        return Judgement::Drop;
    }
    let (uri, version) = (
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
    );
    let extra = words.next().is_some();
    let fields = Fields::read(lines);
    let known = KNOWN.iter().any(|m| m.eq_ignore_ascii_case(method));
    let status = if version.starts_with("SIP/") && version != "SIP/2.0" {
        Some(505)
    } else if extra || version.is_empty() {
        Some(400)
    } else {
        fields
            .fault(method, body)
            .or_else(|| (!known).then_some(501))
            .or_else(|| scheme_fault(uri))
            .or_else(|| (!uri_is_readable(uri)).then_some(400))
    };
    match status {
        None => Judgement::Pass,
        Some(_) if method.eq_ignore_ascii_case("ACK") => Judgement::Drop,
        Some(status) => refuse(&fields, status, source, allow),
    }
}

fn is_token(word: &str) -> bool {
    let letters = word
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&b));
    letters && (1..=32).contains(&word.len())
}

/// 416 for a scheme that is none of SIP's, 400 for none at all.
fn scheme_fault(uri: &str) -> Option<u16> {
    let Some((scheme, _)) = uri.split_once(':') else {
        return Some(400);
    };
    let ours = ["sip", "sips", "tel"];
    if ours.iter().any(|own| own.eq_ignore_ascii_case(scheme)) {
        return None;
    }
    Some(if is_token(scheme) { 416 } else { 400 })
}

fn reason(status: u16) -> &'static str {
    match status {
        416 => "Unsupported URI Scheme",
        501 => "Not Implemented",
        505 => "Version Not Supported",
        _ => "Bad Request",
    }
}

/// Builds the answer; without a Via nobody knows where it should go.
fn refuse(fields: &Fields<'_>, status: u16, source: SocketAddr, allow: &str) -> Judgement {
    let Some((top, to)) = fields.via.first().and_then(|via| answered_via(via, source)) else {
        return Judgement::Drop;
    };
    let mut text = format!("SIP/2.0 {status} {}\r\nVia: {top}\r\n", reason(status));
    for via in fields.via.iter().skip(1) {
        line(&mut text, "Via", via);
    }
    if let Some(from) = &fields.from {
        line(&mut text, "From", from);
    }
    if let Some(addressed) = &fields.to {
        let tag = if crate::header::tag(addressed).is_some() {
            String::new()
        } else {
            format!(";tag={:016x}", tag_of(&top, fields))
        };
        line(&mut text, "To", &format!("{addressed}{tag}"));
    }
    if let Some(call_id) = &fields.call_id {
        line(&mut text, "Call-ID", call_id);
    }
    if let Some(cseq) = &fields.cseq {
        line(&mut text, "CSeq", cseq);
    }
    if status == 501 {
        line(&mut text, "Allow", allow);
    }
    text.push_str("Content-Length: 0\r\n\r\n");
    if text.len() > ANSWER_MAX_BYTES {
        return Judgement::Drop;
    }
    Judgement::Refuse(Refusal {
        status,
        bytes: text.into_bytes(),
        to,
    })
}

fn line(text: &mut String, name: &str, value: &str) {
    // Writing into a string cannot fail.
    write!(text, "{name}: {value}\r\n").ok();
}

/// The same for every repetition of a request (FNV-1a).
fn tag_of(via: &str, fields: &Fields<'_>) -> u64 {
    let call_id = fields.call_id.as_deref().unwrap_or_default();
    via.bytes()
        .chain(call_id.bytes())
        .fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
        })
}

/// The first Via with `received` and `rport`, and where the answer goes.
fn answered_via(via: &str, source: SocketAddr) -> Option<(String, SocketAddr)> {
    let mut all = crate::header::elements(via);
    let first = all.next()?;
    let (sent, parameters) = first.split_at_checked(first.find(';').unwrap_or(first.len()))?;
    let host = sent.split_whitespace().nth(1)?;
    if !sent.to_ascii_uppercase().starts_with("SIP/2.0/") {
        return None;
    }
    let asked = crate::header::parameter(parameters, "rport").is_some();
    let mut top = sent.to_owned();
    for parameter in parameters.split(';').filter(|p| !p.trim().is_empty()) {
        let name = parameter.split('=').next().unwrap_or_default().trim();
        if !["rport", "received"].contains(&name.to_ascii_lowercase().as_str()) {
            write!(top, ";{}", parameter.trim()).ok();
        }
    }
    if asked {
        write!(top, ";rport={}", source.port()).ok();
    }
    write!(top, ";received={}", source.ip()).ok();
    let port = if asked { source.port() } else { port_of(host) };
    for other in all {
        write!(top, ", {other}").ok();
    }
    Some((top, SocketAddr::new(source.ip(), port)))
}

/// Port of `host:port`, 5060 when none is given or it cannot be read.
fn port_of(host: &str) -> u16 {
    let after = host.rsplit_once(']').map_or(host, |(_, after)| after);
    after
        .rsplit_once(':')
        .and_then(|(_, port)| port.parse().ok())
        .unwrap_or(5_060)
}

/// Replaces what is no UTF-8 in the head of a message by `?`, so that one letter of an old
/// exchange's display name does not cost the call; bodies stay as they are.
pub fn repair(message: &mut [u8]) {
    let end = message
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap_or(message.len());
    let Some(mut rest) = message.get_mut(..end) else {
        return;
    };
    while let Err(error) = std::str::from_utf8(rest) {
        let Some((_, bad)) = rest.split_at_mut_checked(error.valid_up_to()) else {
            return;
        };
        let length = error.error_len().unwrap_or(bad.len()).max(1);
        let Some((bad, after)) = bad.split_at_mut_checked(length) else {
            return;
        };
        bad.fill(b'?');
        rest = after;
    }
}

#[cfg(test)]
mod tests;
