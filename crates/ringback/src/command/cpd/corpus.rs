//! Runs the detector over all clips of a corpus, on all cores.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use media::cpd::Stage;

use super::Cpd;
use super::baseline::{self, Answer};
use super::clip::{self, Options, Seen};
use super::index::Entry;
use crate::outcome::{Failure, Status};

/// Width of the progress bar, characters.
const BAR: usize = 40;

/// A clip, its truth and what was made of it.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) entry: Entry,
    pub(super) seen: Seen,
    /// What the published rules say, by preset.
    pub(super) baseline: Vec<Answer>,
}

impl Judged {
    /// Whether the result is the label, or the tone that nobody can tell from it.
    pub(super) fn is_found(&self) -> bool {
        let result = self.seen.result();
        let same_tone = self.entry.label == "congestion"
            && result == "busy"
            && !media::cpd::tells_apart(self.entry.country());
        result == self.entry.label || same_tone
    }

    /// When the result was known, ms.
    pub(super) fn at_ms(&self) -> Option<f64> {
        self.seen.at_ms().map(f64::from)
    }
}

/// Detects all clips; the order is that of the index.
pub(super) fn run(dir: &Path, entries: &[Entry], args: &Cpd) -> Result<Vec<Judged>, Failure> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::with_capacity(entries.len()));
    let bar = io::stderr().is_terminal();
    let work = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(entry) = entries.get(number) else {
                return Ok(());
            };
            let judged = judge(dir, entry, args)?;
            let mut results = results.lock().unwrap_or_else(|p| p.into_inner());
            results.push((number, judged));
            if bar {
                progress(results.len(), entries.len());
            }
        }
    };
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let handles: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        handles.into_iter().try_for_each(|handle| {
            handle.join().unwrap_or_else(|_panic| {
                let message = "the detector broke down on a clip";
                Err(Failure::new(Status::Missed, message, "report the clip"))
            })
        })
    })?;
    let mut results = results.into_inner().unwrap_or_else(|p| p.into_inner());
    results.sort_by_key(|(number, _)| *number);
    Ok(results.into_iter().map(|(_, judged)| judged).collect())
}

fn judge(dir: &Path, entry: &Entry, args: &Cpd) -> Result<Judged, Failure> {
    let loaded = clip::load(&dir.join(&entry.file))?;
    let options = Options {
        profile: args.profile.into(),
        country: match entry.country() {
            "" => &args.plan,
            country => country,
        },
        // Ring-back is no verdict after the answer; the others may come instead of one.
        stage: if entry.label == "ring" {
            Stage::Early
        } else {
            Stage::Answered
        },
        hard_stop_ms: args.hard_stop_ms,
        to_the_end: !entry.country().is_empty(),
    };
    let mut seen = clip::run(loaded.samples(), &options);
    seen.trace = Vec::new();
    let presets = if args.baseline {
        baseline::PRESETS
    } else {
        &[]
    };
    Ok(Judged {
        entry: entry.clone(),
        seen,
        baseline: presets
            .iter()
            .map(|preset| baseline::run(preset, loaded.samples()))
            .collect(),
    })
}

fn progress(done: usize, all: usize) {
    if !done.is_multiple_of(10) && done != all {
        return;
    }
    let full = BAR * done / all.max(1);
    let end = if done == all { "\n" } else { "" };
    let mut out = io::stderr().lock();
    let _gone = write!(
        out,
        "\r[{:#<full$}{:<1$}] {done}/{all}{end}",
        "",
        BAR - full
    )
    .and_then(|()| out.flush());
}
