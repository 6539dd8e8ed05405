//! Tones on generated signals, every plan from several points of its cycle.

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
        "US", "GB", "DE", "FR", "ES", "IT", "AT", "BE", "SE", "BR", "ZA", "PT", "CN", "IN", "RU",
        "SG", "TW", "MX", "FI", "NL", "CH", "PL", "TR", "KR",
    ] {
        for cadence in &plan::of(country).unwrap().cadences {
            let parts: Vec<Part<'_>> = cadence
                .times_ms
                .iter()
                .enumerate()
                .map(|(n, ms)| Part {
                    hz: if n % 2 == 0 {
                        cadence.hz.as_slice()
                    } else {
                        &[]
                    },
                    ms: *ms,
                })
                .collect();
            let whole = tone::cadence(&parts, 12_000, -20.0);
            for joined_ms in [0, 130, 410, 790] {
                let samples = &whole[joined_ms * 8..][..8 * 8_000];
                let found = track(country, samples).map(|f| f.0);
                let expected = match cadence.outcome {
                    Outcome::Busy => Some("busy"),
                    Outcome::Congestion if plan::tells_apart(country) => Some("congestion"),
                    Outcome::Congestion => Some("busy"),
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
