//! The symmetric latch: from where a leg takes packets and where it sends to.

use std::net::SocketAddr;

use super::limits::{LATCH_PACKETS, LATCH_WINDOW_MS};

/// The signalled address first; another source once, after [`LATCH_PACKETS`] packets of one
/// SSRC in a row, within [`LATCH_WINDOW_MS`] after an answer or re-INVITE.
#[derive(Clone, Copy, Debug)]
pub(super) struct Latch {
    signalled: SocketAddr,
    target: SocketAddr,
    until_ms: u64,
    latched: bool,
    candidate: Option<(SocketAddr, u32, u8)>,
}

impl Latch {
    pub(super) const fn new(signalled: SocketAddr, now_ms: u64) -> Self {
        Self {
            signalled,
            target: signalled,
            until_ms: now_ms + LATCH_WINDOW_MS,
            latched: false,
            candidate: None,
        }
    }

    /// A new answer or re-INVITE: the window opens again; the source found before stays while
    /// the signalled address does.
    pub(super) fn renew(&mut self, signalled: SocketAddr, now_ms: u64) {
        let target = if signalled == self.signalled {
            self.target
        } else {
            signalled
        };
        *self = Self {
            target,
            ..Self::new(signalled, now_ms)
        };
    }

    /// Where to send to.
    pub(super) const fn target(&self) -> SocketAddr {
        self.target
    }

    /// Whether a packet is taken.
    pub(super) fn accepts(&mut self, source: SocketAddr, ssrc: u32, now_ms: u64) -> bool {
        if source == self.target {
            self.candidate = None;
            return true;
        }
        if self.latched || now_ms > self.until_ms {
            return false;
        }
        let seen = match self.candidate {
            Some((address, id, seen)) if address == source && id == ssrc => seen + 1,
            _ => 1,
        };
        if seen < LATCH_PACKETS {
            self.candidate = Some((source, ssrc, seen));
            return false;
        }
        self.candidate = None;
        self.target = source;
        self.latched = true;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    #[test]
    fn three_packets_in_a_row_move_the_target_once() {
        let mut latch = Latch::new(address(1), 0);
        assert!(!latch.accepts(address(2), 7, 10));
        assert!(!latch.accepts(address(2), 7, 20));
        assert!(latch.accepts(address(2), 7, 30));
        assert_eq!(latch.target(), address(2));
        for now_ms in 40..50 {
            assert!(
                !latch.accepts(address(3), 8, now_ms),
                "a later source is ignored"
            );
        }
    }

    #[test]
    fn a_row_is_broken_by_the_target_or_another_ssrc() {
        let mut latch = Latch::new(address(1), 0);
        for _ in 0..5 {
            assert!(!latch.accepts(address(2), 7, 10));
            assert!(!latch.accepts(address(2), 7, 10));
            assert!(latch.accepts(address(1), 1, 10));
        }
        for ssrc in 0..9 {
            assert!(!latch.accepts(address(2), ssrc, 10));
        }
    }

    #[test]
    fn the_window_closes_and_opens_again() {
        let mut latch = Latch::new(address(1), 0);
        for _ in 0..9 {
            assert!(!latch.accepts(address(2), 7, LATCH_WINDOW_MS + 1));
        }
        latch.renew(address(1), 10_000);
        assert!((0..3).any(|_| latch.accepts(address(2), 7, 10_001)));
        latch.renew(address(1), 20_000);
        assert_eq!(
            latch.target(),
            address(2),
            "the same signalled address changes nothing"
        );
        latch.renew(address(4), 30_000);
        assert_eq!(latch.target(), address(4));
    }
}
