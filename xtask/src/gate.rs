//! `cargo xtask test`: every check there is, in an order that rejects most mistakes early.

mod counts;
mod options;
mod report;
mod stage;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Context;

use crate::clock::Stopwatch;
use crate::metadata::Metadata;
use crate::process::{self, Ended};
use crate::workspace::Workspace;
use crate::{Outcome, environment, setup, usage};
use counts::Counts;
use options::{Options, Request, Scope};
use report::{Entry, Verdict};
use stage::{STAGES, Stage};

/// What the stages need to know.
#[derive(Debug)]
struct Gate {
    workspace: Workspace,
    target_directory: PathBuf,
    /// Packages to look at; `None` = all.
    packages: Option<BTreeSet<String>>,
    nextest: bool,
    skipped_log: PathBuf,
}

/// Runs the gate as the arguments say.
pub(crate) fn command(arguments: &[String]) -> anyhow::Result<Outcome> {
    let options = match Options::parse(arguments) {
        Ok(Request::Run(options)) => options,
        Ok(Request::Help) => {
            print!("{}", options::help());
            return Ok(Outcome::Passed);
        }
        Err(problem) => return Ok(usage(&problem)),
    };
    let total = Stopwatch::start();
    let gate = Gate::prepare(&options)?;
    let mut entries = Vec::new();
    for stage in STAGES.iter().filter(|stage| options.wants(stage)) {
        let entry = gate.run(stage)?;
        let failed = entry.verdict.is_failure();
        entries.push(entry);
        if failed && !options.keep_going {
            break;
        }
    }
    let total = total.elapsed();
    report::print(&entries, total, &gate.skipped_tests());
    for line in report::slow_stages(&gate.target_directory, &entries) {
        println!("test: {line}; if that is no accident, find out why");
    }
    report::append_times(
        &gate.target_directory,
        &gate.workspace.commit(),
        &entries,
        total,
    )?;
    let failed = entries.iter().any(|entry| entry.verdict.is_failure());
    Ok(if failed {
        Outcome::Failed
    } else {
        Outcome::Passed
    })
}

impl Gate {
    fn prepare(options: &Options) -> anyhow::Result<Self> {
        let workspace = Workspace::locate()?;
        let metadata = Metadata::load(&workspace)?;
        let packages = match options.scope {
            Scope::All => None,
            Scope::Changed => changed_packages(&workspace.changed_files()?, &metadata.names()),
        };
        if let Some(packages) = &packages {
            let names: Vec<&str> = packages.iter().map(String::as_str).collect();
            println!(
                "test: packages changed since the last commit: {}",
                list(&names)
            );
        }
        match environment::test_data() {
            Some(path) if path.is_dir() => println!("test: shared material in {}", path.display()),
            Some(path) => println!(
                "test: {} is set to {}, which is no directory; tests that need it are skipped and \
                 counted",
                environment::TEST_DATA,
                path.display()
            ),
            None => println!(
                "test: {} is not set; tests that need shared material are skipped and counted",
                environment::TEST_DATA
            ),
        }
        fs::create_dir_all(&metadata.target_directory)
            .context("cannot make the target directory")?;
        let skipped_log = metadata.target_directory.join("skipped-tests.txt");
        fs::write(&skipped_log, "").with_context(|| skipped_log.display().to_string())?;
        Ok(Self {
            workspace,
            target_directory: metadata.target_directory,
            packages,
            nextest: environment::has_program("cargo-nextest"),
            skipped_log,
        })
    }

    fn run(&self, stage: &'static Stage) -> anyhow::Result<Entry> {
        println!("\n=== {}: {} ===", stage.name, stage.purpose);
        let watch = Stopwatch::start();
        let (verdict, counts) = match self.command(stage)? {
            Action::Nothing(why) => {
                println!("{}: {why}", stage.name);
                (Verdict::NotNeeded, Counts::default())
            }
            Action::Setup => {
                let complete = setup::ensure_programs();
                let verdict = if complete {
                    Verdict::Passed
                } else {
                    Verdict::Incomplete
                };
                (verdict, Counts::default())
            }
            Action::Run(mut command) => {
                println!("{}", process::show(&command));
                let ended = process::run(&mut command, stage.limit)?;
                (Verdict::of(ended), Counts::default())
            }
            Action::Count(command) => {
                println!("{}", process::show(&command));
                let (ended, text) = process::run_and_read(command, stage.limit)?;
                (Verdict::of(ended), Counts::read(&text))
            }
        };
        if verdict == Verdict::of(Ended::TimedOut) {
            println!(
                "{}: ended after its limit of {} s",
                stage.name,
                stage.limit.as_secs()
            );
        }
        Ok(Entry {
            stage,
            verdict,
            took: watch.elapsed(),
            counts,
        })
    }

    fn cargo(&self) -> Command {
        let mut command = process::cargo();
        command
            .current_dir(&self.workspace.root)
            .env(environment::SKIPPED_LOG, &self.skipped_log)
            .env("RUST_BACKTRACE", "1")
            .env("CARGO_TERM_COLOR", report::colour());
        if environment::in_pipeline() {
            command
                .env("CARGO_INCREMENTAL", "0")
                .env("CARGO_NET_RETRY", "10");
        }
        command
    }

    /// Adds `--package …` for each wanted package, or `--workspace`.
    fn packages<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        match &self.packages {
            None => command.arg("--workspace"),
            Some(names) => command.args(names.iter().flat_map(|name| ["--package", name])),
        }
    }

    fn command(&self, stage: &Stage) -> anyhow::Result<Action> {
        let nothing_changed = self.packages.as_ref().is_some_and(BTreeSet::is_empty);
        if nothing_changed && !matches!(stage.name, "setup" | "fmt" | "tidy") {
            return Ok(Action::Nothing("no package changed"));
        }
        let mut cargo = self.cargo();
        Ok(match stage.name {
            "setup" => Action::Setup,
            "fmt" => {
                cargo.args(["fmt", "--all", "--", "--check"]);
                Action::Run(cargo)
            }
            "tidy" => {
                // A process of its own, so that the limit holds for it too.
                let ourselves = std::env::current_exe().context("cannot find ourselves")?;
                let mut tidy = Command::new(ourselves);
                tidy.current_dir(&self.workspace.root).arg("tidy");
                Action::Run(tidy)
            }
            "clippy" => {
                self.packages(cargo.arg("clippy")).args([
                    "--all-targets",
                    "--locked",
                    "--",
                    "-D",
                    "warnings",
                ]);
                Action::Run(cargo)
            }
            "rustdoc" => {
                self.packages(cargo.arg("doc"))
                    .args(["--no-deps", "--document-private-items", "--locked"])
                    .env("RUSTDOCFLAGS", "-D warnings");
                Action::Run(cargo)
            }
            "tests" if self.nextest => {
                self.packages(cargo.args(["nextest", "run"]))
                    .args(["--locked", "--no-tests=pass"]);
                Action::Count(cargo)
            }
            "tests" => {
                println!("tests: cargo-nextest is not installed, using `cargo test`");
                self.packages(cargo.arg("test")).args([
                    "--lib",
                    "--bins",
                    "--tests",
                    "--no-fail-fast",
                    "--locked",
                ]);
                Action::Count(cargo)
            }
            "doctests" => {
                self.packages(cargo.arg("test")).args(["--doc", "--locked"]);
                Action::Count(cargo)
            }
            other => anyhow::bail!("stage `{other}` has no command"),
        })
    }

    /// What tests wrote about themselves when they could not run.
    fn skipped_tests(&self) -> Vec<String> {
        let text = fs::read_to_string(&self.skipped_log).unwrap_or_default();
        let lines: BTreeSet<&str> = text.lines().filter(|line| !line.is_empty()).collect();
        lines.into_iter().map(str::to_owned).collect()
    }
}

/// How a stage is carried out.
#[derive(Debug)]
enum Action {
    Nothing(&'static str),
    Setup,
    Run(Command),
    /// As `Run`, with the tests counted.
    Count(Command),
}

/// The packages that changed files belong to; `None` when a file changed that concerns all.
fn changed_packages(files: &[String], names: &[String]) -> Option<BTreeSet<String>> {
    const CONCERN_ALL: &[&str] = &[
        ".config/nextest.toml",
        "Cargo.lock",
        "Cargo.toml",
        "clippy.toml",
        "rust-toolchain.toml",
    ];
    if files
        .iter()
        .any(|file| CONCERN_ALL.contains(&file.as_str()))
    {
        return None;
    }
    let package_of = |file: &String| {
        let directory = file.strip_prefix("crates/").unwrap_or(file);
        let name = directory.split('/').next()?;
        names.iter().find(|known| *known == name).cloned()
    };
    Some(files.iter().filter_map(package_of).collect())
}

fn list(names: &[&str]) -> String {
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}

impl Metadata {
    fn names(&self) -> Vec<String> {
        self.own()
            .iter()
            .map(|package| package.name.clone())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(files: &[&str], expected: Option<&[&str]>) {
        let files: Vec<String> = files.iter().map(|file| (*file).to_owned()).collect();
        let names = ["sip", "media", "xtask"].map(str::to_owned);
        let expected = expected.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
        assert_eq!(changed_packages(&files, &names), expected);
    }

    #[test]
    fn changed_files_belong_to_packages() {
        check(
            &["crates/sip/src/lib.rs", "xtask/src/main.rs", "docs/a.md"],
            Some(&["sip", "xtask"]),
        );
        check(&["crates/gone/src/lib.rs"], Some(&[]));
        check(&[], Some(&[]));
    }

    #[test]
    fn a_change_of_the_workspace_concerns_all() {
        check(&["crates/sip/src/lib.rs", "Cargo.lock"], None);
        check(&["crates/sip/Cargo.toml"], Some(&["sip"]));
    }
}
