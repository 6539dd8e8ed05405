//! RTCP: sender and receiver reports, the name of a source, its end (RFC 3550 section 6).

/// Packet types.
const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const DESCRIPTION: u8 = 202;
const BYE: u8 = 203;
/// Item of a description: the canonical name.
const CNAME: u8 = 1;
/// Packets of one datagram that are read.
const PACKETS_MAX: usize = 8;
/// Longest canonical name that is written, bytes.
const NAME_BYTES_MAX: usize = 64;

/// What a source says about the packets it has sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Time of the report, NTP format: seconds and 2⁻³² seconds; any zero.
    pub ntp: u64,
    /// The same moment on the clock of the RTP timestamps.
    pub timestamp: u32,
    /// Packets since the start.
    pub packets: u32,
    /// Payload bytes since the start.
    pub octets: u32,
}

/// What a source says about the packets that reached it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// The source that it is about.
    pub ssrc: u32,
    /// Share lost since the report before, 1/256.
    pub fraction_lost: u8,
    /// Packets lost since the start, 0 to 2²³−1.
    pub lost: u32,
    /// Highest sequence number, with the number of its wraps above.
    pub sequence: u32,
    /// Jitter between arrivals, timestamp units.
    pub jitter: u32,
    /// Middle 32 bits of [`Sent::ntp`] of the last report; 0 = none came.
    pub last_report: u32,
    /// Time since that report came, 1/65,536 s.
    pub delay: u32,
}

/// What a datagram says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compound {
    /// Who says it.
    pub ssrc: u32,
    /// About its own packets.
    pub sent: Option<Sent>,
    /// About the packets of others.
    pub heard: Vec<Heard>,
    /// Its stream has ended.
    pub bye: bool,
}

/// Whether a datagram that arrived on the RTP port is RTCP (RFC 5761, section 4).
#[must_use]
pub fn is_rtcp(datagram: &[u8]) -> bool {
    datagram
        .get(1)
        .is_some_and(|kind| (192..=223).contains(kind))
}

/// Reads a datagram; `None` when it does not begin with a report of version 2 or breaks off.
#[must_use]
pub fn parse(datagram: &[u8]) -> Option<Compound> {
    let mut compound: Option<Compound> = None;
    let mut rest = datagram;
    for _ in 0..PACKETS_MAX {
        if rest.is_empty() {
            break;
        }
        let (head, _) = rest.split_first_chunk::<4>()?;
        let [first, kind, high, low] = *head;
        let length = 4 * (usize::from(u16::from_be_bytes([high, low])) + 1);
        let (packet, behind) = rest.split_at_checked(length)?;
        let (count, mut body) = (usize::from(first & 0x1F), packet.get(4..)?);
        rest = behind;
        if first >> 6 != 2 {
            return None;
        }
        match kind {
            SENDER_REPORT | RECEIVER_REPORT => {
                let ssrc = u32_of(&mut body)?;
                let sent = match kind {
                    SENDER_REPORT => Some(sent(&mut body)?),
                    _ => None,
                };
                let compound = compound.get_or_insert_default();
                (compound.ssrc, compound.sent) = (ssrc, sent.or(compound.sent));
                for _ in 0..count {
                    compound.heard.push(heard(&mut body)?);
                }
            }
            BYE => {
                let compound = compound.as_mut()?;
                for _ in 0..count {
                    compound.bye |= u32_of(&mut body)? == compound.ssrc;
                }
            }
            // Descriptions, applications and feedback say nothing that is used here.
            _ => {
                compound.as_ref()?;
            }
        }
    }
    compound
}

/// Writes a report with the name of the source; `out` is replaced.
///
/// Without [`Sent`] it is a receiver report. A name longer than 64 bytes is cut.
pub fn write(ssrc: u32, sent: Option<Sent>, heard: Option<Heard>, name: &str, out: &mut Vec<u8>) {
    out.clear();
    let (kind, own) = match sent {
        Some(sent) => (SENDER_REPORT, own(sent)),
        None => (RECEIVER_REPORT, Vec::new()),
    };
    let blocks: Vec<u8> = heard.iter().flat_map(block).collect();
    let body = [ssrc.to_be_bytes().as_slice(), &own, &blocks].concat();
    packet(kind, u8::from(heard.is_some()), &body, out);
    packet(DESCRIPTION, 1, &description(ssrc, name), out);
}

/// Writes that a stream has ended, behind an empty report; `out` is replaced.
pub fn write_bye(ssrc: u32, name: &str, out: &mut Vec<u8>) {
    write(ssrc, None, None, name, out);
    packet(BYE, 1, &ssrc.to_be_bytes(), out);
}

fn packet(kind: u8, count: u8, body: &[u8], out: &mut Vec<u8>) {
    // All bodies here are whole words, and far below the limit of 65,535 of them.
    let words = u16::try_from(body.len() / 4).unwrap_or(0);
    out.extend([0x80 | count, kind]);
    out.extend(words.to_be_bytes());
    out.extend(body);
}

fn own(sent: Sent) -> Vec<u8> {
    let mut bytes = sent.ntp.to_be_bytes().to_vec();
    for word in [sent.timestamp, sent.packets, sent.octets] {
        bytes.extend(word.to_be_bytes());
    }
    bytes
}

fn block(heard: &Heard) -> Vec<u8> {
    let lost = heard.lost.min(0x7F_FFFF);
    let words = [
        heard.ssrc,
        (u32::from(heard.fraction_lost) << 24) | lost,
        heard.sequence,
        heard.jitter,
        heard.last_report,
        heard.delay,
    ];
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

fn description(ssrc: u32, name: &str) -> Vec<u8> {
    let name = name.as_bytes();
    let name = name.get(..NAME_BYTES_MAX).unwrap_or(name);
    let mut body = ssrc.to_be_bytes().to_vec();
    body.extend([CNAME, u8::try_from(name.len()).unwrap_or(0)]);
    body.extend(name);
    // At least one zero ends the list, up to a whole word.
    body.resize(body.len() / 4 * 4 + 4, 0);
    body
}

fn u32_of(bytes: &mut &[u8]) -> Option<u32> {
    let (word, rest) = bytes.split_first_chunk::<4>()?;
    *bytes = rest;
    Some(u32::from_be_bytes(*word))
}

fn sent(body: &mut &[u8]) -> Option<Sent> {
    let ntp = (u64::from(u32_of(body)?) << 32) | u64::from(u32_of(body)?);
    Some(Sent {
        ntp,
        timestamp: u32_of(body)?,
        packets: u32_of(body)?,
        octets: u32_of(body)?,
    })
}

fn heard(body: &mut &[u8]) -> Option<Heard> {
    let (ssrc, losses) = (u32_of(body)?, u32_of(body)?);
    let [fraction_lost, ..] = losses.to_be_bytes();
    // The number is signed: doubles make it negative, which counts as nothing lost.
    let lost = losses & 0xFF_FFFF;
    Some(Heard {
        ssrc,
        fraction_lost,
        lost: if lost > 0x7F_FFFF { 0 } else { lost },
        sequence: u32_of(body)?,
        jitter: u32_of(body)?,
        last_report: u32_of(body)?,
        delay: u32_of(body)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENT: Sent = Sent {
        ntp: 0x0102_0304_0506_0708,
        timestamp: 160,
        packets: 50,
        octets: 8_000,
    };
    const HEARD: Heard = Heard {
        ssrc: 9,
        fraction_lost: 12,
        lost: 34,
        sequence: 70_000,
        jitter: 5,
        last_report: 0x0304_0506,
        delay: 65_536,
    };

    #[test]
    fn what_is_written_is_read_again() {
        let mut out = Vec::new();
        for (sent, heard) in [
            (Some(SENT), Some(HEARD)),
            (Some(SENT), None),
            (None, Some(HEARD)),
            (None, None),
        ] {
            write(7, sent, heard, "a@b", &mut out);
            assert!(out.len().is_multiple_of(4) && is_rtcp(&out));
            let compound = parse(&out).unwrap();
            assert_eq!((compound.ssrc, compound.sent), (7, sent));
            assert_eq!(compound.heard, Vec::from_iter(heard));
            assert!(!compound.bye);
        }
        write_bye(7, &"n".repeat(300), &mut out);
        assert!(parse(&out).unwrap().bye);
    }

    #[test]
    fn foreign_bytes_are_refused() {
        let mut out = Vec::new();
        write(7, Some(SENT), Some(HEARD), "name", &mut out);
        assert_eq!(parse(&out[..out.len() - 1]), None);
        assert_eq!(parse(&[]), None);
        assert_eq!(
            parse(&[0x80, 203, 0, 1, 0, 0, 0, 7]),
            None,
            "no report first"
        );
        out[0] = 0x40;
        assert_eq!(parse(&out), None, "version 1");
        assert!(!is_rtcp(&[0x80, 0, 0, 0]));
    }

    #[test]
    fn a_negative_number_of_losses_is_none() {
        let mut out = Vec::new();
        write(7, None, Some(HEARD), "", &mut out);
        out[13..16].copy_from_slice(&[0xFF, 0xFF, 0xFE]);
        assert_eq!(parse(&out).unwrap().heard[0].lost, 0);
    }
}
