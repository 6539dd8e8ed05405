//! The RTP port range: even ports for RTP, the odd one above for RTCP.

use std::collections::HashSet;
use std::ops::RangeInclusive;

/// Free and used port pairs; ports are given out in turn, so that a freed one rests.
#[derive(Debug)]
pub(super) struct Ports {
    first: u16,
    pairs: u16,
    next: u16,
    used: HashSet<u16>,
}

impl Ports {
    pub(super) fn new(range: &RangeInclusive<u16>) -> Self {
        let first = range.start().saturating_add(range.start() % 2);
        let ports = u32::from(*range.end())
            .saturating_add(1)
            .saturating_sub(u32::from(first));
        let pairs = u16::try_from(ports / 2).unwrap_or(0);
        Self {
            first,
            pairs,
            next: 0,
            used: HashSet::new(),
        }
    }

    /// Pairs in the range.
    pub(super) const fn pairs(&self) -> u16 {
        self.pairs
    }

    /// Takes a free even port; `None` when all are used.
    pub(super) fn take(&mut self) -> Option<u16> {
        for _ in 0..self.pairs {
            let port = self.first + 2 * self.next;
            self.next = (self.next + 1) % self.pairs;
            if self.used.insert(port) {
                return Some(port);
            }
        }
        None
    }

    /// Gives a port back.
    pub(super) fn release(&mut self, port: u16) {
        self.used.remove(&port);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(range: RangeInclusive<u16>) -> Vec<u16> {
        let mut ports = Ports::new(&range);
        std::iter::from_fn(|| ports.take()).collect()
    }

    #[test]
    fn only_whole_pairs_are_given_out() {
        assert_eq!(all(20_001..=20_006), [20_002, 20_004]);
        assert_eq!(all(20_000..=20_003), [20_000, 20_002]);
        assert_eq!(all(20_000..=20_000), Vec::<u16>::new());
        assert_eq!(all(65_534..=65_535), [65_534]);
        assert_eq!(all(65_535..=65_535), Vec::<u16>::new());
    }

    #[test]
    fn a_freed_port_comes_last() {
        let mut ports = Ports::new(&(30_000..=30_005));
        assert_eq!(ports.take(), Some(30_000));
        ports.release(30_000);
        assert_eq!(ports.take(), Some(30_002));
        assert_eq!(ports.take(), Some(30_004));
        assert_eq!(ports.take(), Some(30_000));
        assert_eq!(ports.take(), None);
    }
}
