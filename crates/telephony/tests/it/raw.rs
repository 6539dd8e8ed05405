//! A peer that sends exactly what a test tells it to, over a plain UDP socket.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::UdpSocket;

use crate::support::LOOPBACK;

const PATIENCE: Duration = Duration::from_secs(10);

/// One message, taken apart as little as possible.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) start: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
    pub(crate) from: SocketAddr,
}

impl Message {
    fn parse(bytes: &[u8], from: SocketAddr) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let mut lines = head.split("\r\n");
        let start = lines.next().unwrap().to_owned();
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
            .collect();
        Self {
            start,
            headers,
            body: body.to_owned(),
            from,
        }
    }

    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        self.headers
            .iter()
            .filter(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
            .collect()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.all(name).first().copied().unwrap_or_default()
    }

    pub(crate) fn is(&self, method: &str) -> bool {
        self.start.starts_with(&format!("{method} "))
    }

    pub(crate) fn status(&self) -> u16 {
        self.start.strip_prefix("SIP/2.0 ").unwrap()[..3]
            .parse()
            .unwrap()
    }
}

/// The scripted peer.
pub(crate) struct Raw {
    socket: UdpSocket,
    pub(crate) address: SocketAddr,
}

impl Raw {
    pub(crate) async fn start() -> Self {
        let socket = UdpSocket::bind(SocketAddr::new(LOOPBACK, 0)).await.unwrap();
        let address = socket.local_addr().unwrap();
        Self { socket, address }
    }

    pub(crate) async fn receive(&self) -> Message {
        let mut buffer = [0; 8192];
        let received = self.socket.recv_from(&mut buffer);
        let (length, from) = tokio::time::timeout(PATIENCE, received)
            .await
            .expect("a message in time")
            .unwrap();
        Message::parse(&buffer[..length], from)
    }

    /// The next message that is the method or the status (as text); others are passed over.
    pub(crate) async fn until(&self, wanted: &str) -> Message {
        loop {
            let message = self.receive().await;
            if message.is(wanted) || message.start.starts_with(&format!("SIP/2.0 {wanted}")) {
                return message;
            }
        }
    }

    /// Nothing arrives that is this method.
    pub(crate) async fn never(&self, method: &str, patience: Duration) {
        let watch = self.until(method);
        assert!(
            tokio::time::timeout(patience, watch).await.is_err(),
            "{method} came"
        );
    }

    /// Answers a request; `more` are whole header lines and perhaps a body.
    pub(crate) async fn answer(&self, request: &Message, status: u16, more: &str) {
        let mut text = format!("SIP/2.0 {status} Text\r\n");
        for (name, value) in &request.headers {
            match name.to_ascii_lowercase().as_str() {
                "via" | "from" | "call-id" | "cseq" | "record-route" => {
                    text.push_str(&format!("{name}: {value}\r\n"));
                }
                "to" if value.contains(";tag=") || status == 100 => {
                    text.push_str(&format!("To: {value}\r\n"));
                }
                "to" => text.push_str(&format!("To: {value};tag=raw\r\n")),
                _ => {}
            }
        }
        text.push_str(&format!("Contact: <sip:raw@{}>\r\n", self.address));
        text.push_str(&finish(more));
        self.send(text.as_bytes(), request.from).await;
    }

    /// Sends a request inside the dialog of an INVITE that this peer has answered.
    pub(crate) async fn request(&self, invite: &Message, method: &str, cseq: u32, more: &str) {
        let target = invite.header("Contact").trim_matches(['<', '>']).to_owned();
        let address = self.address;
        let text = format!(
            "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {address};branch=z9hG4bKraw{method}{cseq}\r\n\
             From: {};tag=raw\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {cseq} {method}\r\n\
             Max-Forwards: 70\r\nContact: <sip:raw@{address}>\r\n{}",
            invite.header("To"),
            invite.header("From"),
            invite.header("Call-ID"),
            finish(more),
        );
        self.send(text.as_bytes(), invite.from).await;
    }

    pub(crate) async fn send(&self, bytes: &[u8], to: SocketAddr) {
        self.socket.send_to(bytes, to).await.unwrap();
    }
}

/// Adds the length and the empty line.
fn finish(more: &str) -> String {
    let (headers, body) = more.split_once("\r\n\r\n").unwrap_or((more, ""));
    let headers = headers.trim_end();
    let separator = if headers.is_empty() { "" } else { "\r\n" };
    format!(
        "{headers}{separator}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Headers and body of a session description.
pub(crate) fn sdp(media: &str) -> String {
    format!(
        "Content-Type: application/sdp\r\n\r\nv=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\n\
         c=IN IP4 127.0.0.1\r\nt=0 0\r\n{media}"
    )
}

/// Plain audio.
pub(crate) const AUDIO: &str = "m=audio 39998 RTP/AVP 0\r\n";
