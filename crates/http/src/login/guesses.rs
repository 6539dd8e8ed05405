//! Wrong passwords are counted by address; after some the address has to wait.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use callback::Timestamp;

use crate::limits::{GUESSERS_MAX, GUESSES_MAX, GUESSES_WINDOW_S};

/// Wrong logins of the last minutes.
#[derive(Debug, Default)]
pub(crate) struct Guesses {
    /// Count and begin of the window, by address.
    by_address: Mutex<HashMap<IpAddr, (u32, Timestamp)>>,
}

impl Guesses {
    /// Whether the address may try now.
    pub(crate) fn may_try(&self, address: IpAddr, now: Timestamp) -> bool {
        let counts = self
            .by_address
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        counts
            .get(&group(address))
            .is_none_or(|(count, since)| *count < GUESSES_MAX || is_over(*since, now))
    }

    /// Notes a wrong try.
    pub(crate) fn wrong(&self, address: IpAddr, now: Timestamp) {
        let mut counts = self
            .by_address
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if counts.len() >= GUESSERS_MAX {
            counts.retain(|_, (_, since)| !is_over(*since, now));
        }
        if counts.len() >= GUESSERS_MAX {
            let oldest = counts.iter().min_by_key(|(_, (_, since))| *since);
            let oldest = oldest.map(|(address, _)| *address);
            oldest.map(|address| counts.remove(&address));
        }
        let slot = counts.entry(group(address)).or_insert((0, now));
        if is_over(slot.1, now) {
            *slot = (0, now);
        }
        slot.0 += 1;
    }

    /// Forgets an address that knew the password.
    pub(crate) fn right(&self, address: IpAddr) {
        let mut counts = self
            .by_address
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        counts.remove(&group(address));
    }
}

/// One customer of IPv6 has a whole /64 (RFC 6177): it counts as one address.
fn group(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or_else(
            || IpAddr::V6((u128::from(v6) & !u128::from(u64::MAX)).into()),
            IpAddr::V4,
        ),
    }
}

fn is_over(since: Timestamp, now: Timestamp) -> bool {
    now >= since.plus_seconds(GUESSES_WINDOW_S)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn after_some_wrong_tries_an_address_waits_and_others_do_not() {
        let guesses = Guesses::default();
        let (bad, good) = (address("192.0.2.1"), address("192.0.2.2"));
        let now = Timestamp(0);
        for _ in 0..GUESSES_MAX {
            assert!(guesses.may_try(bad, now));
            guesses.wrong(bad, now);
        }
        assert!(!guesses.may_try(bad, now));
        assert!(!guesses.may_try(address("::ffff:192.0.2.1"), now));
        assert!(guesses.may_try(good, now));
        assert!(guesses.may_try(bad, now.plus_seconds(GUESSES_WINDOW_S)));
        guesses.right(bad);
        assert!(guesses.may_try(bad, now));
    }

    #[test]
    fn a_network_of_version_six_counts_as_one() {
        let guesses = Guesses::default();
        for n in 0..GUESSES_MAX {
            guesses.wrong(address(&format!("2001:db8:1:2::{n:x}")), Timestamp(0));
        }
        assert!(!guesses.may_try(address("2001:db8:1:2:ffff::1"), Timestamp(0)));
        assert!(guesses.may_try(address("2001:db8:1:3::1"), Timestamp(0)));
    }

    #[test]
    fn a_flood_of_addresses_takes_bounded_memory() {
        let guesses = Guesses::default();
        for n in 0..u32::try_from(GUESSERS_MAX).unwrap() + 50 {
            guesses.wrong(IpAddr::V4(n.into()), Timestamp(0));
        }
        assert_eq!(guesses.by_address.lock().unwrap().len(), GUESSERS_MAX);
    }
}
