//! Special information tones: three rising tones and what their lengths say.

use super::plan;
use super::tone::Segment;

/// Three tones that follow each other, each above the one before.
pub(super) fn is_rising(first: &Segment, second: &Segment, third: &Segment) -> bool {
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
pub(super) fn detail(first: &Segment, second: &Segment, country: &str) -> &'static str {
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
