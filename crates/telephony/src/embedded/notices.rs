//! How often something that a stranger can cause is logged: once in a while for each address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};

/// Time between two lines about one address.
const EVERY_MS: u64 = 10_000;
/// Addresses that are told apart; further ones share one place.
const SOURCES_MAX: usize = 1_000;

/// What was told last of an address.
#[derive(Debug, Default)]
struct Told {
    again_ms: u64,
    left_out: u64,
}

/// Remembers who was told of when.
#[derive(Debug, Default)]
pub(super) struct Notices {
    sources: HashMap<IpAddr, Told>,
}

impl Notices {
    /// Whether a line about this address is due: then how many were left out since the last one.
    pub(super) fn due(&mut self, source: IpAddr, now_ms: u64) -> Option<u64> {
        let mut source = source;
        if self.sources.len() >= SOURCES_MAX && !self.sources.contains_key(&source) {
            self.sources.retain(|_, told| told.again_ms > now_ms);
            if self.sources.len() >= SOURCES_MAX {
                source = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
            }
        }
        let told = self.sources.entry(source).or_default();
        if told.again_ms > now_ms {
            told.left_out += 1;
            return None;
        }
        told.again_ms = now_ms + EVERY_MS;
        Some(std::mem::take(&mut told.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_told_of_once_in_ten_seconds_with_what_was_left_out() {
        let mut notices = Notices::default();
        let (one, other) = ([192, 0, 2, 1].into(), [192, 0, 2, 2].into());
        assert_eq!(notices.due(one, 0), Some(0));
        assert_eq!(notices.due(one, 9_999), None);
        assert_eq!(notices.due(one, 9_999), None);
        assert_eq!(notices.due(other, 9_999), Some(0));
        assert_eq!(notices.due(one, 10_000), Some(2));
    }

    #[test]
    fn a_flood_of_addresses_takes_no_more_room() {
        let mut notices = Notices::default();
        let told = (0..5_000_u32)
            .filter(|n| notices.due(Ipv4Addr::from(*n + 1).into(), 0).is_some())
            .count();
        assert_eq!(told, SOURCES_MAX + 1);
        assert_eq!(notices.sources.len(), SOURCES_MAX + 1);
    }
}
