//! The browser UI: its build, its types, its tests and pictures; each needs Node.js and npm.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};

use crate::clock::Stopwatch;
use crate::process::Ended;
use crate::workspace::Workspace;
use crate::{Outcome, process};

/// Longest time of an installation of packages or of a build.
const BUILD_LIMIT: Duration = Duration::from_secs(600);
/// Longest time of the browser tests.
const TEST_LIMIT: Duration = Duration::from_secs(1200);
/// The document that the types of the UI are made from.
const DOCUMENT: &str = "web/openapi.json";

/// Whether the UI can be built here.
pub(crate) fn is_possible() -> bool {
    let runs = |program: &str| {
        Command::new(program)
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    };
    runs("node") && runs("npm")
}

/// Builds the UI into `web/dist`, from where the next build of the server embeds it.
pub(crate) fn build(workspace: &Workspace) -> anyhow::Result<Outcome> {
    if !is_possible() {
        bail!("the browser UI needs Node.js 20 or newer with npm");
    }
    let watch = Stopwatch::start();
    let folder = workspace.root.join("web");
    if !install(&folder)? || !npm(&folder, &["run", "build"], BUILD_LIMIT)? {
        return Ok(Outcome::Failed);
    }
    let seconds = watch.elapsed().as_secs_f64();
    eprintln!("xtask: built web/dist in {seconds:.1} s; the next build of ringback embeds it");
    Ok(Outcome::Passed)
}

/// Writes the OpenAPI document that the UI's types are made from, or checks the one that is there.
pub(crate) fn types(workspace: &Workspace, rest: &[String]) -> anyhow::Result<Outcome> {
    let check = match rest {
        [] => false,
        [one] if one == "--check" => true,
        [other, ..] => return Ok(crate::usage(&format!("unexpected argument `{other}`"))),
    };
    let mut print = process::cargo();
    print.current_dir(&workspace.root).args([
        "run",
        "--quiet",
        "--package",
        "ringback",
        "--",
        "openapi",
    ]);
    let now = process::output(&mut print)?;
    let path = workspace.root.join(DOCUMENT);
    if check {
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        if kept != now {
            eprintln!("xtask: {DOCUMENT} is out of date: run `cargo xtask web-types`");
            return Ok(Outcome::Failed);
        }
        return Ok(Outcome::Passed);
    }
    std::fs::write(&path, now).with_context(|| format!("cannot write {DOCUMENT}"))?;
    eprintln!("xtask: wrote {DOCUMENT}; `cargo xtask web` makes the types from it");
    Ok(Outcome::Passed)
}

/// Callbacks in the store of the large run.
const LARGE: &str = "100000";

/// Runs the browser tests against real servers; with `--large` the one with 100,000 callbacks,
/// which prints its figures.
pub(crate) fn test(workspace: &Workspace, rest: &[String]) -> anyhow::Result<Outcome> {
    let large = |argument: &&String| argument.as_str() == "--large";
    if rest.iter().any(|argument| large(&argument)) {
        let others: Vec<String> = rest.iter().filter(|one| !large(one)).cloned().collect();
        return playwright(workspace, &others, Some(("RINGBACK_LARGE", LARGE)));
    }
    playwright(workspace, rest, None)
}

/// Makes pictures of every page into `web/screenshots`.
pub(crate) fn screenshots(workspace: &Workspace) -> anyhow::Result<Outcome> {
    let outcome = playwright(workspace, &[], Some(("RINGBACK_SHOTS", "1")))?;
    if outcome == Outcome::Passed {
        eprintln!("xtask: the pictures are in web/screenshots");
    }
    Ok(outcome)
}

fn playwright(
    workspace: &Workspace,
    rest: &[String],
    what: Option<(&str, &str)>,
) -> anyhow::Result<Outcome> {
    if build(workspace)? != Outcome::Passed {
        return Ok(Outcome::Failed);
    }
    let mut server = process::cargo();
    server.current_dir(&workspace.root).args([
        "build",
        "--package",
        "ringback",
        "--bin",
        "ringback",
    ]);
    if process::run(&mut server, BUILD_LIMIT)? != Ended::Success {
        return Ok(Outcome::Failed);
    }
    let target = crate::metadata::Metadata::load(workspace)?.target_directory;
    let mut run = Command::new("npx");
    run.current_dir(workspace.root.join("web"))
        .args(["playwright", "test"])
        .args(rest)
        .env("RINGBACK_PROGRAM", target.join("debug/ringback"))
        .env("RINGBACK_CHROMIUM", chromium()?);
    if let Some((name, value)) = what {
        run.env(name, value);
    }
    eprintln!("xtask: {}", process::show(&run));
    Ok(match process::run(&mut run, TEST_LIMIT)? {
        Ended::Success => Outcome::Passed,
        Ended::Failure | Ended::TimedOut => Outcome::Failed,
    })
}

/// Where Debian puts its browser.
fn chromium() -> anyhow::Result<PathBuf> {
    let path = PathBuf::from("/usr/bin/chromium");
    if !path.exists() {
        bail!("the browser tests need Chromium: apt-get install chromium");
    }
    Ok(path)
}

/// Installs exactly what the lock file says, when that is not there yet.
fn install(folder: &Path) -> anyhow::Result<bool> {
    let lock = modified(&folder.join("package-lock.json"));
    let installed = modified(&folder.join("node_modules/.package-lock.json"));
    if installed.is_some() && installed >= lock {
        return Ok(true);
    }
    npm(folder, &["ci", "--no-audit", "--no-fund"], BUILD_LIMIT)
}

fn modified(path: &Path) -> Option<std::time::SystemTime> {
    path.metadata().and_then(|data| data.modified()).ok()
}

fn npm(folder: &Path, arguments: &[&str], limit: Duration) -> anyhow::Result<bool> {
    let mut run = Command::new("npm");
    run.current_dir(folder).args(arguments);
    eprintln!("xtask: {}", process::show(&run));
    Ok(process::run(&mut run, limit)? == Ended::Success)
}
