//! The one place of this package that reads a clock.

use std::time::Instant;

/// Now, to measure how long something takes.
#[expect(
    clippy::disallowed_methods,
    reason = "the executable measures its own start"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Microseconds since 1970, to compare times of two processes.
#[expect(
    clippy::disallowed_methods,
    reason = "a bench measures between processes"
)]
pub(crate) fn wall_us() -> i64 {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
