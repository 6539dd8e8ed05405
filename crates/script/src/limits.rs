//! What a script may take: every bound of a sandbox with its reason.

/// Bounds of one sandbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of heap, default 16 MiB: what one session may take from all others.
    pub heap_bytes: usize,
    /// Bytes of stack, default 256 KiB: recursion ends as an error long before the thread's stack.
    pub stack_bytes: usize,
    /// Microseconds of the watch between [`crate::Sandbox::begin`] and the interrupt, default
    /// 100 ms.
    pub time_us: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            heap_bytes: 16 << 20,
            stack_bytes: 256 << 10,
            time_us: 100_000,
        }
    }
}

/// A clock that only serves the time limit; scripts never see it.
pub trait Watch: Send + Sync {
    /// Microseconds since any fixed moment, never going back.
    fn elapsed_us(&self) -> u64;
}

/// Processor time of the calling thread: what a script itself has used, however many others want
/// the processors meanwhile.
#[derive(Clone, Copy, Debug, Default)]
pub struct ThreadTime;

impl Watch for ThreadTime {
    fn elapsed_us(&self) -> u64 {
        let used = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        let seconds = u64::try_from(used.tv_sec).unwrap_or_default();
        let nanoseconds = u64::try_from(used.tv_nsec).unwrap_or_default();
        seconds * 1_000_000 + nanoseconds / 1_000
    }
}

/// A watch that stands still: without it nothing is ever interrupted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unwatched;

impl Watch for Unwatched {
    fn elapsed_us(&self) -> u64 {
        0
    }
}

/// Bytes of heap while a document is compiled: its sources are bounded by whoever read them.
pub(crate) const COMPILE_HEAP_BYTES: usize = 256 << 20;

/// Bytes of stack while a document is compiled.
pub(crate) const COMPILE_STACK_BYTES: usize = 512 << 10;

/// Heap in use at which QuickJS first looks for cycles; a fresh session stays below it.
pub(crate) const GC_THRESHOLD_BYTES: usize = 512 << 10;
