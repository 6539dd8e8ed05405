//! Admission control: how many new dialogs one source may start, and how many may be half open.
//!
//! Requests inside dialogs are never counted. A limit of 0 switches it off.

use std::collections::HashMap;
use std::net::IpAddr;

/// Most sources that are remembered; when more appear, those with a full bucket are forgotten.
const SOURCES_MAX: usize = 10_000;

/// Limits of new dialogs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// New dialogs per second and source address, on average; 0 = off.
    pub per_source_rate: u32,
    /// New dialogs of one source at once; 0 = the same as the rate.
    pub per_source_burst: u32,
    /// INVITEs without a final answer, from all sources; 0 = off.
    pub half_open_max: u32,
}

/// Tokens of one source, in thousandths so that integer time suffices.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    milli_tokens: u64,
    filled_ms: u64,
}

/// A new dialog was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The source starts too many dialogs.
    #[error("too many new dialogs from one source")]
    Source,
    /// Too many calls wait for an answer.
    #[error("too many half-open calls")]
    HalfOpen,
}

/// Counts new dialogs against the limits.
#[derive(Debug)]
pub struct Admission {
    limits: Limits,
    buckets: HashMap<IpAddr, Bucket>,
}

impl Admission {
    /// Starts with full buckets.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            buckets: HashMap::new(),
        }
    }

    /// Takes one token of `source`; `half_open` is the number of INVITEs without a final answer.
    ///
    /// # Errors
    /// [`Refused`] when a limit is reached; nothing was counted then.
    pub fn admit(&mut self, source: IpAddr, half_open: u32, now_ms: u64) -> Result<(), Refused> {
        if self.limits.half_open_max > 0 && half_open >= self.limits.half_open_max {
            return Err(Refused::HalfOpen);
        }
        let rate = u64::from(self.limits.per_source_rate);
        if rate == 0 {
            return Ok(());
        }
        let burst = match self.limits.per_source_burst {
            0 => rate,
            burst => u64::from(burst),
        };
        let full = burst.saturating_mul(1000);
        if self.buckets.len() >= SOURCES_MAX && !self.buckets.contains_key(&source) {
            // rate tokens a second are rate thousandths a millisecond
            self.buckets.retain(|_, bucket| {
                let waited_ms = now_ms.saturating_sub(bucket.filled_ms);
                bucket
                    .milli_tokens
                    .saturating_add(waited_ms.saturating_mul(rate))
                    < full
            });
            if self.buckets.len() >= SOURCES_MAX {
                return Err(Refused::Source);
            }
        }
        let bucket = self.buckets.entry(source).or_insert(Bucket {
            milli_tokens: full,
            filled_ms: now_ms,
        });
        let waited_ms = now_ms.saturating_sub(bucket.filled_ms);
        let tokens = bucket
            .milli_tokens
            .saturating_add(waited_ms.saturating_mul(rate))
            .min(full);
        bucket.filled_ms = now_ms.max(bucket.filled_ms);
        bucket.milli_tokens = tokens;
        if tokens < 1000 {
            return Err(Refused::Source);
        }
        bucket.milli_tokens = tokens - 1000;
        Ok(())
    }
}

/// Seconds for `Retry-After`, spread over 5 to 30 by one random byte.
#[must_use]
pub fn retry_after_s(random: u8) -> u32 {
    5 + u32::from(random) % 26
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn limits() -> Limits {
        Limits {
            per_source_rate: 10,
            per_source_burst: 3,
            half_open_max: 5,
        }
    }

    #[test]
    fn a_burst_is_admitted_and_then_the_rate_holds() {
        let mut admission = Admission::new(limits());
        for _ in 0..3 {
            assert_eq!(admission.admit(SOURCE, 0, 1000), Ok(()));
        }
        assert_eq!(admission.admit(SOURCE, 0, 1000), Err(Refused::Source));
        assert_eq!(admission.admit(SOURCE, 0, 1099), Err(Refused::Source));
        assert_eq!(admission.admit(SOURCE, 0, 1100), Ok(()));
    }

    #[test]
    fn half_open_calls_are_limited() {
        let mut admission = Admission::new(limits());
        assert_eq!(admission.admit(SOURCE, 5, 0), Err(Refused::HalfOpen));
        assert_eq!(admission.admit(SOURCE, 4, 0), Ok(()));
    }

    #[test]
    fn zero_switches_the_limits_off() {
        let mut admission = Admission::new(Limits::default());
        for _ in 0..100_000 {
            assert_eq!(admission.admit(SOURCE, u32::MAX, 0), Ok(()));
        }
    }

    #[test]
    fn sources_do_not_share_a_bucket_and_are_forgotten_when_full_again() {
        let mut admission = Admission::new(limits());
        for n in 0..20_000_u32 {
            let source = IpAddr::from(n.to_be_bytes());
            // each source waited long enough for those before it to be full again
            assert_eq!(
                admission.admit(source, 0, u64::from(n) * 200),
                Ok(()),
                "source {n}"
            );
        }
        assert!(admission.buckets.len() <= SOURCES_MAX);
    }

    #[test]
    fn retry_after_stays_between_5_and_30_s() {
        assert!((0..=255).all(|random| (5..=30).contains(&retry_after_s(random))));
    }
}
