//! A child process of this very program: its ready line, its output, its end.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Log lines that are kept for the report of an early death.
const LOG_LINES_MAX: usize = 15;
/// Bytes at the end of a log in which they are looked for.
const LOG_TAIL_MAX: u64 = 16 * 1024;
/// Lines that wait for their reader.
const LINES_MAX: usize = 10_000;
/// Time a child gets to end by itself after SIGTERM.
const GRACE: Duration = Duration::from_secs(15);

type Said = Arc<Mutex<VecDeque<String>>>;

/// A running child.
#[derive(Debug)]
pub(crate) struct Process {
    name: &'static str,
    child: Child,
    pid: u32,
    /// Objects the child printed on standard output.
    lines: mpsc::Receiver<Value>,
    /// Other lines of standard output.
    said: Said,
    log_file: PathBuf,
    readers: JoinSet<()>,
    /// Held open: waiting for the child would close it, and the carrier ends when it closes.
    _stdin: Option<ChildStdin>,
}

impl Process {
    /// Starts this program with other arguments; its log goes to `log_file` as well.
    ///
    /// # Errors
    /// The program cannot be started.
    pub(crate) fn start(
        name: &'static str,
        args: Vec<OsString>,
        log_file: PathBuf,
    ) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("own path")?;
        let log = File::create(&log_file).with_context(|| format!("log of {name}"))?;
        let mut command = Command::new(program);
        // Settings of this process's surroundings are not meant for its children.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("RINGBACK_") {
                command.env_remove(name);
            }
        }
        let mut child = command
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Straight into the file: copying each line would cost more than what is measured.
            .stderr(Stdio::from(log))
            // Ctrl-C in a terminal reaches the whole group; the parent ends its children in order.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{name} cannot be started"))?;
        let pid = child
            .id()
            .with_context(|| format!("{name} has no process id"))?;
        let stdout = child
            .stdout
            .take()
            .with_context(|| format!("{name} has no output"))?;
        let stdin = child.stdin.take();
        let said = Said::default();
        let (sender, lines) = mpsc::channel(LINES_MAX);
        let mut readers = JoinSet::new();
        readers.spawn(read_objects(stdout, sender, Arc::clone(&said)));
        Ok(Self {
            name,
            child,
            pid,
            lines,
            said,
            log_file,
            readers,
            _stdin: stdin,
        })
    }

    /// Process id.
    pub(crate) const fn pid(&self) -> u32 {
        self.pid
    }

    /// The object in which the child says that it is ready.
    ///
    /// # Errors
    /// The child ended or said nothing in time; its last log lines are part of the error.
    pub(crate) async fn ready(&mut self, within: Duration) -> anyhow::Result<Value> {
        let ready = async {
            while let Some(line) = self.lines.recv().await {
                if line["event"] == "ready" {
                    return Some(line);
                }
            }
            None
        };
        match tokio::time::timeout(within, ready).await {
            Ok(Some(line)) => Ok(line),
            Ok(None) => Err(self.died().await),
            Err(_) => Err(self.failed(&format!("was not ready within {} s", within.as_secs()))),
        }
    }

    /// Takes the printed objects away, so that they can be read beside everything else.
    pub(crate) fn take_lines(&mut self) -> mpsc::Receiver<Value> {
        let (_, empty) = mpsc::channel(1);
        std::mem::replace(&mut self.lines, empty)
    }

    /// Waits until the child ends and says how, with its last log lines.
    pub(crate) async fn died(&mut self) -> anyhow::Error {
        let status = self.child.wait().await;
        while self.readers.join_next().await.is_some() {}
        match status {
            Ok(status) => self.failed(&format!("ended unexpectedly ({status})")),
            Err(error) => self.failed(&format!("cannot be watched ({error})")),
        }
    }

    /// Ends the child by SIGTERM and waits for it.
    ///
    /// # Errors
    /// It did not end in time (and was killed then) or ended with another status than 0.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid.filter(|_| self.child.id().is_some()) {
            kill_process(pid, Signal::TERM)
                .with_context(|| format!("{} cannot be asked to end", self.name))?;
        }
        // Whatever is still printed must not block the child.
        self.lines.close();
        let status: ExitStatus = match tokio::time::timeout(GRACE, self.child.wait()).await {
            Ok(status) => status?,
            Err(_) => {
                self.child.kill().await.ok();
                bail!(self.failed(&format!(
                    "did not end within {} s of SIGTERM",
                    GRACE.as_secs()
                )));
            }
        };
        if !status.success() {
            bail!(self.failed(&format!("ended with {status}")));
        }
        Ok(())
    }

    /// Waits for a child that ends by itself.
    ///
    /// # Errors
    /// It did not end in time (and was killed then) or ended with another status than 0.
    pub(crate) async fn finished(mut self) -> anyhow::Result<()> {
        self.lines.close();
        match tokio::time::timeout(GRACE, self.child.wait()).await {
            Ok(status) if status.as_ref().is_ok_and(ExitStatus::success) => Ok(()),
            Ok(status) => bail!(self.failed(&format!("ended with {}", status?))),
            Err(_) => bail!(self.failed("did not end by itself")),
        }
    }

    fn failed(&self, what: &str) -> anyhow::Error {
        let mut tail = last_lines(&self.log_file);
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        tail.extend(said.iter().cloned());
        if tail.is_empty() {
            return anyhow!("{} {what}; it wrote no log", self.name);
        }
        anyhow!(
            "{} {what}; its last log lines:\n  {}",
            self.name,
            tail.join("\n  ")
        )
    }
}

/// The end of a log.
fn last_lines(path: &Path) -> Vec<String> {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        let size = file.metadata()?.len();
        file.seek(SeekFrom::Start(size.saturating_sub(LOG_TAIL_MAX)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    // A log that cannot be read tells as much as an empty one.
    let bytes = read().unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<String> = text.lines().map(ToOwned::to_owned).collect();
    lines[lines.len().saturating_sub(LOG_LINES_MAX)..].to_vec()
}

fn remember(said: &Said, line: String) {
    let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
    if said.len() == LOG_LINES_MAX {
        said.pop_front();
    }
    said.push_back(line);
}

async fn read_objects(stdout: impl AsyncRead + Unpin, sender: mpsc::Sender<Value>, said: Said) {
    let mut lines = BufReader::new(stdout).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        match serde_json::from_str(&line) {
            // A closed channel means that nobody is interested any more: keep draining.
            Ok(object) => drop(sender.send(object).await),
            Err(_) => remember(&said, line),
        }
    }
}
