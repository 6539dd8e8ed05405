//! Builds `ringback` quickly but optimised and becomes it.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use anyhow::{Context, bail};

use crate::clock::Stopwatch;
use crate::metadata::Metadata;
use crate::workspace::Workspace;
use crate::{Outcome, process};

/// Profile of the root manifest: a release without link-time optimisation.
const PROFILE: &str = "demo";

/// Builds the executable and replaces this process by `ringback <command> <arguments>`; returns
/// only when that fails.
pub(crate) fn ringback(
    workspace: &Workspace,
    command: &str,
    arguments: &[String],
) -> anyhow::Result<Outcome> {
    let metadata = Metadata::load(workspace)?;
    if !metadata
        .own()
        .iter()
        .any(|package| package.name == "ringback")
    {
        bail!("this checkout has no package `ringback` yet");
    }
    let mut build = process::cargo();
    build.current_dir(&workspace.root).args([
        "build",
        "--profile",
        PROFILE,
        "--package",
        "ringback",
        "--bin",
        "ringback",
    ]);
    eprintln!("xtask: {}", process::show(&build));
    let watch = Stopwatch::start();
    let status = build.status().context("cannot start cargo")?;
    if !status.success() {
        return Ok(Outcome::Failed);
    }
    let program = metadata.target_directory.join(PROFILE).join("ringback");
    let mut run = Command::new(&program);
    run.arg(command).args(arguments);
    eprintln!(
        "xtask: built in {:.1} s; {}",
        watch.elapsed().as_secs_f64(),
        process::show(&run)
    );
    let error = run.exec();
    Err(error).with_context(|| format!("cannot start {}", program.display()))
}
