//! Runs of tonal hops: fax, special information tones, cadences, ring-back.

use std::collections::VecDeque;

use super::plan::{self, Cadence, Plan};
use super::spectrum::{HOP_MS, Hop, Tones};
use super::{Outcome, Reason};

/// A hop belongs to a run when its frequency is at most this far away, Hz.
const SAME_HZ: f32 = 32.0;
/// A hole in a tone that is no pause (a lost packet and the windows that see it), ms.
const HOLE_MS: u64 = 60;
/// Hops at another frequency that end a run.
const OTHER_HOPS: u32 = 3;
/// Shortest tone, ms.
const SEGMENT_MS_MIN: u64 = 80;
/// A run counts as an edge of a cadence from this length on, ms.
const EDGE_MS: u64 = 40;
/// Segments that are remembered.
const SEGMENTS_MAX: usize = 12;
/// A pause longer than this ends a cadence, ms.
const PAUSE_MS_MAX: u64 = 7_000;
/// Complete intervals that decide with a plan, and without.
const INTERVALS_PLAN: usize = 3;
const INTERVALS_GENERIC: usize = 4;
/// Frequencies of call progress tones for the generic rule, Hz.
const GENERIC_HZ: std::ops::RangeInclusive<f32> = 340.0..=650.0;
/// Frequencies and on times of ring-back tones, Hz and ms.
const RING_HZ: std::ops::RangeInclusive<f32> = 340.0..=500.0;
const RING_MS: std::ops::RangeInclusive<u64> = 650..=2_600;

/// A tone that is over or still sounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Segment {
    pub(super) hz: f32,
    pub(super) second_hz: Option<f32>,
    pub(super) start_ms: u64,
    pub(super) end_ms: u64,
}

impl Segment {
    pub(super) const fn ms(&self) -> u64 {
        self.end_ms - self.start_ms
    }

    fn is_near(&self, other: &Self) -> bool {
        let near = |hz: Option<f32>| hz.is_some_and(|hz| (self.hz - hz).abs() <= SAME_HZ);
        near(Some(other.hz)) || near(other.second_hz)
    }
}

/// A run of tonal hops that has not ended.
#[derive(Clone, Copy, Debug)]
struct Run {
    hz: f32,
    second_hz: f32,
    hops: u32,
    double_hops: u32,
    start_ms: u64,
    last_ms: u64,
    level_sum: f32,
    level_square_sum: f32,
}

impl Run {
    fn new(tones: Tones, hop: &Hop, at_ms: u64) -> Self {
        let mut run = Self {
            hz: tones.hz,
            second_hz: tones.second_hz.unwrap_or(0.0),
            hops: 0,
            double_hops: 0,
            start_ms: at_ms - HOP_MS,
            last_ms: at_ms,
            level_sum: 0.0,
            level_square_sum: 0.0,
        };
        run.add(tones, hop, at_ms);
        run
    }

    fn takes(&self, tones: Tones) -> bool {
        let near = |hz: f32| (hz - tones.hz).abs() <= SAME_HZ;
        near(self.hz) || (self.double_hops * 2 > self.hops && near(self.second_hz))
    }

    fn add(&mut self, tones: Tones, hop: &Hop, at_ms: u64) {
        self.hops += 1;
        self.last_ms = at_ms;
        self.level_sum += hop.dbfs;
        self.level_square_sum += hop.dbfs * hop.dbfs;
        let weight = 1.0 / self.hops.min(20) as f32;
        let (mut first, mut second) = (Some(tones.hz), tones.second_hz);
        if (tones.hz - self.hz).abs() > SAME_HZ {
            (first, second) = (tones.second_hz, Some(tones.hz));
        }
        if let Some(hz) = first.filter(|hz| (hz - self.hz).abs() <= SAME_HZ) {
            self.hz += (hz - self.hz) * weight;
        }
        if let Some(hz) = second {
            self.double_hops += 1;
            let fresh = self.double_hops == 1 || (hz - self.second_hz).abs() > SAME_HZ;
            self.second_hz = if fresh {
                hz
            } else {
                self.second_hz + (hz - self.second_hz) * weight
            };
        }
    }

    fn segment(&self) -> Segment {
        let double = self.double_hops * 2 > self.hops;
        Segment {
            hz: self.hz,
            second_hz: double.then_some(self.second_hz),
            start_ms: self.start_ms,
            end_ms: self.last_ms,
        }
    }

    /// Share of the hops in its time that were tonal.
    fn purity(&self) -> f32 {
        let hops = (self.last_ms - self.start_ms) / HOP_MS;
        self.hops as f32 / hops.max(1) as f32
    }

    /// Standard deviation of the level, dB.
    fn level_deviation_db(&self) -> f32 {
        let count = self.hops as f32;
        let mean = self.level_sum / count;
        (self.level_square_sum / count - mean * mean)
            .max(0.0)
            .sqrt()
    }
}

/// What a tone means.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Found {
    pub(super) outcome: Outcome,
    pub(super) detail: &'static str,
    pub(super) reasons: Vec<Reason>,
}

/// What the voice part knows, as far as tones depend on it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Heard {
    /// Voice so far, ms.
    pub(super) voiced_ms: u64,
    /// End of the last voice.
    pub(super) last_voice_ms: Option<u64>,
}

/// Follows the tones of a call.
#[derive(Clone, Debug)]
pub(super) struct Tracker {
    country: String,
    plan: Option<&'static Plan>,
    run: Option<Run>,
    other: Option<Run>,
    segments: VecDeque<Segment>,
    start_ms: u64,
    /// One bit per hop of the last second: at 2,100 Hz.
    near_2100: u128,
    ring_ms: Option<u64>,
}

impl Tracker {
    pub(super) fn new(country: &str, start_ms: u64) -> Self {
        Self {
            country: country.to_owned(),
            plan: plan::of(country),
            run: None,
            other: None,
            segments: VecDeque::new(),
            start_ms,
            near_2100: 0,
            ring_ms: None,
        }
    }

    /// The tone that sounds, when it is one steady tone.
    pub(super) fn steady(&self) -> Option<Segment> {
        let run = self.run.as_ref()?;
        let steady = run.purity() >= 0.75 && run.level_deviation_db() < 4.0;
        steady.then(|| run.segment())
    }

    /// The last tone that ended.
    pub(super) fn last(&self) -> Option<&Segment> {
        self.segments.back()
    }

    /// Whether a tone sounds, however short.
    pub(super) const fn is_sounding(&self) -> bool {
        self.run.is_some()
    }

    /// When ring-back was heard last.
    pub(super) const fn ring_ms(&self) -> Option<u64> {
        self.ring_ms
    }

    /// Tones heard so far.
    pub(super) fn count(&self) -> usize {
        self.segments.len()
    }

    /// Takes a hop that ended at `at_ms`.
    pub(super) fn handle(&mut self, hop: &Hop, at_ms: u64, heard: Heard) -> Option<Found> {
        let at_2100 = hop
            .peak
            .is_some_and(|(hz, s)| (hz - 2_100.0).abs() <= 40.0 && s > 0.5);
        self.near_2100 = (self.near_2100 << 1 | u128::from(at_2100)) & ((1 << 100) - 1);
        let edge = self.follow(hop, at_ms);
        self.note_ring(at_ms);
        if let Some(found) = self.fax(at_ms, heard) {
            return Some(found);
        }
        if let Some(found) = self.sit(at_ms, heard) {
            return Some(found);
        }
        if edge { self.cadence(heard) } else { None }
    }

    /// Extends, begins and ends runs; true when an interval of a cadence has become complete.
    fn follow(&mut self, hop: &Hop, at_ms: u64) -> bool {
        let mut edge = false;
        if let Some(run) = self.run
            && at_ms - run.last_ms > HOLE_MS
        {
            edge = self.close(run.segment());
            self.run = self.other.take();
        }
        let Some(tones) = hop.tones else { return edge };
        match &mut self.run {
            None => self.run = Some(Run::new(tones, hop, at_ms)),
            Some(run) if run.takes(tones) => {
                run.add(tones, hop, at_ms);
                self.other = None;
                edge |= run.last_ms - run.start_ms == EDGE_MS;
            }
            Some(run) => {
                let other = match self.other.take() {
                    Some(mut other) if other.takes(tones) => {
                        other.add(tones, hop, at_ms);
                        other
                    }
                    _ => Run::new(tones, hop, at_ms),
                };
                if other.hops >= OTHER_HOPS {
                    let segment = run.segment();
                    self.run = Some(other);
                    edge |= self.close(segment);
                } else {
                    self.other = Some(other);
                }
            }
        }
        edge
    }

    fn close(&mut self, segment: Segment) -> bool {
        if segment.ms() < SEGMENT_MS_MIN {
            return false;
        }
        if self.segments.len() == SEGMENTS_MAX {
            self.segments.pop_front();
        }
        self.segments.push_back(segment);
        true
    }

    fn note_ring(&mut self, at_ms: u64) {
        let Some(run) = &self.run else { return };
        let segment = run.segment();
        let one_ring = RING_HZ.contains(&segment.hz) && RING_MS.contains(&segment.ms());
        let double_ring = self.is_double_ring(&segment);
        if (one_ring || double_ring) && run.purity() > 0.7 {
            self.ring_ms = Some(at_ms);
        }
    }

    /// The second of two short rings, 400 ms each with 200 ms between.
    fn is_double_ring(&self, now: &Segment) -> bool {
        let Some(before) = self.segments.back() else {
            return false;
        };
        let gap_ms = now.start_ms.saturating_sub(before.end_ms);
        RING_HZ.contains(&now.hz)
            && before.is_near(now)
            && (330..=470).contains(&before.ms())
            && (140..=260).contains(&gap_ms)
            && now.ms() >= 330
            && self.plan.is_some_and(|p| {
                p.cadences
                    .iter()
                    .any(|c| c.outcome == Outcome::Ring && c.times_ms.len() == 4)
            })
    }

    fn fax(&self, at_ms: u64, heard: Heard) -> Option<Found> {
        let ced = |rule, value: f64, limit| {
            let reasons = vec![Reason {
                rule,
                value,
                limit,
                unit: "ms",
            }];
            Some(Found {
                outcome: Outcome::Fax,
                detail: "ced",
                reasons,
            })
        };
        if let Some(run) = &self.run {
            let segment = run.segment();
            let near = (segment.hz - 2_100.0).abs() <= 25.0 && segment.second_hz.is_none();
            if near && segment.ms() >= 600 && run.purity() > 0.85 {
                return ced("ced", segment.ms() as f64, 600.0);
            }
        }
        if self.near_2100.count_ones() >= 75 {
            return ced(
                "ansam",
                f64::from(self.near_2100.count_ones()) * 10.0,
                750.0,
            );
        }
        let last = self.last()?;
        let quiet_ms = at_ms - last.end_ms;
        let cng = (last.hz - 1_100.0).abs() <= 38.0
            && last.second_hz.is_none()
            && (360..=660).contains(&last.ms())
            && (350..=700).contains(&quiet_ms)
            && self.run.is_none()
            && heard.voiced_ms < 300
            && heard.last_voice_ms.is_none_or(|v| v <= last.start_ms + 60);
        cng.then(|| Found {
            outcome: Outcome::Fax,
            detail: "cng",
            reasons: vec![
                Reason {
                    rule: "cng",
                    value: last.ms() as f64,
                    limit: 360.0,
                    unit: "ms",
                },
                Reason {
                    rule: "hz",
                    value: last.hz.into(),
                    limit: 1_100.0,
                    unit: "Hz",
                },
            ],
        })
    }

    fn sit(&self, at_ms: u64, heard: Heard) -> Option<Found> {
        let third = self
            .run
            .as_ref()
            .map(Run::segment)
            .or_else(|| self.last().copied())?;
        let mut before = self
            .segments
            .iter()
            .rev()
            .filter(|s| s.start_ms < third.start_ms);
        if let (Some(second), Some(first)) = (before.next(), before.next())
            && is_rising(first, second, &third)
        {
            let detail = sit_detail(first, second, &self.country);
            let reason = |rule, value| Reason {
                rule,
                value,
                limit: 0.0,
                unit: "ms",
            };
            let reasons = vec![
                reason("sit_first", first.ms() as f64),
                reason("sit_second", second.ms() as f64),
            ];
            return Some(Found {
                outcome: Outcome::Sit,
                detail,
                reasons,
            });
        }
        let single = plan::has_single_sit(&self.country)
            && self.run.is_none()
            && heard.voiced_ms < 100
            && (third.hz - 950.0).abs() <= 25.0
            && (250..=420).contains(&third.ms())
            && at_ms - third.end_ms >= 500;
        single.then(|| Found {
            outcome: Outcome::Sit,
            detail: "sit",
            reasons: vec![Reason {
                rule: "sit_single",
                value: third.ms() as f64,
                limit: 330.0,
                unit: "ms",
            }],
        })
    }

    fn cadence(&self, heard: Heard) -> Option<Found> {
        let (tone, intervals) = self.intervals(heard)?;
        if let Some(plan) = self.plan
            && intervals.len() >= INTERVALS_PLAN
        {
            let fitting: Vec<&Cadence> = plan
                .cadences
                .iter()
                .filter(|c| fits(c, &tone, &intervals))
                .collect();
            if !fitting.is_empty() {
                return choose(&fitting, &tone, &intervals);
            }
        }
        generic(&tone, &intervals)
    }

    /// The latest tone and the complete on and off times of its cadence, oldest first.
    fn intervals(&self, heard: Heard) -> Option<(Segment, Vec<Interval>)> {
        let running = self
            .run
            .as_ref()
            .map(Run::segment)
            .filter(|s| s.ms() >= EDGE_MS);
        let mut newer = running.or_else(|| self.last().copied())?;
        let tone = newer;
        let mut intervals = VecDeque::new();
        if running.is_none() {
            intervals.push_front(Interval {
                on: true,
                ms: newer.ms(),
            });
        }
        for segment in self
            .segments
            .iter()
            .rev()
            .filter(|s| s.start_ms < tone.start_ms)
        {
            let gap_ms = newer.start_ms.saturating_sub(segment.end_ms);
            let spoken = heard
                .last_voice_ms
                .is_some_and(|v| v > segment.end_ms + HOLE_MS);
            if !segment.is_near(&newer)
                || gap_ms > PAUSE_MS_MAX
                || (spoken && heard.voiced_ms > 300)
            {
                break;
            }
            intervals.push_front(Interval {
                on: false,
                ms: gap_ms,
            });
            // A tone that sounded from the very start has an unknown beginning.
            if segment.start_ms > self.start_ms + HOLE_MS {
                intervals.push_front(Interval {
                    on: true,
                    ms: segment.ms(),
                });
            }
            newer = *segment;
        }
        Some((tone, intervals.into()))
    }
}

/// A complete part of a cadence.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Interval {
    on: bool,
    ms: u64,
}

/// Whether the newest intervals follow the cadence from some point on.
fn fits(cadence: &Cadence, tone: &Segment, intervals: &[Interval]) -> bool {
    fits_frequency(cadence.hz, tone)
        && (0..cadence.times_ms.len()).any(|shift| {
            let times = cadence.times_ms.iter().enumerate().cycle().skip(shift);
            let newest = intervals
                .iter()
                .rev()
                .take(2 * cadence.times_ms.len().max(2))
                .rev();
            newest.zip(times).all(|(interval, (place, ms))| {
                interval.on == (place % 2 == 0) && is_about(interval.ms, u64::from(*ms))
            })
        })
}

fn fits_frequency(wanted: &[f32], tone: &Segment) -> bool {
    let lowest = wanted.iter().copied().fold(f32::MAX, f32::min);
    let highest = wanted.iter().copied().fold(0.0, f32::max);
    if highest - lowest <= 100.0 {
        // Tones this near are one peak that beats.
        return (lowest - 20.0..=highest + 20.0).contains(&tone.hz);
    }
    let near = |hz: f32| wanted.iter().any(|w| (w - hz).abs() <= w * 0.04);
    near(tone.hz) && tone.second_hz.is_none_or(near)
}

/// On and off ±15 % or ±40 ms, whichever is more, and half a hop of our own.
const fn is_about(ms: u64, wanted_ms: u64) -> bool {
    let percent = wanted_ms * 15 / 100;
    let tolerance = if percent > 40 { percent } else { 40 };
    ms.abs_diff(wanted_ms) <= tolerance + HOP_MS / 2
}

fn choose(fitting: &[&Cadence], tone: &Segment, intervals: &[Interval]) -> Option<Found> {
    let longest = fitting.iter().map(|c| c.times_ms.len()).max().unwrap_or(0);
    let has = |outcome| fitting.iter().any(|c| c.outcome == outcome);
    let decided = fitting
        .iter()
        .all(|c| Some(c.outcome) == fitting.first().map(|f| f.outcome));
    if !decided && intervals.len() <= longest {
        return None;
    }
    // Where busy and congestion are the same tone the result is busy.
    let outcome = [Outcome::Busy, Outcome::Congestion, Outcome::Sit]
        .into_iter()
        .find(|o| has(*o));
    Some(found(outcome?, "plan", tone, intervals))
}

/// Two cycles that are alike, told apart by their length.
fn generic(tone: &Segment, intervals: &[Interval]) -> Option<Found> {
    let newest = intervals.last_chunk::<INTERVALS_GENERIC>()?;
    let [a, b, c, d] = newest.map(|i| i.ms);
    let even = is_about(a, c) && is_about(b, d) && a * 5 >= b * 2 && b * 5 >= a * 2;
    if !even || !GENERIC_HZ.contains(&tone.hz) {
        return None;
    }
    match u64::midpoint(a + c, b + d) {
        250..620 => Some(found(Outcome::Congestion, "generic", tone, intervals)),
        620..=1_100 => Some(found(Outcome::Busy, "generic", tone, intervals)),
        _ => None,
    }
}

fn found(outcome: Outcome, rule: &'static str, tone: &Segment, intervals: &[Interval]) -> Found {
    let detail = match outcome {
        Outcome::Busy => "busy",
        Outcome::Congestion => "congestion",
        _ => "sit",
    };
    let mut reasons = vec![Reason {
        rule,
        value: intervals.len() as f64,
        limit: INTERVALS_PLAN as f64,
        unit: "",
    }];
    reasons.push(Reason {
        rule: "hz",
        value: tone.hz.into(),
        limit: 0.0,
        unit: "Hz",
    });
    for interval in intervals.iter().rev().take(2) {
        let rule = if interval.on { "on" } else { "off" };
        reasons.push(Reason {
            rule,
            value: interval.ms as f64,
            limit: 0.0,
            unit: "ms",
        });
    }
    Found {
        outcome,
        detail,
        reasons,
    }
}

/// Three tones that follow each other, each above the one before.
fn is_rising(first: &Segment, second: &Segment, third: &Segment) -> bool {
    let gap = |a: &Segment, b: &Segment| b.start_ms.saturating_sub(a.end_ms);
    let lasts = |s: &Segment| (200..=480).contains(&s.ms());
    (880.0..=1_030.0).contains(&first.hz)
        && (1_330.0..=1_490.0).contains(&second.hz)
        && (1_730.0..=1_890.0).contains(&third.hz)
        && gap(first, second) <= 90
        && gap(second, third) <= 90
        && lasts(first)
        && lasts(second)
        && (180..=480).contains(&third.ms())
}

/// The kind of a special information tone: the durations decide, the frequencies confirm.
fn sit_detail(first: &Segment, second: &Segment, country: &str) -> &'static str {
    let coded_hz = (first.hz - 913.8).abs() <= 18.0 || (first.hz - 985.2).abs() <= 17.0;
    if !coded_hz || !plan::has_coded_sit(country) {
        return "sit";
    }
    let is_long = |s: &Segment| match s.ms() {
        220..=325 => Some(false),
        335..=460 => Some(true),
        _ => None,
    };
    match (is_long(first), is_long(second)) {
        (Some(false), Some(false)) => "sit_intercept",
        (Some(true), Some(false)) => "sit_vacant",
        (Some(false), Some(true)) => "sit_reorder",
        (Some(true), Some(true)) => "sit_no_circuit",
        _ => "sit",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpd::spectrum::Analyser;
    use crate::tone::{self, Segment as Part, Sit};

    /// The first finding and its time.
    fn track(country: &str, samples: &[i16]) -> Option<(&'static str, u64)> {
        let mut tracker = Tracker::new(country, 0);
        let hops = Analyser::new()
            .handle(samples)
            .into_iter()
            .flat_map(|(_, hops)| hops);
        hops.zip(1u64..).find_map(|(hop, n)| {
            tracker
                .handle(&hop, n * HOP_MS, Heard::default())
                .map(|f| (f.detail, n * HOP_MS))
        })
    }

    fn check(country: &str, samples: &[i16], detail: &str, within_ms: u64) {
        let Some((found, at_ms)) = track(country, samples) else {
            panic!("{country}: {detail} was not found")
        };
        assert_eq!(found, detail, "{country} after {at_ms} ms");
        assert!(at_ms <= within_ms, "{country} {detail}: {at_ms} ms");
    }

    #[test]
    fn all_plans_are_told_apart_from_every_point_of_the_cycle() {
        for country in [
            "US", "GB", "DE", "FR", "ES", "IT", "AT", "BE", "SE", "BR", "ZA", "PT",
        ] {
            for cadence in plan::of(country).unwrap().cadences {
                let parts: Vec<Part<'_>> = cadence
                    .times_ms
                    .iter()
                    .enumerate()
                    .map(|(n, ms)| Part {
                        hz: if n % 2 == 0 { cadence.hz } else { &[] },
                        ms: *ms,
                    })
                    .collect();
                let whole = tone::cadence(&parts, 12_000, -20.0);
                for joined_ms in [0, 130, 410, 790] {
                    let samples = &whole[joined_ms * 8..][..8 * 8_000];
                    let found = track(country, samples).map(|f| f.0);
                    let expected = match cadence.outcome {
                        Outcome::Busy => Some("busy"),
                        Outcome::Congestion => Some("congestion"),
                        _ => None,
                    };
                    assert_eq!(found, expected, "{country} {cadence:?} from {joined_ms} ms");
                }
            }
        }
    }

    #[test]
    fn busy_is_found_in_time_and_without_a_plan() {
        check("US", &tone::busy(6_000), "busy", 2_500);
        check("", &tone::busy(6_000), "busy", 2_700);
        check("", &tone::congestion(6_000), "congestion", 2_000);
        check("XX", &tone::busy(6_000), "busy", 2_700);
        assert_eq!(track("US", &tone::ring(8_000)), None);
        assert_eq!(track("", &tone::ring(8_000)), None);
    }

    #[test]
    fn fax_tones_are_found() {
        check("", &tone::ced(2_000), "ced", 700);
        check("", &tone::ansam(3_000), "ced", 1_100);
        check("", &tone::cng(2_000), "cng", 1_000);
        assert_eq!(track("", &tone::beep(2_000.0, 1_000)), None);
        assert_eq!(track("", &tone::beep(1_000.0, 500)), None);
    }

    #[test]
    fn special_information_tones_have_their_kind() {
        for (kind, detail) in [
            (Sit::Intercept, "sit_intercept"),
            (Sit::VacantCode, "sit_vacant"),
            (Sit::Reorder, "sit_reorder"),
            (Sit::NoCircuit, "sit_no_circuit"),
            (Sit::Itu, "sit"),
        ] {
            check("US", &tone::sit(kind), detail, 1_300);
        }
        check("DE", &tone::sit(Sit::Itu), "sit", 1_300);
        let mut spain = tone::silence(300);
        spain.extend(tone::tone(&[950.0], 330, -20.0));
        spain.extend(tone::silence(1_000));
        check("ES", &spain, "sit", 1_300);
    }

    #[test]
    fn noise_and_voice_like_signals_give_nothing() {
        for seed in 0..10 {
            assert_eq!(track("US", &tone::noise(8_000, -20.0, seed)), None);
            assert_eq!(track("", &tone::voice(8_000, -20.0, seed)), None);
        }
    }
}
