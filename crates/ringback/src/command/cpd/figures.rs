//! Counts and percentiles of a judged corpus.

use std::collections::BTreeMap;

use super::corpus::Judged;
use super::index::Entry;

/// Labels and results in the order of the tables.
pub(super) const WORDS: [&str; 9] = [
    "human",
    "machine",
    "fax",
    "silence",
    "busy",
    "congestion",
    "ring",
    "sit",
    "none",
];

/// Results of one group of clips.
#[derive(Clone, Debug, Default)]
pub(super) struct Group {
    pub(super) clips: usize,
    pub(super) found: usize,
    pub(super) results: BTreeMap<&'static str, usize>,
}

impl Group {
    fn add(&mut self, judged: &Judged) {
        self.clips += 1;
        self.found += usize::from(judged.is_found());
        *self.results.entry(judged.seen.result()).or_default() += 1;
    }

    /// Share of the clips that were found, %.
    pub(super) fn found_percent(&self) -> f64 {
        percent(self.found, self.clips)
    }

    /// Clips with this result.
    pub(super) fn count(&self, result: &str) -> usize {
        self.results.get(result).copied().unwrap_or_default()
    }
}

/// Share, %; nothing of nothing is all.
pub(super) fn percent(part: usize, whole: usize) -> f64 {
    if whole == 0 {
        100.0
    } else {
        part as f64 * 100.0 / whole as f64
    }
}

/// Groups by label, or by label and something else.
pub(super) fn grouped(
    judged: &[Judged],
    key: impl Fn(&Entry) -> String,
) -> BTreeMap<String, Group> {
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
    for one in judged {
        groups.entry(key(&one.entry)).or_default().add(one);
    }
    groups
}

/// The clips that fit, as one group.
pub(super) fn group(judged: &[Judged], fits: impl Fn(&Entry) -> bool) -> Group {
    let mut group = Group::default();
    for one in judged.iter().filter(|j| fits(&j.entry)) {
        group.add(one);
    }
    group
}

/// The dimensions of the tables: name and how a clip is sorted into it.
pub(super) type Dimension = (&'static str, fn(&Entry) -> String);

/// All dimensions.
pub(super) const DIMENSIONS: [Dimension; 6] = [
    ("kind", |e| format!("{}/{}", e.label, e.kind)),
    ("source", |e| format!("{}/{}", e.label, e.source)),
    ("noise", |e| format!("{}/{}", e.label, e.noise)),
    ("snr_db", |e| format!("{}/{:0>2}", e.label, e.snr_db)),
    ("codec", |e| format!("{}/{}", e.label, e.codec)),
    ("loss_percent", |e| {
        format!("{}/{}", e.label, e.loss_percent)
    }),
];

/// A percentile of values that need not be sorted; NaN of none.
pub(super) fn percentile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let wanted = share * sorted.len() as f64;
    let below = sorted
        .iter()
        .zip(1u32..)
        .find(|(_, n)| f64::from(*n) >= wanted);
    below.map_or(f64::NAN, |(value, _)| *value)
}

/// Time from the end of the first utterance to the verdict of the humans that were found, ms.
pub(super) fn human_ms(judged: &[Judged]) -> Vec<f64> {
    let after = |j: &Judged| Some(j.at_ms()? - j.entry.offset_ms?);
    found(judged, "human").filter_map(after).collect()
}

/// Time from the first sound to the result of the clips of a label that were found, ms.
pub(super) fn onset_ms(judged: &[Judged], label: &str) -> Vec<f64> {
    let after = |j: &Judged| Some(j.at_ms()? - j.entry.onset_ms.unwrap_or(0.0));
    found(judged, label).filter_map(after).collect()
}

fn found<'a>(judged: &'a [Judged], label: &'a str) -> impl Iterator<Item = &'a Judged> {
    judged
        .iter()
        .filter(move |j| j.entry.label == label && j.is_found())
}

/// Beeps of machines.
#[derive(Clone, Debug, Default)]
pub(super) struct Beeps {
    pub(super) clips: usize,
    /// Ends reported between 100 ms before and 500 ms after the truth.
    pub(super) found: usize,
    pub(super) in_time: usize,
    pub(super) late_ms: Vec<f64>,
}

/// How the ends of beeps were found.
pub(super) fn beeps(judged: &[Judged]) -> Beeps {
    let mut beeps = Beeps::default();
    for one in judged {
        let Some(truth_ms) = one.entry.beep_off_ms else {
            continue;
        };
        beeps.clips += 1;
        if let Some((at_ms, hz)) = one.seen.beep
            && hz > 0.0
        {
            let late_ms = f64::from(at_ms) - truth_ms;
            if (-100.0..=500.0).contains(&late_ms) {
                beeps.found += 1;
                beeps.in_time += usize::from(late_ms <= 200.0);
                beeps.late_ms.push(late_ms);
            }
        }
    }
    beeps
}

/// Speech clips that were taken for a tone.
pub(super) fn tone_on_speech(judged: &[Judged]) -> usize {
    let is_tone = |r: &str| matches!(r, "fax" | "busy" | "congestion" | "sit" | "ring");
    judged
        .iter()
        .filter(|j| j.entry.is_speech() && is_tone(j.seen.result()))
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let values = [4.0, 1.0, 3.0, 2.0];
        assert_eq!(percentile(&values, 0.5), 2.0);
        assert_eq!(percentile(&values, 0.95), 4.0);
        assert!(percentile(&[], 0.5).is_nan());
        assert_eq!(percent(0, 0), 100.0);
    }
}
