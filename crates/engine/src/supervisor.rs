//! Starts tasks, knows how many run, ends them together.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Owner of the engine's tasks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Supervisor {
    tracker: TaskTracker,
    stop: CancellationToken,
}

impl Supervisor {
    /// Runs a task until it ends by itself or the supervisor stops.
    pub(crate) fn spawn<F>(&self, name: &'static str, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let stop = self.stop.clone();
        let handle = self.tracker.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = task => {}
            }
        });
        // A panicking task must not vanish silently: whoever reads the log has to know.
        drop(self.tracker.spawn(async move {
            if let Err(error) = handle.await
                && error.is_panic()
            {
                tracing::error!(task = name, "a task panicked");
            }
        }));
    }

    /// Runs a task that decides itself when to end; [`Supervisor::stop`] only waits for it.
    pub(crate) fn spawn_to_end<F>(&self, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        drop(self.tracker.spawn(task));
    }

    /// Ends all tasks and waits for them, at most `limit`.
    pub(crate) async fn stop(&self, limit: Duration) {
        self.stop.cancel();
        self.tracker.close();
        if tokio::time::timeout(limit, self.tracker.wait())
            .await
            .is_err()
        {
            tracing::warn!(tasks = self.tracker.len(), "tasks did not end in time");
        }
    }
}
