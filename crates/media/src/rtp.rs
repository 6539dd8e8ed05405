//! RTP: headers and counting by sequence number (RFC 3550).

use rtp_types::{RtpPacket, RtpPacketBuilder};

/// Bytes of a header without contributing sources and extension.
pub const HEADER_BYTES: usize = 12;

/// The fields of a header that a media engine sets and reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Payload type, 0–127.
    pub payload_type: u8,
    /// Marker: first packet of a talk spurt or of an event.
    pub marker: bool,
    /// Sequence number.
    pub sequence: u16,
    /// Timestamp in samples.
    pub timestamp: u32,
    /// Synchronisation source.
    pub ssrc: u32,
}

/// Reads a packet; `None` when it is no RTP of version 2 or breaks off.
#[must_use]
pub fn parse(packet: &[u8]) -> Option<(Header, &[u8])> {
    let parsed = RtpPacket::parse(packet).ok()?;
    let header = Header {
        payload_type: parsed.payload_type(),
        marker: parsed.marker_bit(),
        sequence: parsed.sequence_number(),
        timestamp: parsed.timestamp(),
        ssrc: parsed.ssrc(),
    };
    let start = parsed.payload_offset();
    let end = packet
        .len()
        .checked_sub(usize::from(parsed.padding().unwrap_or(0)))?;
    Some((header, packet.get(start..end)?))
}

/// Writes a packet; `out` is replaced, and left empty for a payload type above 127.
pub fn write(header: Header, payload: &[u8], out: &mut Vec<u8>) {
    out.clear();
    let builder = RtpPacketBuilder::<&[u8], &[u8]>::new()
        .payload_type(header.payload_type)
        .marker_bit(header.marker)
        .sequence_number(header.sequence)
        .timestamp(header.timestamp)
        .ssrc(header.ssrc)
        .payload(payload);
    if builder.write_into_vec(out).is_err() {
        out.clear();
    }
}

/// Where a packet stands in its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The next one; `missing` packets before it have not arrived.
    Next {
        /// Packets skipped.
        missing: u16,
    },
    /// Late or doubled: an earlier number than the newest.
    Old,
    /// The stream began again elsewhere (more than [`JUMP_MAX`] away).
    Restart,
}

/// A jump in the sequence of more than this is a restart of the sender, not a loss.
pub const JUMP_MAX: u16 = 3_000;

/// Counts packets of one source by sequence number (after RFC 3550 A.1 and A.3).
#[derive(Clone, Copy, Debug, Default)]
pub struct LossCounter {
    newest: Option<u16>,
    received: u64,
    expected: u64,
    wraps: u16,
}

impl LossCounter {
    /// Counts a packet and says where it stands.
    pub fn handle(&mut self, sequence: u16) -> Order {
        let Some(newest) = self.newest else {
            self.newest = Some(sequence);
            self.received += 1;
            self.expected += 1;
            return Order::Next { missing: 0 };
        };
        self.received += 1;
        let ahead = sequence.wrapping_sub(newest);
        if ahead == 0 || ahead > u16::MAX - JUMP_MAX {
            return Order::Old;
        }
        if sequence < newest && ahead <= JUMP_MAX {
            self.wraps = self.wraps.wrapping_add(1);
        }
        self.newest = Some(sequence);
        if ahead > JUMP_MAX {
            self.expected += 1;
            return Order::Restart;
        }
        self.expected += u64::from(ahead);
        Order::Next { missing: ahead - 1 }
    }

    /// Packets that arrived, doubles included.
    #[must_use]
    pub const fn received(&self) -> u64 {
        self.received
    }

    /// Packets that should have arrived, by their numbers.
    #[must_use]
    pub const fn expected(&self) -> u64 {
        self.expected
    }

    /// The newest number with the count of its wraps above it; 0 before the first packet.
    #[must_use]
    pub fn extended(&self) -> u32 {
        (u32::from(self.wraps) << 16) | u32::from(self.newest.unwrap_or(0))
    }

    /// Packets that are missing; one that comes late is no longer missing.
    #[must_use]
    pub const fn lost(&self) -> u64 {
        self.expected.saturating_sub(self.received)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: Header = Header {
        payload_type: 101,
        marker: true,
        sequence: 65_535,
        timestamp: 9,
        ssrc: 0xCAFE,
    };

    #[test]
    fn what_is_written_is_read() {
        let mut packet = Vec::new();
        write(HEADER, &[1, 2, 3], &mut packet);
        assert_eq!(packet.len(), HEADER_BYTES + 3);
        assert_eq!(parse(&packet), Some((HEADER, &[1u8, 2, 3][..])));
        write(
            Header {
                payload_type: 200,
                ..HEADER
            },
            &[],
            &mut packet,
        );
        assert_eq!(packet, Vec::<u8>::new());
    }

    #[test]
    fn extension_sources_and_padding_are_stepped_over() {
        let mut packet = vec![0b1011_0001, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
        packet.extend([0, 0, 0, 4]); // one contributing source
        packet.extend([0xBE, 0xDE, 0, 1, 9, 9, 9, 9]); // extension of one word
        packet.extend([7, 8, 0, 0, 3]); // two bytes, three of padding
        let (header, payload) = parse(&packet).unwrap();
        assert_eq!((header.payload_type, header.ssrc), (0, 3));
        assert_eq!(payload, [7, 8]);
    }

    #[test]
    fn malformed_packets_are_refused_without_panic() {
        let mut packet = vec![0x80; 12];
        assert!(parse(&packet).is_some());
        for first in 0..=255 {
            packet[0] = first;
            for length in 0..packet.len() {
                let _ = parse(&packet[..length]);
            }
            let _ = parse(&packet);
        }
        assert_eq!(parse(&[0x40; 12]), None, "version 1");
        assert_eq!(parse(&[0x80; 11]), None, "too short");
    }

    #[test]
    fn losses_are_counted_over_the_wrap_and_late_ones_taken_back() {
        let mut counter = LossCounter::default();
        assert_eq!(counter.handle(65_534), Order::Next { missing: 0 });
        assert_eq!(counter.handle(1), Order::Next { missing: 2 });
        assert_eq!(counter.lost(), 2);
        assert_eq!(counter.handle(65_535), Order::Old);
        assert_eq!((counter.lost(), counter.received()), (1, 3));
        assert_eq!(counter.handle(30_000), Order::Restart);
        assert_eq!(counter.lost(), 1);
    }
}
