//! The driver's clock and randomness; the only place that reads either.

use std::time::Instant;

use rand::Rng as _;
use rand::distr::{Alphanumeric, SampleString as _};

/// Milliseconds since the driver started.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock(Instant);

impl Clock {
    /// Starts at 0.
    #[expect(clippy::disallowed_methods, reason = "the driver's one clock")]
    pub(super) fn start() -> Self {
        Self(Instant::now())
    }

    /// Now, ms.
    pub(super) fn now_ms(self) -> u64 {
        u64::try_from(self.0.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// Random letters and digits, e.g. for a tag.
pub(super) fn token(length: usize) -> String {
    Alphanumeric.sample_string(&mut rand::rng(), length)
}

/// Random bytes.
pub(super) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::rng().fill_bytes(&mut bytes);
    bytes
}

/// A branch parameter (RFC 3261 §8.1.1.7).
pub(super) fn branch() -> String {
    format!("z9hG4bK{}", token(20))
}
