//! The beep of a machine: one steady tone after speech.

use super::tone::{Segment, Tracker};

/// Frequencies of beeps, Hz.
const BEEP_HZ: std::ops::RangeInclusive<f32> = 380.0..=2_200.0;
/// Shortest beep, ms.
pub(super) const BEEP_MS_MIN: u64 = 140;
/// Voice before the first beep that makes a machine, ms.
pub(super) const VOICE_BEFORE_MS: u64 = 300;

/// Half the width around the answer tone of fax machines in which the end has to be awaited, Hz.
const NEAR_CED_HZ: f32 = 30.0;

/// A beep holds its frequency: greatest standard deviation, Hz.
const DEVIATION_HZ_MAX: f32 = 7.0;

/// The beep that sounds now.
pub(super) fn sounding(tracker: &Tracker) -> Option<Segment> {
    tracker.steady().filter(is_beep)
}

/// The beep that makes a machine: no part of a cadence, and no answer tone of a fax machine,
/// which is not over before it is known as such.
pub(super) fn decisive(tracker: &Tracker, at_ms: u64) -> Option<Segment> {
    let near_ced = |s: &Segment| (s.hz - 2_100.0).abs() < NEAR_CED_HZ;
    let now = sounding(tracker).filter(|s| !near_ced(s));
    let just_over = || {
        tracker
            .last()
            .copied()
            .filter(|s| s.end_ms + 100 > at_ms && near_ced(s))
    };
    now.or_else(just_over)
        .filter(|s| is_beep(s) && !tracker.is_repeated(s))
}

/// The beep that ended last, after `since_ms`.
pub(super) fn ended(tracker: &Tracker, since_ms: u64) -> Option<Segment> {
    tracker
        .last()
        .copied()
        .filter(|s| is_beep(s) && s.end_ms > since_ms)
}

fn is_beep(segment: &Segment) -> bool {
    segment.second_hz.is_none()
        && BEEP_HZ.contains(&segment.hz)
        && segment.ms() >= BEEP_MS_MIN
        && segment.deviation_hz <= DEVIATION_HZ_MAX
}
