//! A jitter buffer: packets in as they arrive, frames out by a clock of 20 ms.
//!
//! It starts at [`START_MS`] and follows the line between [`LEAST_MS`] and [`MOST_MS`]: deeper
//! when it ran empty or a packet came too late, flatter after a quiet time. Only what has to be
//! decoded goes through it; it would add delay to packets that are passed on as they are.

use std::collections::BTreeMap;

use crate::codec::BYTES_PER_MS;
use crate::rtp::JUMP_MAX;

/// Depth at the beginning, ms.
pub const START_MS: u32 = 40;
/// Smallest depth, ms.
pub const LEAST_MS: u32 = 20;
/// Greatest depth, ms.
pub const MOST_MS: u32 = 200;
/// A step of the depth, ms.
const STEP_MS: u32 = 20;
/// Pulls without trouble after which the buffer gets flatter: 10 s.
const QUIET_PULLS: u32 = 500;

/// What comes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pull {
    /// The next packet's payload.
    Packet(Vec<u8>),
    /// It is missing although a later one is there.
    Lost,
    /// Nothing is there: the other side is silent, or the buffer fills.
    Empty,
}

/// The packets of one stream that wait to be played.
#[derive(Debug)]
pub struct Jitter {
    packets: BTreeMap<u64, Vec<u8>>,
    /// Number of the packet that is played next, counted over the wrap.
    next: Option<u64>,
    newest: u64,
    playing: bool,
    target_ms: u32,
    quiet_pulls: u32,
    waiting_bytes: usize,
}

impl Default for Jitter {
    fn default() -> Self {
        Self {
            packets: BTreeMap::new(),
            next: None,
            newest: 0,
            playing: false,
            target_ms: START_MS,
            quiet_pulls: 0,
            waiting_bytes: 0,
        }
    }
}

impl Jitter {
    /// Takes a packet of the stream.
    pub fn push(&mut self, sequence: u16, payload: &[u8]) {
        let number = self.extend(sequence);
        if self.next.is_some_and(|next| number < next) {
            // Played already: concealed when its turn came. The line needs more time.
            self.trouble();
            return;
        }
        if let Some(doubled) = self.packets.insert(number, payload.to_vec()) {
            self.waiting_bytes -= doubled.len();
        }
        self.waiting_bytes += payload.len();
        while self.waiting_ms() > MOST_MS + START_MS {
            // The sender's clock is faster, or the line was stopped for a while.
            self.drop_first();
        }
    }

    /// The number over the wrap; a jump begins anew.
    fn extend(&mut self, sequence: u16) -> u64 {
        // A start far from 0, so that packets before the first one have numbers.
        const BASE: u64 = 1 << 32;
        if self.newest == 0 {
            self.newest = BASE + u64::from(sequence);
            return self.newest;
        }
        let low = u16::try_from(self.newest & u64::from(u16::MAX)).unwrap_or(0);
        let ahead = sequence.wrapping_sub(low);
        let number = if ahead < u16::MAX / 2 {
            self.newest + u64::from(ahead)
        } else {
            self.newest - u64::from(ahead.wrapping_neg())
        };
        if number.abs_diff(self.newest) > u64::from(JUMP_MAX) {
            let target_ms = self.target_ms;
            *self = Self {
                target_ms,
                ..Self::default()
            };
            return self.extend(sequence);
        }
        self.newest = self.newest.max(number);
        number
    }

    /// Serves a tick of 20 ms, or more than one when packets are shorter.
    pub fn pull(&mut self) -> Pull {
        if !self.playing {
            if self.waiting_ms() < self.target_ms {
                return Pull::Empty;
            }
            self.playing = true;
            self.next = self.packets.keys().next().copied();
        }
        let Some(next) = self.next else {
            return Pull::Empty;
        };
        self.quiet_pulls += 1;
        if self.quiet_pulls >= QUIET_PULLS {
            self.quiet_pulls = 0;
            self.target_ms = self.target_ms.saturating_sub(STEP_MS).max(LEAST_MS);
            if self.waiting_ms() > self.target_ms + STEP_MS {
                self.drop_first();
            }
        }
        let next = self.next.unwrap_or(next);
        if let Some(payload) = self.packets.remove(&next) {
            self.waiting_bytes -= payload.len();
            self.next = Some(next + 1);
            return Pull::Packet(payload);
        }
        if self.packets.is_empty() {
            self.playing = false;
            self.next = None;
            self.trouble();
            return Pull::Empty;
        }
        self.next = Some(next + 1);
        Pull::Lost
    }

    /// Depth that is aimed at, ms.
    #[must_use]
    pub const fn target_ms(&self) -> u32 {
        self.target_ms
    }

    fn waiting_ms(&self) -> u32 {
        u32::try_from(self.waiting_bytes / BYTES_PER_MS).unwrap_or(u32::MAX)
    }

    fn trouble(&mut self) {
        self.quiet_pulls = 0;
        self.target_ms = (self.target_ms + STEP_MS).min(MOST_MS);
    }

    fn drop_first(&mut self) {
        if let Some((number, payload)) = self.packets.pop_first() {
            self.waiting_bytes -= payload.len();
            if self.next.is_some() {
                self.next = Some(number + 1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: usize = 160;

    fn push(jitter: &mut Jitter, sequence: u16) {
        jitter.push(sequence, &[(sequence % 251) as u8; FRAME]);
    }

    fn pulled(jitter: &mut Jitter) -> Option<u8> {
        match jitter.pull() {
            Pull::Packet(payload) => Some(payload[0]),
            Pull::Lost | Pull::Empty => None,
        }
    }

    #[test]
    fn frames_come_out_in_order_over_the_wrap_after_the_start() {
        let mut jitter = Jitter::default();
        push(&mut jitter, 65_535);
        assert_eq!(jitter.pull(), Pull::Empty, "20 ms are too few to start");
        push(&mut jitter, 1);
        push(&mut jitter, 0);
        let out: Vec<_> = (0..3).map(|_| pulled(&mut jitter)).collect();
        assert_eq!(out, [Some((65_535 % 251) as u8), Some(0), Some(1)]);
    }

    #[test]
    fn a_missing_packet_is_told_and_a_late_one_deepens_the_buffer() {
        let mut jitter = Jitter::default();
        for sequence in [10, 12, 13] {
            push(&mut jitter, sequence);
        }
        assert_eq!(pulled(&mut jitter), Some(10));
        assert_eq!(jitter.pull(), Pull::Lost);
        push(&mut jitter, 11);
        assert_eq!(jitter.target_ms(), 60);
        assert_eq!(pulled(&mut jitter), Some(12));
        push(&mut jitter, 13);
        assert_eq!(pulled(&mut jitter), Some(13), "a doubled one counts once");
        assert_eq!(jitter.pull(), Pull::Empty);
    }

    #[test]
    fn running_empty_deepens_up_to_the_most() {
        let mut jitter = Jitter::default();
        let mut sequence = 0;
        for _ in 0..20 {
            while jitter.pull() == Pull::Empty {
                push(&mut jitter, sequence);
                sequence += 1;
            }
            while jitter.pull() != Pull::Empty {}
        }
        assert_eq!(jitter.target_ms(), MOST_MS);
    }

    #[test]
    fn a_quiet_line_gets_the_least_depth() {
        let mut jitter = Jitter::default();
        for sequence in 0..2_000 {
            push(&mut jitter, sequence);
            jitter.pull();
        }
        assert_eq!(jitter.target_ms(), LEAST_MS);
        assert!(jitter.waiting_ms() <= START_MS);
    }

    #[test]
    fn memory_is_limited_and_a_jump_begins_anew() {
        let mut jitter = Jitter::default();
        for sequence in 0..10_000 {
            push(&mut jitter, sequence);
        }
        assert!(jitter.waiting_ms() <= MOST_MS + START_MS);
        push(&mut jitter, 40_000);
        push(&mut jitter, 40_001);
        assert_eq!(pulled(&mut jitter), Some((40_000 % 251) as u8));
        for sequence in (0..u16::MAX).step_by(977) {
            push(&mut jitter, sequence.wrapping_mul(31));
            jitter.pull();
        }
    }
}
