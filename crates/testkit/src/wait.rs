//! Waiting for a condition with a deadline.

use std::time::Duration;

use crate::clock::now;

/// How long a test waits for what should happen at once; generous, since machines are shared.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Pause between two looks.
const POLL: Duration = Duration::from_millis(20);

/// Asks until there is an answer; panics with `what` when there is none in time.
pub async fn until<T>(
    what: &str,
    within: Duration,
    mut probe: impl AsyncFnMut() -> Option<T>,
) -> T {
    let deadline = now() + within;
    loop {
        if let Some(found) = probe().await {
            return found;
        }
        assert!(
            now() < deadline,
            "waited {} s in vain: {what}",
            within.as_secs()
        );
        tokio::time::sleep(POLL).await;
    }
}
