//! The clock of the media threads: microseconds since the engine started.

use std::time::Instant;

/// A monotonic clock; all threads of an engine share its zero.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock(Instant);

impl Clock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where media reads the time"
    )]
    pub(super) fn start() -> Self {
        Self(Instant::now())
    }

    /// Now, µs since the start.
    pub(super) fn now_us(self) -> u64 {
        u64::try_from(self.0.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}
