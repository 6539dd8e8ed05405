//! Starting programs: with their output captured, passed through, or read along, within a limit.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail};

use crate::environment;

/// How a program with a time limit ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It exited by itself with success.
    Success,
    /// It exited by itself with a failure or was killed by somebody else.
    Failure,
    /// It was still running at the limit and was ended with everything it had started.
    TimedOut,
}

/// A cargo command without the variables that `cargo run` left in our environment.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(environment::cargo());
    for name in environment::set_by_cargo_run() {
        command.env_remove(name);
    }
    command
}

/// Runs a command and returns what it wrote to standard output.
pub(crate) fn output(command: &mut Command) -> anyhow::Result<String> {
    let shown = show(command);
    let result = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start `{shown}`"))?;
    if !result.status.success() {
        bail!(
            "`{shown}` failed ({}): {}",
            result.status,
            String::from_utf8_lossy(&result.stderr).trim_end()
        );
    }
    String::from_utf8(result.stdout).with_context(|| format!("`{shown}` wrote no UTF-8"))
}

/// Runs a command whose output goes where ours goes.
pub(crate) fn run(command: &mut Command, limit: Duration) -> anyhow::Result<Ended> {
    let child = start(command.stdin(Stdio::null()))?;
    wait(child, limit)
}

/// Runs a command, passes its output on line by line and returns a copy of it.
///
/// Standard output and standard error share one pipe, so that headings stay above what they head.
pub(crate) fn run_and_read(
    mut command: Command,
    limit: Duration,
) -> anyhow::Result<(Ended, String)> {
    let (reader, writer) = io::pipe().context("cannot make a pipe")?;
    command
        .stdin(Stdio::null())
        .stdout(writer.try_clone().context("cannot share a pipe")?)
        .stderr(writer);
    let child = start(&mut command)?;
    // Its ends of the pipe must go, or the reader would wait for ever.
    drop(command);
    let reader = thread::spawn(move || copy_lines(reader, &mut io::stdout()));
    let ended = wait(child, limit)?;
    // A reader that failed to print has read what matters less than the exit status.
    Ok((ended, reader.join().unwrap_or_default()))
}

/// The command as a person would type it.
pub(crate) fn show(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| word.to_string_lossy())
        .enumerate()
        .map(|(index, word)| {
            // The whole path of cargo helps nobody.
            let name = word.rsplit('/').next().unwrap_or_default();
            if index == 0 {
                name.to_owned()
            } else {
                word.into_owned()
            }
        })
        .collect::<Vec<_>>()
        .join(" ")
}

fn start(command: &mut Command) -> anyhow::Result<Child> {
    let shown = show(command);
    command
        .spawn()
        .with_context(|| format!("cannot start `{shown}`"))
}

/// Waits for a child; at the limit ends it and its descendants.
///
/// The child stays in our process group, so that Ctrl-C and a pipeline that ends us reach it too.
fn wait(mut child: Child, limit: Duration) -> anyhow::Result<Ended> {
    let pid = child.id();
    let (report, result) = mpsc::sync_channel::<io::Result<ExitStatus>>(1);
    let waiter = thread::spawn(move || report.send(child.wait()));
    let ended = match result.recv_timeout(limit) {
        Ok(status) => {
            if status.context("cannot wait for a child")?.success() {
                Ended::Success
            } else {
                Ended::Failure
            }
        }
        Err(_) => {
            let family = descendants(pid);
            signal("-TERM", &family);
            if result.recv_timeout(Duration::from_secs(10)).is_err() {
                signal("-KILL", &family);
            }
            // Those that outlived their parent although it obeyed.
            signal("-KILL", &still_running(&family));
            Ended::TimedOut
        }
    };
    drop(waiter);
    Ok(ended)
}

/// Reads until the other end closes; the pipe may stay open in a grandchild after a time-out, but
/// not for long: it is ended as well.
fn copy_lines(from: impl Read, to: &mut impl Write) -> String {
    let mut from = BufReader::new(from);
    let mut all = Vec::new();
    loop {
        let start = all.len();
        match from.read_until(b'\n', &mut all) {
            Ok(0) | Err(_) => break,
            Ok(_) => {
                if to.write_all(all.get(start..).unwrap_or_default()).is_err() {
                    break;
                }
            }
        }
    }
    String::from_utf8_lossy(&all).into_owned()
}

/// The process and everything below it, found in `/proc`.
fn descendants(root: u32) -> Vec<u32> {
    let mut parents = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse::<u32>().ok())
        else {
            continue;
        };
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        if let Some(parent) = parent_of(&stat) {
            parents.push((pid, parent));
        }
    }
    let mut family = vec![root];
    let mut next = 0;
    while let Some(&parent) = family.get(next) {
        family.extend(
            parents
                .iter()
                .filter(|(_, its_parent)| *its_parent == parent)
                .map(|(pid, _)| *pid),
        );
        next += 1;
    }
    family
}

/// Field 4 of `/proc/<pid>/stat`; the name in field 2 may hold blanks and brackets (proc(5)).
fn parent_of(stat: &str) -> Option<u32> {
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_whitespace().nth(1)?.parse().ok()
}

fn still_running(pids: &[u32]) -> Vec<u32> {
    pids.iter()
        .copied()
        .filter(|pid| fs::exists(format!("/proc/{pid}")).unwrap_or(false))
        .collect()
}

fn signal(name: &str, pids: &[u32]) {
    if pids.is_empty() {
        return;
    }
    // `kill` complains about those that ended in between, which is what we want anyway.
    let _status = Command::new("kill")
        .arg(name)
        .args(pids.iter().map(u32::to_string))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parent_is_read_behind_a_name_with_brackets() {
        assert_eq!(parent_of("42 (a) b (c) S 7 42 42 0"), Some(7));
        assert_eq!(parent_of(""), None);
    }

    #[test]
    fn a_program_that_hangs_is_ended_with_its_children() {
        let limit = Duration::from_millis(200);
        let mut command = Command::new("sh");
        command.args(["-c", "echo before; sleep 600; echo after"]);
        let (ended, text) = run_and_read(command, limit).unwrap();
        assert_eq!(ended, Ended::TimedOut);
        assert_eq!(text, "before\n");
    }

    #[test]
    fn exit_status_and_output_are_reported() {
        let limit = Duration::from_secs(20);
        let mut command = Command::new("sh");
        command.args(["-c", "echo one; echo two >&2; exit 3"]);
        let (ended, text) = run_and_read(command, limit).unwrap();
        assert_eq!(ended, Ended::Failure);
        assert_eq!(text, "one\ntwo\n");
    }

    #[test]
    fn commands_are_shown_without_the_path_of_the_program() {
        let mut command = Command::new("/a/b/cargo");
        command.args(["fmt", "--check", "crates/sip"]);
        assert_eq!(show(&command), "cargo fmt --check crates/sip");
    }
}
