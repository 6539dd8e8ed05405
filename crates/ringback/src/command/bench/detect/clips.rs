//! The clips of `bench detect`: chosen from a corpus or made, each with its offline verdict.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, anyhow};
use media::cpd::{Profile, Stage};
use media::tone;

use super::Said;
use crate::command::cpd::clip::{self, Options};
use crate::command::cpd::index::{self, Entry};
use crate::harness::assets;

/// First number that is called; below it are extensions.
const FIRST_NUMBER: usize = 10_000;
/// Country of clips that name none: the plan must be the same on both ways.
const HOME: &str = "US";

/// A clip that is played to the server.
#[derive(Debug)]
pub(super) struct Clip {
    /// The number that is called.
    pub(super) number: String,
    /// The service that calls it is named after it.
    pub(super) country: String,
    pub(super) label: String,
    pub(super) name: String,
    pub(super) path: PathBuf,
    /// It is heard before the answer.
    pub(super) early: bool,
    pub(super) offline: Said,
}

/// A clip before the offline run.
#[derive(Debug)]
struct Chosen {
    label: String,
    country: String,
    name: String,
    path: PathBuf,
}

/// Clips of a corpus: of each label and kind in turn, in the order of the index.
pub(super) fn of_corpus(dir: &Path, count: usize) -> anyhow::Result<Vec<Clip>> {
    let dir = dir.canonicalize().context("folder of the corpus")?;
    let entries = index::read(&dir).map_err(|failure| anyhow!("{failure:?}"))?;
    let chosen = in_turn(entries, count).into_iter().map(|entry| Chosen {
        country: country(entry.country()),
        path: dir.join(&entry.file),
        label: entry.label,
        name: entry.file,
    });
    judged(chosen.collect())
}

/// The country of a tone table's name as numbers have it.
fn country(name: &str) -> String {
    match name {
        "" | "us-old" => HOME.to_owned(),
        "uk" => "GB".to_owned(),
        name => name.to_uppercase(),
    }
}

/// One entry of each label and kind after the other, until there are enough.
fn in_turn(entries: Vec<Entry>, count: usize) -> Vec<Entry> {
    let mut groups: BTreeMap<(String, String), Vec<Entry>> = BTreeMap::new();
    for entry in entries.into_iter().rev() {
        let group = (entry.label.clone(), entry.kind.clone());
        groups.entry(group).or_default().push(entry);
    }
    let mut out = Vec::new();
    while out.len() < count && groups.values().any(|g| !g.is_empty()) {
        out.extend(groups.values_mut().filter_map(Vec::pop));
    }
    out.truncate(count);
    out
}

/// Makes clips of every kind in a folder.
pub(super) fn made(dir: &Path, count: usize) -> anyhow::Result<Vec<Clip>> {
    let chosen = (0..count).map(|number| {
        let (label, samples) = sound(number)?;
        let name = format!("{number}.wav");
        let path = dir.join(&name);
        std::fs::write(&path, assets::wav(samples)).context("a made clip")?;
        Ok(Chosen {
            label: label.to_owned(),
            country: HOME.to_owned(),
            name,
            path,
        })
    });
    judged(chosen.collect::<anyhow::Result<_>>()?)
}

/// What somebody may send, by number; every tenth is of the same kind.
fn sound(number: usize) -> anyhow::Result<(&'static str, Vec<i16>)> {
    let seed = 500 + number as u64;
    let varied = u32::try_from(number / 10)? % 8;
    let mut samples = tone::noise(200 + 90 * varied, -60.0, seed);
    let (label, sound) = match number % 10 {
        0 | 1 => ("human", tone::voice(400 + 150 * varied, -18.0, seed)),
        2 => ("machine", tone::voice(7_000, -16.0, seed)),
        3 => {
            let mut greeting = tone::voice(1_500 + 100 * varied, -18.0, seed);
            greeting.extend(tone::silence(400));
            greeting.extend(tone::beep(1_000.0, 400));
            ("machine", greeting)
        }
        4 => ("busy", tone::busy(5_000)),
        5 => ("congestion", tone::congestion(5_000)),
        6 => match varied % 3 {
            0 => ("fax", tone::ced(3_000)),
            1 => ("fax", tone::ansam(3_000)),
            _ => ("fax", tone::cng(4_000)),
        },
        7 => ("sit", tone::sit(tone::Sit::NoCircuit)),
        8 => ("silence", tone::noise(2_000, -60.0, seed)),
        _ => ("ring", tone::ring(7_000)),
    };
    samples.extend(sound);
    Ok((label, samples))
}

/// Numbers the clips and runs the detector over their files, on all cores.
fn judged(chosen: Vec<Chosen>) -> anyhow::Result<Vec<Clip>> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(BTreeMap::new());
    let work = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(one) = chosen.get(number) else {
                return Ok(());
            };
            let said = offline(one)?;
            let mut done = done.lock().unwrap_or_else(|p| p.into_inner());
            done.insert(number, said);
        }
    };
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let handles: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        handles.into_iter().try_for_each(|handle| {
            let broken = |_panic| Err(anyhow!("the detector broke down on a clip"));
            handle.join().unwrap_or_else(broken)
        })
    })?;
    let mut done = done.into_inner().unwrap_or_else(|p| p.into_inner());
    let clips = chosen.into_iter().enumerate().map(|(number, one)| Clip {
        number: (FIRST_NUMBER + number).to_string(),
        early: is_early(&one.label),
        offline: done.remove(&number).unwrap_or_else(Said::none),
        country: one.country,
        label: one.label,
        name: one.name,
        path: one.path,
    });
    Ok(clips.collect())
}

/// Ring-back is what one hears before the answer.
fn is_early(label: &str) -> bool {
    label == "ring"
}

fn offline(one: &Chosen) -> anyhow::Result<Said> {
    let loaded = clip::load(&one.path).map_err(|failure| anyhow!("{failure:?}"))?;
    let options = Options {
        profile: Profile::Human,
        country: &one.country,
        stage: if is_early(&one.label) {
            Stage::Early
        } else {
            Stage::Answered
        },
        // A line stays open after the clip.
        to_the_end: false,
        hard_stop_ms: super::HARD_STOP_MS,
    };
    let seen = clip::run(loaded.samples(), &options);
    Ok(seen.verdict.map_or_else(Said::none, |verdict| Said {
        call_state: verdict.call_state.into(),
        detail: verdict.detail.to_owned(),
        at_ms: verdict.decided_after_ms.into(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_comes_in_turn() {
        let entry = |label: &str, kind: &str, file: &str| Entry {
            label: label.to_owned(),
            kind: kind.to_owned(),
            file: file.to_owned(),
            ..Entry::default()
        };
        let entries = vec![
            entry("human", "short", "a"),
            entry("human", "short", "b"),
            entry("human", "business", "c"),
            entry("fax", "ced", "d"),
        ];
        let files: Vec<String> = in_turn(entries, 9).into_iter().map(|e| e.file).collect();
        assert_eq!(files, ["d", "c", "a", "b"]);
    }

    #[test]
    fn made_clips_are_of_every_kind_and_judged() {
        let dir = tempfile::tempdir().unwrap();
        let clips = made(dir.path(), 30).unwrap();
        let wrong = |c: &&Clip| {
            let word = match c.offline.call_state {
                6 => "busy",
                8 if c.offline.detail == "silence" => "silence",
                8 => "sit",
                9 => "machine",
                10 => "congestion",
                17 => "fax",
                _ if c.offline == Said::none() => "ring",
                _ => "human",
            };
            word != c.label
        };
        assert_eq!(
            clips
                .iter()
                .filter(wrong)
                .map(|c| &c.name)
                .collect::<Vec<_>>(),
            [""; 0]
        );
    }
}
