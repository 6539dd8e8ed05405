//! Child processes: started, asked to end, ended by their own id.

use std::ffi::OsStr;
use std::fs::File;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::process::{Child, Command};

/// What a finished command said.
#[derive(Clone, Debug)]
pub struct Output {
    /// Exit status; −1 when a signal ended it.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// Runs a command to its end; panics when it takes longer than `within`.
pub async fn run(program: &str, args: &[&str], within: Duration) -> Output {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(within, command.output()).await;
    let output = output.unwrap_or_else(|_| panic!("{program} {args:?} did not end in time"));
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
    Output {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A running child; killed on drop.
#[derive(Debug)]
pub(crate) struct Process {
    name: String,
    child: Child,
    pid: u32,
}

impl Process {
    /// Starts `program` in `folder`; its output is appended to `<name>.out` and `<name>.log` there.
    pub(crate) fn start(
        name: &str,
        program: &OsStr,
        folder: &Path,
        prepare: impl FnOnce(&mut Command),
    ) -> Self {
        let mut command = Command::new(program);
        command
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(append(&folder.join(format!("{name}.out"))))
            .stderr(append(&folder.join(format!("{name}.log"))))
            .kill_on_drop(true);
        prepare(&mut command);
        let child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let pid = child
            .id()
            .expect("a child that was not waited for has an id");
        Self {
            name: name.to_owned(),
            child,
            pid,
        }
    }

    pub(crate) const fn pid(&self) -> u32 {
        self.pid
    }

    /// How it ended, `None` while it runs.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child
            .try_wait()
            .unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }

    /// SIGKILL, and waits for its end.
    pub(crate) async fn kill(&mut self) {
        self.child
            .kill()
            .await
            .unwrap_or_else(|error| panic!("{}: {error}", self.name));
    }

    /// SIGTERM, and waits for its end.
    pub(crate) async fn terminate(&mut self, within: Duration) -> ExitStatus {
        if let Some(status) = self.ended() {
            return status;
        }
        let command = format!("kill -TERM {}", self.pid);
        let sent = Command::new("sh").args(["-c", &command]).status().await;
        assert!(
            sent.is_ok_and(|status| status.success()),
            "{}: no SIGTERM",
            self.name
        );
        let ended = tokio::time::timeout(within, self.child.wait()).await;
        let ended = ended.unwrap_or_else(|_| {
            panic!(
                "{} did not end within {} s of SIGTERM",
                self.name,
                within.as_secs()
            )
        });
        ended.unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }
}

fn append(path: &Path) -> File {
    File::options()
        .create(true)
        .append(true)
        .open(path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
