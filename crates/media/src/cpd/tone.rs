//! Runs of tonal hops: fax, special information tones, cadences, ring-back.

mod fax;

use std::collections::VecDeque;

use super::cadence::{self, Interval};
use super::plan::{self, Plan};
use super::sit;
use super::spectrum::{HOP_MS, Hop, Tones};
use super::{Outcome, Reason};

/// A hop belongs to a run when its frequency is at most this far away, Hz.
const SAME_HZ: f32 = 32.0;
/// A tone of this length is steady, and one that had begun before, ms.
const STEADY_MS: u64 = 140;
const REST_MS: u64 = 70;
/// A hop belongs to a run when its level is at most this far away, dB.
const SAME_DB: f32 = 12.0;
/// A tone this much weaker than the tones before it is background, dB.
const BACKGROUND_DB: f32 = 15.0;
/// Hops whose levels are remembered.
const RECENT_HOPS: usize = 70;
/// A hole in a tone that is no pause (a lost packet and the windows that see it), ms.
const HOLE_MS: u64 = 60;
/// Hops at another frequency that end a run.
const OTHER_HOPS: u32 = 3;
/// A short tone below this frequency may be a voice, Hz.
const TONE_HZ_MIN: f32 = 345.0;
/// Shortest tone, ms.
const SEGMENT_MS_MIN: u64 = 80;
/// A run counts as an edge of a cadence from this length on, ms.
const EDGE_MS: u64 = 40;
/// Segments that are remembered.
const SEGMENTS_MAX: usize = 12;
/// A pause longer than this ends a cadence, ms.
const PAUSE_MS_MAX: u64 = 7_000;
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
    /// Mean level, dBFS.
    pub(super) dbfs: f32,
    /// Standard deviation of the frequency, Hz; a machine holds it, a voice does not.
    pub(super) deviation_hz: f32,
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
    share_sum: f32,
    /// Sums of the distance to the first frequency and of its square, and of how many.
    hz_sums: (f32, f32, f32),
    first_hz: f32,
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
            share_sum: 0.0,
            hz_sums: (0.0, 0.0, 0.0),
            first_hz: tones.hz,
        };
        run.add(tones, hop, at_ms);
        run
    }

    fn takes(&self, tones: Tones, level_dbfs: f32) -> bool {
        let near = |hz: f32| (hz - tones.hz).abs() <= SAME_HZ;
        if (level_dbfs - self.level_dbfs()).abs() > SAME_DB {
            return false;
        }
        near(self.hz) || (self.double_hops * 2 > self.hops && near(self.second_hz))
    }

    fn add(&mut self, tones: Tones, hop: &Hop, at_ms: u64) {
        self.hops += 1;
        self.last_ms = at_ms;
        self.level_sum += hop.dbfs;
        self.level_square_sum += hop.dbfs * hop.dbfs;
        self.share_sum += hop.peak.map_or(0.0, |(_, share)| share);
        let weight = 1.0 / self.hops.min(20) as f32;
        let (mut first, mut second) = (Some(tones.hz), tones.second_hz);
        if (tones.hz - self.hz).abs() > SAME_HZ {
            (first, second) = (tones.second_hz, Some(tones.hz));
        }
        if let Some(hz) = first.filter(|hz| (hz - self.hz).abs() <= SAME_HZ) {
            self.hz += (hz - self.hz) * weight;
            let distance = hz - self.first_hz;
            self.hz_sums.0 += distance;
            self.hz_sums.1 += distance * distance;
            self.hz_sums.2 += 1.0;
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
            dbfs: self.level_dbfs(),
            deviation_hz: self.deviation_hz(),
        }
    }

    /// Standard deviation of the frequency, Hz.
    fn deviation_hz(&self) -> f32 {
        let (sum, squares, count) = self.hz_sums;
        let count = count.max(1.0);
        let mean = sum / count;
        (squares / count - mean * mean).max(0.0).sqrt()
    }

    /// Whether nothing but a tone sounds, which voice never does for long.
    fn is_pure(&self) -> bool {
        self.share_sum / self.hops as f32 > 0.96 && self.level_deviation_db() < 2.0
    }

    /// Share of the hops in its time that were tonal.
    fn purity(&self) -> f32 {
        let hops = (self.last_ms - self.start_ms) / HOP_MS;
        self.hops as f32 / hops.max(1) as f32
    }

    /// Mean level, dBFS.
    fn level_dbfs(&self) -> f32 {
        self.level_sum / self.hops as f32
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
    /// Beginning of the first voice.
    pub(super) first_voice_ms: Option<u64>,
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
    /// Levels of the last hops, dBFS.
    levels: [f32; 3],
    /// Levels of the last 0.7 s, dBFS.
    recent: VecDeque<f32>,
    /// Level of the loudest tone, dBFS, and when it sounded last.
    loudest: (f32, u64),
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
            levels: [-120.0; 3],
            recent: VecDeque::with_capacity(RECENT_HOPS),
            loudest: (-120.0, start_ms),
        }
    }

    /// Begins the next stage: only a tone that sounds is remembered.
    pub(super) fn restart(&mut self, start_ms: u64) {
        self.segments.clear();
        self.ring_ms = None;
        // The beginning of a tone that sounds is known.
        if self.run.is_none() {
            self.start_ms = start_ms;
        }
    }

    /// The tone that sounds, when it is one steady tone.
    pub(super) fn steady(&self) -> Option<Segment> {
        let run = self.run.as_ref()?;
        let ms = run.last_ms - run.start_ms;
        // A vowel may be nearly one harmonic; tones of networks and machines are higher.
        let high = run.hz >= TONE_HZ_MIN || ms >= 600;
        let steady =
            high && run.purity() >= 0.75 && run.level_deviation_db() < 4.0 && ms >= STEADY_MS;
        // The rest of a tone that had begun before.
        let rest = run.start_ms <= self.start_ms + HOLE_MS && run.is_pure() && ms >= REST_MS;
        (steady || rest).then(|| run.segment())
    }

    /// The last tone that ended.
    pub(super) fn last(&self) -> Option<&Segment> {
        self.segments.back()
    }

    /// Level of the tone that sounds, dBFS.
    pub(super) fn level_dbfs(&self) -> f32 {
        self.run.as_ref().map_or(-120.0, Run::level_dbfs)
    }

    /// Whether a tone sounds, be it short.
    pub(super) fn is_sounding(&self) -> bool {
        self.run
            .as_ref()
            .is_some_and(|r| r.hops >= 5 && r.purity() > 0.6)
    }

    /// Whether the same tone was heard before: a cadence, and no beep.
    pub(super) fn is_repeated(&self, tone: &Segment) -> bool {
        self.segments
            .iter()
            .any(|s| s.start_ms < tone.start_ms && (s.hz - tone.hz).abs() < 20.0)
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
        if self.recent.len() == RECENT_HOPS {
            self.recent.pop_front();
        }
        self.recent.push_back(hop.dbfs);
        let edge = self.follow(hop, at_ms);
        self.note_level(at_ms);
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
        // Two tones near to each other beat; the greatest of three hops does not.
        self.levels.rotate_left(1);
        if let Some(newest) = self.levels.last_mut() {
            *newest = hop.dbfs;
        }
        let level_dbfs = self.levels.iter().copied().fold(f32::MIN, f32::max);
        let hop = &Hop {
            dbfs: level_dbfs,
            ..*hop
        };
        let background = level_dbfs < self.loudest.0 - BACKGROUND_DB;
        let Some(tones) = hop.tones.filter(|_| !background) else {
            return edge;
        };
        match &mut self.run {
            None => self.run = Some(Run::new(tones, hop, at_ms)),
            Some(run) if run.takes(tones, level_dbfs) => {
                run.add(tones, hop, at_ms);
                self.other = None;
                edge |= run.last_ms - run.start_ms == EDGE_MS;
            }
            Some(run) => {
                let other = match self.other.take() {
                    Some(mut other) if other.takes(tones, level_dbfs) => {
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

    /// Remembers how loud the tones of the call are: much weaker ones are music behind them.
    fn note_level(&mut self, at_ms: u64) {
        if at_ms - self.loudest.1 > PAUSE_MS_MAX {
            self.loudest = (-120.0, at_ms);
        }
        let Some(run) = &self.run else { return };
        if run.last_ms - run.start_ms >= STEADY_MS && run.purity() > 0.7 {
            let level_dbfs = run.level_dbfs();
            if level_dbfs >= self.loudest.0 - BACKGROUND_DB {
                self.loudest = (self.loudest.0.max(level_dbfs), at_ms);
            }
        }
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
        // The rest of a ring that had begun before.
        let rest = segment.start_ms <= self.start_ms + HOLE_MS
            && RING_HZ.contains(&segment.hz)
            && (200..650).contains(&segment.ms());
        if (one_ring || double_ring || rest) && run.purity() > 0.7 {
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
            && self.plan.is_none_or(|p| {
                p.cadences
                    .iter()
                    .any(|c| c.outcome == Outcome::Ring && c.times_ms.len() == 4)
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
            && sit::is_rising(first, second, &third)
        {
            let detail = sit::detail(first, second, &self.country);
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
        cadence::classify(self.plan, &tone, &intervals)
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

#[cfg(test)]
mod tests;
