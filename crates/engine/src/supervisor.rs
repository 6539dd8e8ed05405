//! Starts tasks, knows how many run, ends them together.

use std::sync::atomic::{AtomicI64, Ordering};
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

/// The next moment at which something wants to be looked at; one task at most waits for it.
#[derive(Debug)]
pub(crate) struct Due {
    /// ms since 1970.
    at: AtomicI64,
    task: Mutex<Option<AbortHandle>>,
}

impl Default for Due {
    fn default() -> Self {
        Self {
            at: AtomicI64::new(i64::MAX),
            task: Mutex::default(),
        }
    }
}

impl Due {
    /// Calls `look` at this moment, ms since 1970, unless an earlier one is planned.
    pub(crate) fn plan<F>(&self, supervisor: &Supervisor, at: i64, now: i64, look: F)
    where
        F: FnOnce() + Send + 'static,
    {
        if at >= self.at.load(Ordering::Relaxed) {
            return;
        }
        self.at.store(at, Ordering::Relaxed);
        let wait = u64::try_from(at.saturating_sub(now)).unwrap_or(0);
        let task = supervisor.spawn("timer", async move {
            tokio::time::sleep(Duration::from_millis(wait)).await;
            look();
        });
        if let Some(former) = self.task().replace(task) {
            former.abort();
        }
    }

    /// It is looked at: what comes next is planned anew.
    pub(crate) fn reached(&self) {
        self.at.store(i64::MAX, Ordering::Relaxed);
    }

    fn task(&self) -> MutexGuard<'_, Option<AbortHandle>> {
        self.task.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Due {
    fn drop(&mut self) {
        if let Some(last) = self.task().take() {
            last.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn an_earlier_moment_takes_the_place_of_the_one_that_was_planned() {
        let (supervisor, due) = (Supervisor::default(), Due::default());
        let waits = Arc::new(());
        let held = async |count: usize| {
            while Arc::strong_count(&waits) != 1 + count {
                tokio::task::yield_now().await;
            }
        };
        for at in [900_000, 600_000, 700_000] {
            let holds = Arc::clone(&waits);
            due.plan(&supervisor, at, 0, move || drop(holds));
            held(1).await;
        }
        due.reached();
        let (look, looked) = tokio::sync::oneshot::channel();
        due.plan(&supervisor, 5, 10, move || look.send(()).unwrap());
        looked.await.unwrap();
        held(0).await;
    }
}
