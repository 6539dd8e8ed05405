//! The outgoing RTP stream of a leg: own SSRC, sequence and timestamps, whatever feeds it.

use media::rtp::{self, Header};

/// Timestamp units of a 20 ms frame at 8 kHz.
const FRAME_UNITS: u32 = 160;

/// How a forwarded stream is mapped onto ours.
#[derive(Clone, Copy, Debug)]
struct Mapping {
    ssrc: u32,
    first_in: u16,
    sequence_offset: u16,
    timestamp_offset: u32,
}

/// Writes packets; one stream for the whole life of a leg.
#[derive(Debug)]
pub(super) struct Outgoing {
    ssrc: u32,
    next_sequence: u16,
    next_timestamp: u32,
    event_timestamp: u32,
    marker: bool,
    mapping: Option<Mapping>,
    packet: Vec<u8>,
}

impl Outgoing {
    pub(super) const fn new(ssrc: u32, sequence: u16, timestamp: u32) -> Self {
        Self {
            ssrc,
            next_sequence: sequence,
            next_timestamp: timestamp,
            event_timestamp: timestamp,
            marker: true,
            mapping: None,
            packet: Vec::new(),
        }
    }

    /// The source and the timestamp of its next packet.
    pub(super) const fn position(&self) -> (u32, u32) {
        (self.ssrc, self.next_timestamp)
    }

    /// The packet that was written last.
    pub(super) fn packet(&self) -> &[u8] {
        &self.packet
    }

    /// A frame of our own clock.
    pub(super) fn frame(&mut self, payload_type: u8, payload: &[u8]) {
        let marker = std::mem::take(&mut self.marker);
        self.own(payload_type, marker, self.next_timestamp, payload);
    }

    /// A packet of a digit; all packets of a digit carry the timestamp of the first.
    pub(super) fn event(&mut self, payload_type: u8, first: bool, payload: &[u8]) {
        if first {
            self.event_timestamp = self.next_timestamp;
        }
        self.own(payload_type, first, self.event_timestamp, payload);
    }

    /// Time passes without a packet; the next one begins a talk spurt.
    pub(super) const fn skip(&mut self, ticks: u32) {
        self.next_timestamp = self
            .next_timestamp
            .wrapping_add(ticks.wrapping_mul(FRAME_UNITS));
        self.marker = true;
    }

    /// The packet that was written last is not sent: its time passes, its number is free again,
    /// so that the other side counts no losses.
    pub(super) const fn unsent(&mut self) {
        self.next_sequence = self.next_sequence.wrapping_sub(1);
        self.marker = true;
    }

    /// What is forwarded from now on is a new stream.
    pub(super) const fn cut(&mut self) {
        self.mapping = None;
    }

    /// A packet of the other leg, with its losses and its order kept. False when it is older
    /// than the first one that was forwarded.
    pub(super) fn forward(&mut self, from: Header, payload_type: u8, payload: &[u8]) -> bool {
        let mapping = match self.mapping {
            Some(mapping) if mapping.ssrc == from.ssrc => mapping,
            _ => self.map(from),
        };
        if is_before(from.sequence, mapping.first_in) {
            return false;
        }
        let first = from.sequence == mapping.first_in;
        let header = Header {
            payload_type,
            marker: from.marker || first,
            sequence: from.sequence.wrapping_add(mapping.sequence_offset),
            timestamp: from.timestamp.wrapping_add(mapping.timestamp_offset),
            ssrc: self.ssrc,
        };
        if !is_before(header.sequence, self.next_sequence) {
            self.next_sequence = header.sequence.wrapping_add(1);
            // Events repeat the timestamp of their first packet; the clock never runs backwards.
            let after = header.timestamp.wrapping_add(FRAME_UNITS);
            if after.wrapping_sub(self.next_timestamp) < u32::MAX / 2 {
                self.next_timestamp = after;
            }
        }
        self.marker = false;
        rtp::write(header, payload, &mut self.packet);
        true
    }

    const fn map(&mut self, from: Header) -> Mapping {
        let mapping = Mapping {
            ssrc: from.ssrc,
            first_in: from.sequence,
            sequence_offset: self.next_sequence.wrapping_sub(from.sequence),
            timestamp_offset: self.next_timestamp.wrapping_sub(from.timestamp),
        };
        self.mapping = Some(mapping);
        mapping
    }

    fn own(&mut self, payload_type: u8, marker: bool, timestamp: u32, payload: &[u8]) {
        let header = Header {
            payload_type,
            marker,
            sequence: self.next_sequence,
            timestamp,
            ssrc: self.ssrc,
        };
        self.next_sequence = self.next_sequence.wrapping_add(1);
        self.next_timestamp = self.next_timestamp.wrapping_add(FRAME_UNITS);
        self.mapping = None;
        rtp::write(header, payload, &mut self.packet);
    }
}

/// Whether a sequence number is older than another, over the wrap.
const fn is_before(sequence: u16, other: u16) -> bool {
    other.wrapping_sub(sequence).wrapping_sub(1) < u16::MAX / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(out: &Outgoing) -> Header {
        rtp::parse(out.packet()).unwrap().0
    }

    fn frame(out: &mut Outgoing) -> Header {
        out.frame(0, &[]);
        header(out)
    }

    fn event(out: &mut Outgoing, first: bool) -> Header {
        out.event(101, first, &[0; 4]);
        header(out)
    }

    fn forward(out: &mut Outgoing, sequence: u16, timestamp: u32) -> Header {
        assert!(out.forward(from(sequence, timestamp), 0, &[]));
        header(out)
    }

    fn from(sequence: u16, timestamp: u32) -> Header {
        Header {
            payload_type: 0,
            marker: false,
            sequence,
            timestamp,
            ssrc: 77,
        }
    }

    #[test]
    fn own_frames_count_on_over_the_wrap() {
        let mut out = Outgoing::new(1, 65_535, u32::MAX - 159);
        let first = frame(&mut out);
        let second = frame(&mut out);
        assert!(first.marker && !second.marker);
        assert_eq!((second.sequence, second.timestamp), (0, 0));
    }

    #[test]
    fn what_is_not_sent_leaves_no_gap_in_the_numbers() {
        let mut out = Outgoing::new(1, 7, 0);
        frame(&mut out);
        for _ in 0..3 {
            frame(&mut out);
            out.unsent();
        }
        let next = frame(&mut out);
        assert_eq!((next.sequence, next.timestamp, next.marker), (8, 640, true));
    }

    #[test]
    fn a_digit_keeps_its_timestamp_while_time_goes_on() {
        let mut out = Outgoing::new(1, 0, 1_000);
        let stamps: Vec<u32> = (0..3).map(|n| event(&mut out, n == 0).timestamp).collect();
        assert_eq!(stamps, [1_000; 3]);
        assert_eq!(frame(&mut out).timestamp, 1_480);
    }

    #[test]
    fn forwarding_keeps_gaps_and_order_and_joins_seamlessly() {
        let mut out = Outgoing::new(1, 10, 1_000);
        out.frame(0, &[]);
        let first = forward(&mut out, 500, 90_000);
        assert_eq!(
            (first.sequence, first.timestamp, first.ssrc),
            (11, 1_160, 1)
        );
        assert!(first.marker);
        let gap = forward(&mut out, 502, 90_320);
        assert_eq!((gap.sequence, gap.timestamp), (13, 1_480));
        let late = forward(&mut out, 501, 90_160);
        assert_eq!((late.sequence, late.timestamp), (12, 1_320));
        assert!(!out.forward(from(499, 89_840), 0, &[]));
        let own = frame(&mut out);
        assert_eq!((own.sequence, own.timestamp), (14, 1_640));
        let again = forward(&mut out, 503, 90_480);
        assert_eq!((again.sequence, again.timestamp), (15, 1_800));
    }
}
