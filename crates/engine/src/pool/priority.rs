//! How much of the processors threads get.

use rustix::process::setpriority_process;
use rustix::thread::{CpuSet, Pid, gettid, sched_getaffinity, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};

/// Nice value of quick threads: calls and other callbacks go first when a script takes all it may.
const BEHIND: i32 = 10;
/// Nice value of threads in the background.
pub(super) const LAST: i32 = 19;

/// Puts the calling thread behind those that carry calls.
pub(super) fn behind_calls() {
    // Without the right to do so it works at the priority of the others.
    let _kept = setpriority_process(Some(gettid()), BEHIND);
}

/// Processor time of the calling thread, µs.
pub(super) fn own_cpu_us() -> u64 {
    let used = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(used.tv_sec).unwrap_or_default();
    seconds * 1_000_000 + u64::try_from(used.tv_nsec).unwrap_or_default() / 1_000
}

/// Processor time of another thread of this process, µs; `None` where the kernel does not tell.
pub(super) fn cpu_us(thread: Pid) -> Option<u64> {
    let path = format!("/proc/self/task/{}/schedstat", thread.as_raw_nonzero());
    let told = std::fs::read_to_string(path).ok()?;
    let used_ns: u64 = told.split_ascii_whitespace().next()?.parse().ok()?;
    Some(used_ns / 1_000)
}

/// Where threads run that are behind all others.
#[derive(Debug)]
pub(super) struct Background {
    /// All processors of the process but one; `None` when it has only one.
    processors: Option<CpuSet>,
}

impl Background {
    /// Leaves one of the processors that the calling thread may use to others.
    pub(super) fn find() -> Self {
        let mut processors = sched_getaffinity(None).ok();
        if let Some(set) = &mut processors {
            let first = (0..CpuSet::MAX_CPU).find(|number| set.is_set(*number));
            if let Some(first) = first {
                set.unset(first);
            }
        }
        Self {
            processors: processors.filter(|set| set.count() > 0),
        }
    }

    /// Puts a thread of this process behind all others.
    pub(super) fn take(&self, thread: Pid) {
        let lower = setpriority_process(Some(thread), LAST);
        let fewer = match &self.processors {
            Some(processors) => sched_setaffinity(Some(thread), processors),
            None => Ok(()),
        };
        if let Err(error) = lower.and(fewer) {
            tracing::debug!(%error, "a slow thread keeps its share of the processors");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_in_the_background_leaves_a_processor_free() {
        let before = sched_getaffinity(None).expect("the kernel tells");
        let thread = std::thread::spawn(|| {
            Background::find().take(gettid());
            sched_getaffinity(None).expect("the kernel tells").count()
        });
        let left = thread.join().expect("nothing panics");
        assert_eq!(left, (before.count() - 1).max(1));
    }

    #[test]
    fn the_processor_time_of_a_thread_is_known_to_others() {
        let own = own_cpu_us();
        let told = cpu_us(gettid()).expect("the kernel tells");
        assert!(told + 1_000_000 > own, "{told} {own}");
    }
}
