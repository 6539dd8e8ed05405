//! The table at the end of the gate and the file of durations.

use std::fmt::Write as _;
use std::fs;
use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::time::Duration;

use anyhow::Context;

use super::counts::Counts;
use super::stage::{STAGES, Stage};
use crate::process::Ended;
use crate::{clock, environment};

/// How a stage went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Well.
    Passed,
    /// It found something.
    Failed,
    /// It hung.
    TimedOut,
    /// There was nothing to do.
    NotNeeded,
    /// Something is missing that tests can do without.
    Incomplete,
}

impl Verdict {
    /// The verdict on a program that ended so.
    pub(super) fn of(ended: Ended) -> Self {
        match ended {
            Ended::Success => Self::Passed,
            Ended::Failure => Self::Failed,
            Ended::TimedOut => Self::TimedOut,
        }
    }

    /// Whether the gate fails by it.
    pub(super) fn is_failure(self) -> bool {
        matches!(self, Self::Failed | Self::TimedOut)
    }

    fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "FAILED",
            Self::TimedOut => "HUNG",
            Self::NotNeeded => "not needed",
            Self::Incomplete => "incomplete",
        }
    }
}

/// A stage that ran.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Which.
    pub(super) stage: &'static Stage,
    /// How it went.
    pub(super) verdict: Verdict,
    /// How long it took.
    pub(super) took: Duration,
    /// Tests that ran in it.
    pub(super) counts: Counts,
}

/// What to tell cargo about colours: its output may pass through us.
pub(super) fn colour() -> &'static str {
    if environment::in_pipeline() || std::io::stderr().is_terminal() {
        "always"
    } else {
        "auto"
    }
}

/// Prints the table.
pub(super) fn print(entries: &[Entry], total: Duration, skipped: &[String]) {
    print!("\n{}", table(entries, total, skipped));
}

fn table(entries: &[Entry], total: Duration, skipped: &[String]) -> String {
    let mut text = String::new();
    for entry in entries {
        let name = entry.stage.name;
        let word = entry.verdict.word();
        let seconds = entry.took.as_secs_f64();
        let mut line = format!("{name:10} {word:10} {seconds:7.1} s");
        if !entry.counts.is_empty() {
            // Writing into a text cannot fail, here and below.
            let _infallible = write!(line, "   {}", entry.counts);
        }
        let _infallible = writeln!(text, "{line}");
    }
    let failed = entries.iter().any(|entry| entry.verdict.is_failure());
    let word = if failed { "FAILED" } else { "passed" };
    let _infallible = writeln!(
        text,
        "{:10} {word:10} {:7.1} s",
        "total",
        total.as_secs_f64()
    );
    if !skipped.is_empty() {
        let _infallible = writeln!(text, "skipped tests: {}", skipped.len());
        for line in skipped {
            let _infallible = writeln!(text, "  {line}");
        }
    }
    text
}

/// Appends one line to `gate-times.csv` in the target directory.
///
/// # Errors
/// When the file cannot be written.
pub(super) fn append_times(
    target_directory: &Path,
    commit: &str,
    entries: &[Entry],
    total: Duration,
) -> anyhow::Result<()> {
    let path = target_directory.join("gate-times.csv");
    let is_new = !path.exists();
    let file = fs::OpenOptions::new().create(true).append(true).open(&path);
    let mut text = String::new();
    if is_new {
        text.push_str(&times_header());
    }
    text.push_str(&times_line(clock::unix_seconds(), commit, entries, total));
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Says which stages took much longer than they mostly do on this machine: half more than the
/// median of the latest runs. A warning only, for a machine that others use has slow days.
pub(super) fn slow_stages(target_directory: &Path, entries: &[Entry]) -> Vec<String> {
    let path = target_directory.join("gate-times.csv");
    let text = fs::read_to_string(path).unwrap_or_default();
    let mut slow = Vec::new();
    for entry in entries {
        let took = entry.took.as_secs_f64();
        let Some(median) = median_of(&text, entry.stage.name) else {
            continue;
        };
        if took > median * 1.5 && took - median > SLOW_MIN_S {
            let name = entry.stage.name;
            slow.push(format!(
                "{name} took {took:.0} s, mostly it takes {median:.0} s"
            ));
        }
    }
    slow
}

/// Differences below are noise, s.
const SLOW_MIN_S: f64 = 5.0;
/// Runs that count for a median.
const LATEST_RUNS: usize = 15;
/// Fewer runs tell nothing.
const RUNS_MIN: usize = 5;

/// The median time of a stage in the latest runs that passed, s.
fn median_of(text: &str, stage: &str) -> Option<f64> {
    let mut lines = text.lines();
    let wanted = format!("{stage}_s");
    let column = lines
        .next()?
        .split(',')
        .position(|name| name == wanted.as_str())?;
    let mut times: Vec<f64> = lines
        .rev()
        .filter(|line| line.split(',').nth(2) == Some("passed"))
        .filter_map(|line| line.split(',').nth(column)?.parse().ok())
        .take(LATEST_RUNS)
        .collect();
    if times.len() < RUNS_MIN {
        return None;
    }
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied()
}

fn times_header() -> String {
    let stages: Vec<String> = STAGES
        .iter()
        .map(|stage| format!("{}_s", stage.name))
        .collect();
    format!("unix_time_s,commit,result,{},total_s\n", stages.join(","))
}

/// One line; a stage that did not run has an empty field.
fn times_line(now_s: u64, commit: &str, entries: &[Entry], total: Duration) -> String {
    let failed = entries.iter().any(|entry| entry.verdict.is_failure());
    let result = if failed { "failed" } else { "passed" };
    let stages: Vec<String> = STAGES
        .iter()
        .map(|stage| {
            entries
                .iter()
                .find(|entry| entry.stage == stage)
                .map_or_else(String::new, |entry| {
                    format!("{:.1}", entry.took.as_secs_f64())
                })
        })
        .collect();
    format!(
        "{now_s},{commit},{result},{},{:.1}\n",
        stages.join(","),
        total.as_secs_f64()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(index: usize, verdict: Verdict) -> Entry {
        Entry {
            stage: STAGES.get(index).unwrap(),
            verdict,
            took: Duration::from_millis(1250),
            counts: Counts::default(),
        }
    }

    #[test]
    fn the_table_has_stages_total_and_skipped_tests() {
        let mut tests = entry(2, Verdict::Failed);
        tests.counts.unit = 7;
        let entries = [entry(1, Verdict::Passed), tests];
        let skipped = ["baresip_agent: no baresip".to_owned()];
        assert_eq!(
            table(&entries, Duration::from_secs(3), &skipped),
            "fmt        passed         1.2 s\n\
             tidy       FAILED         1.2 s   7 unit\n\
             total      FAILED         3.0 s\n\
             skipped tests: 1\n\
             \x20 baresip_agent: no baresip\n"
        );
    }

    #[test]
    fn a_median_needs_some_runs_that_passed() {
        let mut text = times_header();
        for (n, result) in [
            (10, "passed"),
            (90, "failed"),
            (20, "passed"),
            (30, "passed"),
        ] {
            text.push_str(&format!("1,abc,{result},,1.0,,{n}.0,,,,9.0\n"));
        }
        assert_eq!(median_of(&text, "clippy"), None);
        text.push_str("1,abc,passed,,1.0,,40.0,,,,9.0\n1,abc,passed,,1.0,,50.0,,,,9.0\n");
        assert_eq!(median_of(&text, "clippy"), Some(30.0));
        assert_eq!(median_of(&text, "nonsense"), None);
    }

    #[test]
    fn durations_have_a_column_for_each_stage() {
        let line = times_line(
            9,
            "abc",
            &[entry(1, Verdict::Passed)],
            Duration::from_secs(2),
        );
        assert_eq!(line, "9,abc,passed,,1.2,,,,,,2.0\n");
        assert_eq!(
            line.matches(',').count(),
            times_header().matches(',').count()
        );
    }
}
