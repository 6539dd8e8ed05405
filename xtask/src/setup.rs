//! The programs that tests use: which are missing, and installing them where we may.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::clock::Stopwatch;
use crate::process::{self, Ended};
use crate::{Outcome, environment};

/// A program that tests start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Program {
    name: &'static str,
    /// Debian package that brings it.
    package: &'static str,
    /// What cannot be tested without it.
    purpose: &'static str,
}

const PROGRAMS: &[Program] = &[
    Program {
        name: "sipp",
        package: "sip-tester",
        purpose: "customers and agents with one exact behaviour each",
    },
    Program {
        name: "baresip",
        package: "baresip-core",
        purpose: "real phones",
    },
    Program {
        name: "espeak-ng",
        package: "espeak-ng",
        purpose: "speech for the detector",
    },
    Program {
        name: "sox",
        package: "sox",
        purpose: "audio files for the peers",
    },
];

/// One apt command may take this long; a slow mirror is no reason to wait for ever.
const APT_LIMIT: Duration = Duration::from_secs(300);

/// Debian's hook that decides whether a freshly installed service is started.
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// `cargo xtask setup`.
pub(crate) fn command() -> Outcome {
    let watch = Stopwatch::start();
    let complete = ensure_programs();
    if !environment::has_program("cargo-nextest") {
        println!(
            "setup: cargo-nextest is not installed, `cargo test` is used instead; optional: \
             `cargo install --locked cargo-nextest`"
        );
    }
    println!("setup: {:.1} s", watch.elapsed().as_secs_f64());
    if complete {
        Outcome::Passed
    } else {
        Outcome::Failed
    }
}

/// Installs what is missing when we are root on Debian, otherwise says what to install.
///
/// Returns whether everything is there in the end.
pub(crate) fn ensure_programs() -> bool {
    let missing = missing(environment::has_program);
    if missing.is_empty() {
        println!("setup: all programs that tests use are there");
        return true;
    }
    for program in &missing {
        println!("setup: {} is missing ({})", program.name, program.purpose);
    }
    let packages: Vec<&str> = missing.iter().map(|program| program.package).collect();
    if is_root() && environment::has_program("apt-get") {
        install(&packages);
    }
    let missing = self::missing(environment::has_program);
    if !missing.is_empty() {
        let packages: Vec<&str> = missing.iter().map(|program| program.package).collect();
        println!(
            "setup: install with\n    sudo apt-get update && sudo apt-get install \
             --no-install-recommends {}\nsetup: until then the tests that need them are skipped \
             and counted",
            packages.join(" ")
        );
    }
    missing.is_empty()
}

fn missing(is_there: impl Fn(&str) -> bool) -> Vec<Program> {
    PROGRAMS
        .iter()
        .copied()
        .filter(|program| !is_there(program.name))
        .collect()
}

/// Who owns the entries of our own process in `/proc` is who we are.
fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

fn install(packages: &[&str]) {
    let _policy = NoServices::new();
    let mut update = apt();
    update.arg("update");
    let mut install = apt();
    install
        .args(["install", "--yes", "--no-install-recommends"])
        .args(packages);
    for command in [&mut update, &mut install] {
        println!("setup: {}", process::show(command));
        match process::run(command, APT_LIMIT) {
            Ok(Ended::Success) => {}
            Ok(Ended::Failure) => println!("setup: that failed"),
            Ok(Ended::TimedOut) => println!("setup: gave up after {} s", APT_LIMIT.as_secs()),
            Err(error) => println!("setup: {error:#}"),
        }
    }
}

/// Never asks, and waits a while when somebody else is installing.
fn apt() -> Command {
    let mut command = Command::new("apt-get");
    command
        .env("DEBIAN_FRONTEND", "noninteractive")
        .args(["-q", "-o", "DPkg::Lock::Timeout=120"]);
    command
}

/// While it lives, installing a package starts no service; a policy that is there already stays.
#[derive(Debug)]
struct NoServices {
    ours: bool,
}

impl NoServices {
    fn new() -> Self {
        let file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o755)
            .open(POLICY);
        // 101 means "action forbidden by policy" (invoke-rc.d(8)).
        let ours = file.is_ok_and(|mut file| {
            std::io::Write::write_all(&mut file, b"#!/bin/sh\nexit 101\n").is_ok()
        });
        Self { ours }
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if self.ours && fs::remove_file(Path::new(POLICY)).is_err() {
            println!("setup: could not remove {POLICY}; remove it by hand");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_not_there_is_missing() {
        let found = missing(|name| name != "sox");
        assert_eq!(found.iter().map(|p| p.package).collect::<Vec<_>>(), ["sox"]);
        assert!(missing(|_| true).is_empty());
    }

    #[test]
    fn apt_neither_asks_nor_gives_up_on_a_lock_at_once() {
        assert_eq!(
            process::show(apt().arg("update")),
            "apt-get -q -o DPkg::Lock::Timeout=120 update"
        );
    }
}
