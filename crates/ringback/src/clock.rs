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
