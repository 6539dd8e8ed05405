//! Builds programs quickly but optimised and becomes them.

use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, bail};

use crate::clock::Stopwatch;
use crate::metadata::Metadata;
use crate::workspace::Workspace;
use crate::{Outcome, process, web};

/// Profile of the root manifest: a release without link-time optimisation.
const PROFILE: &str = "demo";

/// Builds the browser UI where that is possible, then runs the demo.
pub(crate) fn demo(workspace: &Workspace, arguments: &[String]) -> anyhow::Result<Outcome> {
    if !web::is_possible() {
        eprintln!("xtask: no Node.js with npm here: the demo runs without the browser UI");
    } else if web::build(workspace)? != Outcome::Passed {
        return Ok(Outcome::Failed);
    }
    ringback(workspace, "demo", arguments)
}

/// Builds the executable and replaces this process by `ringback <command> <arguments>`; returns
/// only when that fails.
pub(crate) fn ringback(
    workspace: &Workspace,
    command: &str,
    arguments: &[String],
) -> anyhow::Result<Outcome> {
    let Some(folder) = build(workspace, &[("ringback", "ringback")])? else {
        return Ok(Outcome::Failed);
    };
    let mut run = Command::new(folder.join("ringback"));
    run.arg(command).args(arguments);
    become_it(run)
}

/// Builds the executable and the kill test and becomes the latter.
pub(crate) fn kill(workspace: &Workspace, arguments: &[String]) -> anyhow::Result<Outcome> {
    let programs = [("ringback", "ringback"), ("testkit", "kill")];
    let Some(folder) = build(workspace, &programs)? else {
        return Ok(Outcome::Failed);
    };
    let mut run = Command::new(folder.join("kill"));
    run.arg("--program")
        .arg(folder.join("ringback"))
        .args(arguments);
    become_it(run)
}

/// Builds programs of packages; `None` when they do not compile, else the folder they are in.
fn build(workspace: &Workspace, programs: &[(&str, &str)]) -> anyhow::Result<Option<PathBuf>> {
    let metadata = Metadata::load(workspace)?;
    let mut build = process::cargo();
    build
        .current_dir(&workspace.root)
        .args(["build", "--profile", PROFILE]);
    for (package, program) in programs {
        if !metadata.own().iter().any(|own| own.name == *package) {
            bail!("this checkout has no package `{package}` yet");
        }
        build.args(["--package", package, "--bin", program]);
    }
    eprintln!("xtask: {}", process::show(&build));
    let watch = Stopwatch::start();
    let status = build.status().context("cannot start cargo")?;
    if !status.success() {
        return Ok(None);
    }
    eprintln!("xtask: built in {:.1} s", watch.elapsed().as_secs_f64());
    Ok(Some(metadata.target_directory.join(PROFILE)))
}

/// Replaces this process; returns only when that fails.
fn become_it(mut run: Command) -> anyhow::Result<Outcome> {
    eprintln!("xtask: {}", process::show(&run));
    let error = run.exec();
    Err(error).with_context(|| format!("cannot start {}", process::show(&run)))
}
