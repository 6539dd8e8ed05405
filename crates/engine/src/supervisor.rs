//! Starts tasks, knows how many run, ends them together.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Owner of the engine's tasks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Supervisor {
    tracker: TaskTracker,
    stop: CancellationToken,
}

impl Supervisor {
    /// Runs a task until it ends by itself, is aborted or the supervisor stops.
    pub(crate) fn spawn<F>(&self, name: &'static str, task: F) -> AbortHandle
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
        let abort = handle.abort_handle();
        // A panicking task must not vanish silently: whoever reads the log has to know.
        drop(self.tracker.spawn(async move {
            if let Err(error) = handle.await
                && error.is_panic()
            {
                tracing::error!(task = name, "a task panicked");
            }
        }));
        abort
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

/// A task that waits for its time; set anew, the former one is given up.
#[derive(Debug, Default)]
pub(crate) struct Timer(Mutex<Option<AbortHandle>>);

impl Timer {
    /// Lets this task wait instead of the former one.
    pub(crate) fn set<F>(&self, supervisor: &Supervisor, name: &'static str, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let new = supervisor.spawn(name, task);
        let former = self.handle().replace(new);
        if let Some(former) = former {
            former.abort();
        }
    }

    fn handle(&self) -> MutexGuard<'_, Option<AbortHandle>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        if let Some(last) = self.handle().take() {
            last.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn a_timer_set_anew_gives_up_the_former_one() {
        let (supervisor, timer) = (Supervisor::default(), Timer::default());
        let waits = Arc::new(());
        let held = async |count: usize| {
            while Arc::strong_count(&waits) != 1 + count {
                tokio::task::yield_now().await;
            }
        };
        for _ in 0..3 {
            let holds = Arc::clone(&waits);
            timer.set(&supervisor, "test", async move {
                std::future::pending::<()>().await;
                drop(holds);
            });
            held(1).await;
        }
        drop(timer);
        held(0).await;
    }
}
