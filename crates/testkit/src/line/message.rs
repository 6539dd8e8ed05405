//! As much SIP as a phone needs that is called and hangs up.

use std::net::SocketAddr;

/// A request, or a response (method `RESPONSE`).
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) method: String,
    uri: String,
    pub(super) headers: Vec<(String, String)>,
    body: String,
}

impl Request {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
        let mut lines = head.split("\r\n");
        let mut start = lines.next()?.split(' ');
        let (first, second) = (start.next()?, start.next()?);
        let method = if first == "SIP/2.0" {
            "RESPONSE"
        } else {
            first
        };
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
            .collect();
        Some(Self {
            method: method.to_owned(),
            uri: second.to_owned(),
            headers,
            body: body.to_owned(),
        })
    }

    /// Where the caller wants audio, and the payload type of its keys.
    pub(super) fn media(&self) -> Option<(SocketAddr, u8)> {
        let after = |start: &str| self.body.lines().find_map(|line| line.strip_prefix(start));
        let host = after("c=IN IP4 ")?.trim();
        let port = after("m=audio ")?.split(' ').next()?;
        let mut lines = self.body.lines();
        let keys = lines.find(|line| line.contains(" telephone-event/8000"))?;
        let payload_type = keys.strip_prefix("a=rtpmap:")?.split(' ').next()?;
        let address = format!("{host}:{port}").parse().ok()?;
        Some((address, payload_type.parse().ok()?))
    }

    fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        // Compact forms (RFC 3261 §7.3.3) of the headers that are asked for.
        let short = match name {
            "Call-ID" => "i",
            "Via" => "v",
            "From" => "f",
            "To" => "t",
            "Contact" => "m",
            other => other,
        };
        let is = move |key: &str| key.eq_ignore_ascii_case(name) || key.eq_ignore_ascii_case(short);
        self.headers
            .iter()
            .filter(move |(key, _)| is(key))
            .map(|(_, value)| value.as_str())
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.all(name).next().unwrap_or_default()
    }

    /// Branch of the topmost Via.
    pub(super) fn branch(&self) -> &str {
        let via = self.header("Via");
        via.split(';')
            .find_map(|part| part.trim().strip_prefix("branch="))
            .unwrap_or_default()
    }

    /// User part of the Request-URI.
    pub(super) fn user(&self) -> String {
        let rest = self.uri.strip_prefix("sip:").unwrap_or(&self.uri);
        rest.split(['@', ';']).next().unwrap_or_default().to_owned()
    }

    fn head(&self, status: &str, tag: &str) -> String {
        let mut out = format!("SIP/2.0 {status}\r\n");
        for name in ["Via", "Record-Route"] {
            for value in self.all(name) {
                out.push_str(&format!("{name}: {value}\r\n"));
            }
        }
        let to = self.header("To");
        let to = if tag.is_empty() || to.contains("tag=") {
            to.to_owned()
        } else {
            format!("{to};tag={tag}")
        };
        out.push_str(&format!("From: {}\r\nTo: {to}\r\n", self.header("From")));
        out.push_str(&format!("Call-ID: {}\r\n", self.header("Call-ID")));
        out.push_str(&format!("CSeq: {}\r\n", self.header("CSeq")));
        out
    }

    /// An answer without a body; `extra` are whole header lines.
    pub(super) fn answer(&self, status: &str, tag: &str, extra: &str) -> String {
        format!("{}{extra}Content-Length: 0\r\n\r\n", self.head(status, tag))
    }

    /// 200 with an SDP answer that takes keys as events when they are offered.
    pub(super) fn accept(&self, tag: &str, port: u16, audio: u16) -> String {
        let keys = self.media().map(|(_, payload_type)| payload_type);
        self.accept_with(tag, port, audio, keys)
    }

    /// 200 with an SDP answer; `keys` is the payload type of events.
    pub(super) fn accept_with(&self, tag: &str, port: u16, audio: u16, keys: Option<u8>) -> String {
        let sdp = format!(
            "v=0\r\no=line 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
             m=audio {audio} RTP/AVP 0{}\r\na=rtpmap:0 PCMU/8000\r\n{}a=sendrecv\r\n",
            keys.as_ref()
                .map_or_else(String::new, |pt| format!(" {pt}")),
            keys.as_ref().map_or_else(String::new, |pt| {
                format!("a=rtpmap:{pt} telephone-event/8000\r\na=fmtp:{pt} 0-15\r\n")
            }),
        );
        let length = sdp.len();
        format!(
            "{}{}Content-Type: application/sdp\r\nContent-Length: {length}\r\n\r\n{sdp}",
            self.head("200 OK", tag),
            contact(port)
        )
    }

    /// BYE of the called side (RFC 3261 §15.1.1): From and To change places.
    pub(super) fn bye(&self, tag: &str, port: u16) -> String {
        let contact = self.header("Contact");
        let target = contact.split(['<', '>']).nth(1).unwrap_or(contact);
        format!(
            "BYE {target} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bKbye{}\r\n\
             Max-Forwards: 70\r\nFrom: {};tag={tag}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: 1 BYE\r\n\
             Content-Length: 0\r\n\r\n",
            self.branch(),
            self.header("To"),
            self.header("From"),
            self.header("Call-ID"),
        )
    }

    /// NOTIFY of the called side about a REFER (RFC 3515 §2.4.4).
    pub(super) fn report(&self, tag: &str, port: u16, status: u16) -> String {
        let contact = self.header("Contact");
        let target = contact.split(['<', '>']).nth(1).unwrap_or(contact);
        let body = format!("SIP/2.0 {status} Reported\r\n");
        format!(
            "NOTIFY {target} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bKntf{}\r\n\
             Max-Forwards: 70\r\nFrom: {};tag={tag}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: 1 NOTIFY\r\n\
             Contact: <sip:line@127.0.0.1:{port}>\r\nEvent: refer\r\n\
             Subscription-State: terminated;reason=noresource\r\n\
             Content-Type: message/sipfrag\r\nContent-Length: {}\r\n\r\n{body}",
            self.branch(),
            self.header("To"),
            self.header("From"),
            self.header("Call-ID"),
            body.len(),
        )
    }
}

/// A key as RTP packets: begun, held, and ended three times (RFC 4733 §2.5.1).
pub(super) fn key_press(key: char, payload_type: u8) -> Vec<Vec<u8>> {
    let event = match key {
        '*' => 10,
        '#' => 11,
        digit => u8::try_from(digit.to_digit(10).unwrap_or(0)).unwrap_or(0),
    };
    let packet = |(number, (duration, ended)): (u16, (u16, bool))| {
        let marker = if number == 0 { 0x80 } else { 0 };
        let mut bytes = vec![0x80, marker | payload_type];
        bytes.extend((1000 + number).to_be_bytes());
        bytes.extend(16_000_u32.to_be_bytes());
        bytes.extend(0x00c0_ffee_u32.to_be_bytes());
        bytes.extend([event, if ended { 0x8a } else { 0x0a }]);
        bytes.extend(duration.to_be_bytes());
        bytes
    };
    let held = [160, 320, 480, 640, 800].map(|duration| (duration, false));
    let ended = [(960, true); 3];
    (0..)
        .zip(held.into_iter().chain(ended))
        .map(packet)
        .collect()
}

pub(super) fn contact(port: u16) -> String {
    format!("Contact: <sip:line@127.0.0.1:{port}>\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invite_is_read_and_answered() {
        let text = "INVITE sip:5115@127.0.0.1:5080;transport=udp SIP/2.0\r\n\
                    Via: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK1;rport\r\nf: <sip:a@h>;tag=x\r\n\
                    To: <sip:5115@h>\r\nCall-ID: c1\r\nCSeq: 1 INVITE\r\n\
                    Contact: <sip:ringback@127.0.0.1:5060>\r\n\r\n";
        let request = Request::parse(text).unwrap();
        assert_eq!(request.user(), "5115");
        assert_eq!(request.branch(), "z9hG4bK1");
        let answer = request.answer("180 Ringing", "line", &contact(7));
        assert!(answer.starts_with("SIP/2.0 180 Ringing\r\nVia: SIP/2.0/UDP"));
        assert!(answer.contains("To: <sip:5115@h>;tag=line\r\n"));
        assert!(
            request
                .bye("line", 7)
                .starts_with("BYE sip:ringback@127.0.0.1:5060 SIP/2.0")
        );
    }
}
