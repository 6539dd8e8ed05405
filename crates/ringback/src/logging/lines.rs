//! Log lines on their way to standard error, written by a thread of their own.
//!
//! Who logs must not wait for who reads the log: a pipe that nobody empties would stop the whole
//! server. Lines wait in a bounded buffer; what does not fit is left out and counted. A warning or
//! an error is waited for, briefly, so that it is there when something ends badly.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

/// Bytes that wait: some thousand lines, a burst that a reader catches up with.
const WAITING_MAX: usize = 1 << 20;
/// Longest wait for a line that matters.
const URGENT_MAX: Duration = Duration::from_millis(100);
/// Longest wait for the rest at the end of the program.
const END_MAX: Duration = Duration::from_secs(1);

/// The lines that wait; cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Lines(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    filled: Condvar,
    written: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<u8>,
    left_out: u64,
    /// Bytes taken and written so far.
    taken: u64,
    written: u64,
    /// A wait was in vain: nobody waits again before something is written.
    is_stuck: bool,
}

impl Lines {
    /// Starts the thread that writes to `sink`; it ends with the process.
    ///
    /// # Errors
    /// There is no room for a thread.
    pub(super) fn start(sink: impl Write + Send + 'static) -> io::Result<Self> {
        let lines = Self(Arc::default());
        let shared = Arc::clone(&lines.0);
        std::thread::Builder::new()
            .name(String::from("log"))
            .spawn(move || shared.write_to(sink))?;
        Ok(lines)
    }

    /// Waits until everything is written, as long as makes sense.
    pub(super) fn flush(&self) {
        self.0.wait(END_MAX);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until what was taken so far is written.
    fn wait(&self, limit: Duration) {
        let state = self.lock();
        let until = state.taken;
        let is_missing = |state: &mut State| state.written < until && !state.is_stuck;
        let waited = self.written.wait_timeout_while(state, limit, is_missing);
        let (mut state, result) = waited.unwrap_or_else(PoisonError::into_inner);
        // After the limit the line is written later; nothing depends on it.
        state.is_stuck |= result.timed_out();
    }

    fn take(&self, line: &[u8]) {
        let mut state = self.lock();
        if state.waiting.len() + line.len() > WAITING_MAX {
            state.left_out += 1;
            return;
        }
        if state.waiting.is_empty() {
            self.filled.notify_one();
        }
        state.waiting.extend_from_slice(line);
        state.taken += line.len() as u64;
    }

    fn write_to(&self, mut sink: impl Write) {
        let mut bytes = Vec::new();
        loop {
            let mut state = self.lock();
            while state.waiting.is_empty() {
                let woken = self.filled.wait(state);
                state = woken.unwrap_or_else(PoisonError::into_inner);
            }
            std::mem::swap(&mut bytes, &mut state.waiting);
            let left_out = std::mem::take(&mut state.left_out);
            drop(state);
            // A log that cannot be written has nobody to tell.
            drop(sink.write_all(&bytes));
            if left_out > 0 {
                drop(writeln!(
                    sink,
                    "{left_out} log lines were left out: they are not read fast enough"
                ));
            }
            drop(sink.flush());
            let mut state = self.lock();
            state.written += bytes.len() as u64;
            state.is_stuck = false;
            drop(state);
            self.written.notify_all();
            bytes.clear();
        }
    }
}

/// One line.
#[derive(Debug)]
pub(super) struct Line {
    shared: Arc<Shared>,
    is_urgent: bool,
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.shared.take(bytes);
        if self.is_urgent {
            self.shared.wait(URGENT_MAX);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line {
            shared: Arc::clone(&self.0),
            is_urgent: false,
        }
    }

    fn make_writer_for(&'a self, meta: &Metadata<'_>) -> Line {
        Line {
            is_urgent: *meta.level() <= Level::WARN,
            ..self.make_writer()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// Takes nothing before it is told to, then tells what it got.
    struct Stuck {
        go_on: mpsc::Receiver<()>,
        got: mpsc::Sender<Vec<u8>>,
    }

    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.go_on.recv().ok();
            self.got.send(bytes.to_vec()).ok();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_log_that_nobody_reads_stops_nobody() {
        let ((told, go_on), (got, gotten)) = (mpsc::channel(), mpsc::channel());
        let lines = Lines::start(Stuck { go_on, got }).unwrap();
        let mut writer = lines.make_writer();
        let line = [b"x".repeat(999), b"\n".to_vec()].concat();
        for _ in 0..3 * WAITING_MAX / line.len() {
            writer.write_all(&line).unwrap();
        }
        drop(told);
        lines.flush();
        let mut text = Vec::new();
        while let Ok(bytes) = gotten.recv_timeout(Duration::from_secs(5)) {
            let is_last = bytes.ends_with(b"fast enough\n");
            text.extend(bytes);
            if is_last {
                break;
            }
        }
        let text = String::from_utf8(text).unwrap();
        assert!(text.contains("log lines were left out"));
        assert!(text.len() <= 2 * WAITING_MAX + 100, "{}", text.len());
    }

    #[test]
    fn what_was_logged_is_there_after_a_flush() {
        let ((told, go_on), (got, gotten)) = (mpsc::channel(), mpsc::channel());
        drop(told);
        let lines = Lines::start(Stuck { go_on, got }).unwrap();
        lines.make_writer().write_all(b"one\n").unwrap();
        lines.flush();
        assert_eq!(gotten.try_recv().unwrap(), b"one\n");
    }
}
