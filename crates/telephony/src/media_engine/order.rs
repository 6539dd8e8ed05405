//! Puts packets that are listened to back into their order, without a playout delay.

use media::codec::Codec;
use media::rtp::JUMP_MAX;

use super::limits::{REORDER_MS_MAX, REORDER_PACKETS_MAX};

/// Packets that wait for an earlier one.
#[derive(Debug, Default)]
pub(super) struct Reorder {
    next: Option<u16>,
    held: Vec<Held>,
}

#[derive(Debug)]
struct Held {
    sequence: u16,
    codec: Codec,
    payload: Vec<u8>,
    since_ms: u64,
}

impl Reorder {
    /// Whether a packet is the one whose turn it is, with none waiting: it need not be kept.
    pub(super) fn passes(&mut self, sequence: u16) -> bool {
        let passes = self.held.is_empty() && self.next.is_none_or(|next| next == sequence);
        if passes {
            self.next = Some(sequence.wrapping_add(1));
        }
        passes
    }

    /// Takes a packet; a double and one that comes too late are left out.
    pub(super) fn push(&mut self, sequence: u16, codec: Codec, payload: &[u8], now_ms: u64) {
        if let Some(next) = self.next {
            let ahead = sequence.wrapping_sub(next);
            if ahead > u16::MAX - JUMP_MAX {
                return;
            }
            if ahead > JUMP_MAX {
                // The stream began again elsewhere.
                self.held.clear();
                self.next = None;
            }
        }
        if self.held.iter().all(|h| h.sequence != sequence) {
            self.held.push(Held {
                sequence,
                codec,
                payload: payload.to_vec(),
                since_ms: now_ms,
            });
        }
    }

    /// The next packet in order; a missing one is waited for a little, then passed over.
    pub(super) fn pop(&mut self, now_ms: u64) -> Option<(Codec, Vec<u8>)> {
        let base = self.next.or_else(|| Some(self.held.first()?.sequence))?;
        let ahead = |h: &Held| h.sequence.wrapping_sub(base);
        let place = (0..self.held.len()).min_by_key(|n| self.held.get(*n).map(ahead))?;
        let first = self.held.get(place)?;
        let due = ahead(first) == 0
            || self.held.len() > REORDER_PACKETS_MAX
            || now_ms.saturating_sub(first.since_ms) >= REORDER_MS_MAX;
        if !due {
            return None;
        }
        let held = self.held.swap_remove(place);
        self.next = Some(held.sequence.wrapping_add(1));
        Some((held.codec, held.payload))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pushes the numbers and gives the order in which they come out.
    fn order(sequences: &[u16]) -> Vec<u16> {
        let mut reorder = Reorder::default();
        let mut out = Vec::new();
        for sequence in sequences {
            let payload = sequence.to_be_bytes();
            if reorder.passes(*sequence) {
                out.push((Codec::Pcmu, payload.to_vec()));
            } else {
                reorder.push(*sequence, Codec::Pcmu, &payload, 0);
            }
            out.extend(std::iter::from_fn(|| reorder.pop(0)));
        }
        out.extend(std::iter::from_fn(|| reorder.pop(REORDER_MS_MAX)));
        out.iter()
            .map(|(_, payload)| u16::from_be_bytes([payload[0], payload[1]]))
            .collect()
    }

    #[test]
    fn swapped_packets_come_in_order_and_doubles_once() {
        assert_eq!(order(&[1, 3, 2, 2, 4, 4, 1, 6, 5]), [1, 2, 3, 4, 5, 6]);
        assert_eq!(order(&[65_534, 0, 65_535, 1]), [65_534, 65_535, 0, 1]);
    }

    #[test]
    fn a_lost_packet_is_waited_for_but_not_for_ever() {
        assert_eq!(order(&[1, 3, 4, 5, 2, 6]), [1, 3, 4, 5, 6]);
        let mut reorder = Reorder::default();
        for sequence in [1, 3] {
            reorder.push(sequence, Codec::Pcma, &[0], 100);
        }
        assert!(reorder.pop(100).is_some());
        assert!(reorder.pop(100 + REORDER_MS_MAX - 1).is_none());
        assert!(reorder.pop(100 + REORDER_MS_MAX).is_some());
    }

    #[test]
    fn a_stream_that_begins_elsewhere_is_followed() {
        assert_eq!(order(&[10, 11, 40_000, 40_001]), [10, 11, 40_000, 40_001]);
    }
}
