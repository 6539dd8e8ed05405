//! Cadences: which busy, congestion or other tone the on and off times belong to.

use super::plan::{Cadence, Plan};
use super::spectrum::HOP_MS;
use super::tone::{Found, Segment};
use super::{Outcome, Reason};

/// Complete intervals that decide with a plan, and without.
const INTERVALS_PLAN: usize = 3;
const INTERVALS_SIT: usize = 2;
const INTERVALS_LONG: usize = 2;
const INTERVALS_GENERIC: usize = 4;
/// An even cycle longer than this is decided by its two intervals: a third would come too late, ms.
const LONG_CYCLE_MS: u32 = 1_250;
/// Shortest interval of the generic rule, ms.
const GENERIC_MS_MIN: u64 = 140;
/// Frequencies of call progress tones for the generic rule, Hz.
const GENERIC_HZ: std::ops::RangeInclusive<f32> = 340.0..=650.0;

/// What a tone with these complete intervals, oldest first, is; the plan of the called country
/// first, the generic rule second.
pub(super) fn classify(
    plan: Option<&Plan>,
    tone: &Segment,
    intervals: &[Interval],
) -> Option<Found> {
    if let Some(plan) = plan {
        let enough = |c: &&Cadence| match c.outcome {
            // Nothing else has as long a tone and as short a pause.
            Outcome::Sit => intervals.len() >= INTERVALS_SIT,
            _ if is_long(c) => intervals.len() >= INTERVALS_LONG,
            _ => intervals.len() >= INTERVALS_PLAN,
        };
        let fitting: Vec<&Cadence> = plan
            .cadences
            .iter()
            .filter(|c| enough(c) && fits(c, tone, intervals))
            .collect();
        if !fitting.is_empty() {
            return choose(&fitting, tone, intervals);
        }
    }
    generic(tone, intervals)
}

/// One tone and one pause, together longer than those that speech leaves by chance.
fn is_long(cadence: &Cadence) -> bool {
    cadence.times_ms.len() == 2 && cadence.times_ms.iter().sum::<u32>() > LONG_CYCLE_MS
}

/// A complete part of a cadence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Interval {
    pub(super) on: bool,
    pub(super) ms: u64,
}

/// Whether the newest intervals follow the cadence from some point on.
fn fits(cadence: &Cadence, tone: &Segment, intervals: &[Interval]) -> bool {
    fits_frequency(&cadence.hz, tone)
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
    if !even || newest.iter().any(|i| i.ms < GENERIC_MS_MIN) || !GENERIC_HZ.contains(&tone.hz) {
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
