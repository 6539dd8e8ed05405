//! House rules that no compiler checks: packages, dependencies, files, words and documents.
//!
//! Each check is a function from what was read to a list of findings, so that it can be tested
//! without a repository. The tables they use are in [`rules`].

mod dependencies;
mod documents;
mod graph;
mod length;
mod licence;
mod manifests;
mod modules;
mod rules;
mod words;

use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::Context;

use crate::clock::Stopwatch;
use crate::metadata::Metadata;
use crate::source::Source;
use crate::workspace::Workspace;
use crate::{Outcome, environment, process};

/// Inputs of the fuzz targets: bytes, whatever they look like.
const FUZZ_CORPUS: &str = "fuzz/corpus/";

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    /// Worth a look.
    Warning,
    /// The gate fails.
    Error,
}

/// A broken rule.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Finding {
    level: Level,
    /// Path relative to the root.
    file: String,
    /// From 1.
    line: usize,
    /// What is wrong.
    problem: String,
    /// What to do about it.
    remedy: String,
}

impl Finding {
    fn error(
        file: impl Into<String>,
        line: usize,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            level: Level::Error,
            file: file.into(),
            line,
            problem: problem.into(),
            remedy: remedy.into(),
        }
    }

    fn warning(self) -> Self {
        Self {
            level: Level::Warning,
            ..self
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Error => "error",
            Level::Warning => "warning",
        };
        let Self {
            file,
            line,
            problem,
            remedy,
            ..
        } = self;
        write!(f, "{level}: {file}:{line}: {problem}\n    remedy: {remedy}")
    }
}

/// A Rust file of the repository.
#[derive(Clone, Debug)]
struct RustFile {
    /// Path relative to the root.
    path: String,
    source: Source,
}

impl RustFile {
    /// The whole file is test code.
    fn is_test(&self) -> bool {
        self.path.contains("/tests/")
            || self.path.ends_with("/tests.rs")
            || self.path.starts_with("crates/testkit/")
    }

    /// Whether this line, from 1, is test code.
    fn is_test_line(&self, line: usize) -> bool {
        self.is_test() || line > self.source.lines_before_tests
    }
}

/// Another text of the repository.
#[derive(Clone, Debug)]
struct TextFile {
    /// Path relative to the root.
    path: String,
    text: String,
}

/// Everything the checks look at.
#[derive(Debug)]
struct House {
    root: std::path::PathBuf,
    /// Paths of all files, relative to the root.
    paths: Vec<String>,
    rust: Vec<RustFile>,
    /// Texts other than Rust: manifests, documents, scripts.
    texts: Vec<TextFile>,
    metadata: Metadata,
}

impl House {
    fn read(workspace: &Workspace) -> anyhow::Result<Self> {
        let metadata = Metadata::load(workspace)?;
        let mut house = Self {
            root: workspace.root.clone(),
            paths: workspace.files()?,
            rust: Vec::new(),
            texts: Vec::new(),
            metadata,
        };
        for path in &house.paths {
            let bytes = fs::read(workspace.root.join(path)).with_context(|| path.clone())?;
            if path.starts_with(FUZZ_CORPUS) {
                continue;
            }
            let Ok(text) = String::from_utf8(bytes) else {
                continue;
            };
            let path = path.clone();
            if has_extension(&path, &["rs"]) {
                let source = Source::new(text);
                house.rust.push(RustFile { path, source });
            } else {
                house.texts.push(TextFile { path, text });
            }
        }
        Ok(house)
    }

    fn text(&self, path: &str) -> Option<&str> {
        self.texts
            .iter()
            .find(|file| file.path == path)
            .map(|file| file.text.as_str())
    }

    /// A path of cargo's as seen from the root.
    fn relative(&self, path: &Path) -> String {
        path.strip_prefix(&self.root)
            .unwrap_or(path)
            .display()
            .to_string()
    }
}

/// `cargo xtask tidy`.
pub(crate) fn command(workspace: &Workspace) -> anyhow::Result<Outcome> {
    let total = Stopwatch::start();
    let house = House::read(workspace)?;
    let read = total.elapsed();
    let findings = all_findings(&house)?;
    for finding in &findings {
        println!("{finding}");
    }
    let errors = findings
        .iter()
        .filter(|finding| finding.level == Level::Error)
        .count();
    println!(
        "tidy: {} files, {} packages of ours, {} of others: {errors} errors, {} warnings \
         ({:.1} s reading, {:.1} s checking)",
        house.paths.len(),
        house.metadata.members.len(),
        house.metadata.packages.len() - house.metadata.members.len(),
        findings.len() - errors,
        read.as_secs_f64(),
        (total.elapsed() - read).as_secs_f64(),
    );
    Ok(if errors == 0 {
        Outcome::Passed
    } else {
        Outcome::Failed
    })
}

fn all_findings(house: &House) -> anyhow::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    findings.extend(manifests::check(house));
    findings.extend(graph::check(house));
    findings.extend(dependencies::check(house)?);
    findings.extend(modules::check(house));
    findings.extend(length::check(house));
    findings.extend(words::check(house));
    findings.extend(documents::check(house));
    if environment::in_pipeline() {
        findings.extend(lock_file_is_committed(&house.root)?);
    }
    findings.sort_by(|a, b| (a.level, &a.file, a.line).cmp(&(b.level, &b.file, b.line)));
    Ok(findings)
}

/// In a pipeline: starting this tool must not have had to change the lock file.
fn lock_file_is_committed(root: &Path) -> anyhow::Result<Option<Finding>> {
    let mut git = std::process::Command::new("git");
    git.current_dir(root)
        .args(["status", "--porcelain", "--", "Cargo.lock"]);
    let changed = process::output(&mut git)?;
    Ok((!changed.trim().is_empty()).then(|| {
        Finding::error(
            "Cargo.lock",
            1,
            "the committed lock file does not fit the manifests",
            "run any cargo command and commit Cargo.lock alone",
        )
    }))
}

fn has_extension(path: &str, extensions: &[&str]) -> bool {
    Path::new(path)
        .extension()
        .and_then(|extension| extension.to_str())
        .is_some_and(|extension| extensions.contains(&extension))
}

#[cfg(test)]
impl RustFile {
    fn example(path: &str, whole: &str) -> Self {
        Self {
            path: path.to_owned(),
            source: Source::new(whole.to_owned()),
        }
    }
}
