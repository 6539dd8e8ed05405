//! The one place of the harness that reads a clock.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// A moment of the monotonic clock.
pub type Moment = Instant;

/// The present moment.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "a harness measures real time")]
pub fn now() -> Moment {
    Instant::now()
}

/// Whole seconds since 1970 UTC.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "a harness measures real time")]
pub fn unix_seconds() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
