//! Offer and answer of one audio call (RFC 3264): PCMU, PCMA, G.722 and telephone-event, 20 ms.
//!
//! A [`Session`] lives as long as the call and counts its versions. What a peer may send comes in
//! as bytes and leaves as [`Remote`] or a refusal; secure media is refused until SRTP exists.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

use sdp_types::{Attribute, Media};

/// Payload type of telephone-event in our own offers.
pub const TELEPHONE_EVENT: u8 = 101;

/// Longest description that is read; more than any phone sends.
const LENGTH_MAX: usize = 16 * 1024;

/// Audio codec with its static payload type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// G.711 µ-law, payload type 0.
    Pcmu,
    /// G.711 A-law, payload type 8.
    Pcma,
    /// G.722, payload type 9.
    G722,
}

/// What is offered, in this order, when nothing else is configured.
pub const CODECS: [Codec; 3] = [Codec::Pcmu, Codec::Pcma, Codec::G722];

impl Codec {
    /// The payload type.
    #[must_use]
    pub fn payload_type(self) -> u8 {
        match self {
            Self::Pcmu => 0,
            Self::Pcma => 8,
            Self::G722 => 9,
        }
    }

    fn of_payload_type(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Pcmu),
            8 => Some(Self::Pcma),
            9 => Some(Self::G722),
            _ => None,
        }
    }

    /// The encoding name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
            Self::G722 => "G722",
        }
    }
}

/// What was agreed with the peer, seen from our side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remote {
    /// Where the peer wants its media.
    pub address: SocketAddr,
    /// Codec of both directions.
    pub codec: Codec,
    /// Payload type of telephone-event, if agreed.
    pub telephone_event: Option<u8>,
    /// We may send; false while the peer holds us.
    pub send: bool,
    /// The peer may send.
    pub receive: bool,
}

/// A description cannot be accepted: 488 for an offer, end of the call for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unacceptable {
    /// No session description.
    #[error("the session description cannot be read")]
    Syntax,
    /// No audio line, or the peer switched it off.
    #[error("the session description offers no audio")]
    NoAudio,
    /// Audio is offered with encryption only.
    #[error("the session description offers encrypted audio only")]
    SecureOnly,
    /// No codec that we know.
    #[error("the session description offers no known codec")]
    NoCodec,
    /// No usable address.
    #[error("the session description names no usable address")]
    NoAddress,
}

/// Our side of the offer/answer exchanges of one call.
#[derive(Clone, Debug)]
pub struct Session {
    local: SocketAddr,
    id: u64,
    version: u64,
    last: Option<String>,
    codecs: Vec<Codec>,
    events: bool,
}

impl Session {
    /// Begins a session whose media comes to `local`; `id` should be unique per call.
    #[must_use]
    pub fn new(local: SocketAddr, id: u64) -> Self {
        // Both numbers go into decimal text that some peers read as signed 64 bits.
        let id = id >> 2;
        Self {
            local,
            id,
            version: id,
            last: None,
            codecs: CODECS.to_vec(),
            events: true,
        }
    }

    /// Offers and takes these codecs only, in this order; none = [`CODECS`].
    #[must_use]
    pub fn with_codecs(mut self, codecs: &[Codec]) -> Self {
        if !codecs.is_empty() {
            self.codecs = codecs.to_vec();
        }
        self
    }

    /// Neither offers nor takes telephone-event: keys come as tones.
    #[must_use]
    pub const fn without_events(mut self) -> Self {
        self.events = false;
        self
    }

    /// Our offer: our codecs and telephone-event, both directions.
    pub fn offer(&mut self) -> String {
        let events = self.events.then_some(TELEPHONE_EVENT);
        let mut media = self.audio_line(&self.codecs, events);
        media.push_str("a=sendrecv\r\n");
        self.finish(media)
    }

    /// Answers an offer; other media lines are refused in their place.
    ///
    /// # Errors
    /// [`Unacceptable`] when no audio line can be agreed; the session is unchanged then.
    pub fn answer(&mut self, offer: &[u8]) -> Result<(String, Remote), Unacceptable> {
        let offer = parse(offer)?;
        let (chosen, mut remote) = choose(&offer, &self.codecs)?;
        remote.telephone_event = remote.telephone_event.filter(|_| self.events);
        let mut body = String::new();
        for (index, media) in offer.medias.iter().enumerate() {
            if index == chosen {
                body.push_str(&self.audio_line(&[remote.codec], remote.telephone_event));
                let direction = match (remote.send, remote.receive) {
                    (true, true) => "sendrecv",
                    (true, false) => "sendonly",
                    (false, true) => "recvonly",
                    (false, false) => "inactive",
                };
                writeln_crlf(&mut body, format_args!("a={direction}"));
            } else {
                let Media {
                    media, proto, fmt, ..
                } = media;
                writeln_crlf(&mut body, format_args!("m={media} 0 {proto} {fmt}"));
            }
        }
        Ok((self.finish(body), remote))
    }

    /// Reads the answer to our offer, final or early.
    ///
    /// # Errors
    /// [`Unacceptable`] when the peer agreed to nothing that we offered.
    pub fn read_answer(&self, answer: &[u8]) -> Result<Remote, Unacceptable> {
        let (_, mut remote) = choose(&parse(answer)?, &self.codecs)?;
        remote.telephone_event = remote.telephone_event.filter(|_| self.events);
        Ok(remote)
    }

    fn audio_line(&self, codecs: &[Codec], telephone_event: Option<u8>) -> String {
        let mut line = format!("m=audio {} RTP/AVP", self.local.port());
        for number in codecs
            .iter()
            .map(|codec| codec.payload_type())
            .chain(telephone_event)
        {
            // Writing into a string cannot fail.
            write!(line, " {number}").ok();
        }
        line.push_str("\r\n");
        for codec in codecs {
            let (number, name) = (codec.payload_type(), codec.name());
            writeln_crlf(&mut line, format_args!("a=rtpmap:{number} {name}/8000"));
        }
        if let Some(number) = telephone_event {
            writeln_crlf(
                &mut line,
                format_args!("a=rtpmap:{number} telephone-event/8000"),
            );
            writeln_crlf(&mut line, format_args!("a=fmtp:{number} 0-15"));
        }
        line.push_str("a=ptime:20\r\n");
        line
    }

    /// Puts the session part before the media part; the version grows when something changed.
    fn finish(&mut self, media: String) -> String {
        match &self.last {
            Some(last) if *last == media => {}
            Some(_) => self.version += 1,
            None => {}
        }
        let ip = self.local.ip();
        let family = if ip.is_ipv4() { "IP4" } else { "IP6" };
        let (id, version) = (self.id, self.version);
        let body = format!(
            "v=0\r\no=- {id} {version} IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\n{media}"
        );
        self.last = Some(media);
        body
    }
}

/// The offer wants to send a fax: T.38, as image or as application.
#[must_use]
pub fn is_fax_offer(body: &[u8]) -> bool {
    parse(body).is_ok_and(|offer| {
        offer.medias.iter().any(|media| {
            media.port != 0
                && (media.media == "image" || media.fmt.to_ascii_lowercase().contains("t38"))
        })
    })
}

fn parse(body: &[u8]) -> Result<sdp_types::Session, Unacceptable> {
    if body.len() > LENGTH_MAX {
        return Err(Unacceptable::Syntax);
    }
    sdp_types::Session::parse(body).map_err(|_why| Unacceptable::Syntax)
}

/// Picks the first audio line that can be agreed.
fn choose(session: &sdp_types::Session, codecs: &[Codec]) -> Result<(usize, Remote), Unacceptable> {
    let mut refusal = Unacceptable::NoAudio;
    for (index, media) in session.medias.iter().enumerate() {
        if media.media != "audio" || media.port == 0 {
            continue;
        }
        match read_audio(session, media, codecs) {
            Ok(remote) => return Ok((index, remote)),
            Err(why) => refusal = why,
        }
    }
    Err(refusal)
}

fn read_audio(
    session: &sdp_types::Session,
    media: &Media,
    codecs: &[Codec],
) -> Result<Remote, Unacceptable> {
    if !media.proto.eq_ignore_ascii_case("RTP/AVP") {
        return Err(if media.proto.to_ascii_uppercase().contains("SAVP") {
            Unacceptable::SecureOnly
        } else {
            Unacceptable::NoCodec
        });
    }
    let numbers: Vec<u8> = media
        .fmt
        .split_ascii_whitespace()
        .filter_map(|number| number.parse().ok())
        .collect();
    let codec = numbers
        .iter()
        .filter_map(|&n| Codec::of_payload_type(n))
        .find(|codec| codecs.contains(codec))
        .ok_or(Unacceptable::NoCodec)?;
    let telephone_event = numbers
        .iter()
        .copied()
        .find(|&n| is_telephone_event(media, n));
    let ip = media
        .connections
        .first()
        .or(session.connection.as_ref())
        .and_then(|c| c.try_address().ok())
        .map(|c| c.ip)
        .filter(|ip| !ip.is_multicast())
        .ok_or(Unacceptable::NoAddress)?;
    let (mut send, receive) = directions(&session.attributes, &media.attributes);
    if ip.is_unspecified() {
        // The old way of holding a call (RFC 2543): nowhere to send to.
        send = false;
    }
    Ok(Remote {
        address: SocketAddr::new(ip, media.port),
        codec,
        telephone_event,
        send,
        receive,
    })
}

fn is_telephone_event(media: &Media, number: u8) -> bool {
    media
        .attributes
        .iter()
        .filter(|a| a.attribute == "rtpmap")
        .any(|a| {
            let mut words = a
                .value
                .as_deref()
                .unwrap_or_default()
                .split_ascii_whitespace();
            words.next().and_then(|n| n.parse::<u8>().ok()) == Some(number)
                && words.next().is_some_and(|name| {
                    let name = name.to_ascii_lowercase();
                    name == "telephone-event/8000" || name.starts_with("telephone-event/8000/")
                })
        })
}

/// What we may do (send, receive), given what the peer does; the media line wins.
fn directions(session: &[Attribute], media: &[Attribute]) -> (bool, bool) {
    let find = |attributes: &[Attribute]| {
        attributes.iter().find_map(|a| match a.attribute.as_str() {
            "sendrecv" => Some((true, true)),
            "sendonly" => Some((false, true)),
            "recvonly" => Some((true, false)),
            "inactive" => Some((false, false)),
            _ => None,
        })
    };
    find(media)
        .or_else(|| find(session))
        .unwrap_or((true, true))
}

fn writeln_crlf(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing into a string cannot fail.
    text.write_fmt(line).ok();
    text.push_str("\r\n");
}

/// Puts an address into a URI or header: IPv6 in brackets.
#[must_use]
pub fn host(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

#[cfg(test)]
mod tests;
