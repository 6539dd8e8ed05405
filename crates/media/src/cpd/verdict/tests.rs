//! The detector on generated calls.

use super::*;
use crate::tone;

/// Everything found when a call with these samples is followed by silence.
fn detect_all(settings: Settings, stage: Stage, samples: &[i16]) -> Vec<(Finding, u64)> {
    let mut detector = Detector::new(settings, stage, 1_000);
    let silence = [0i16; 160];
    let frames = samples
        .chunks(160)
        .chain(std::iter::repeat_n(silence.as_slice(), 2_000));
    let findings = frames.zip(1u64..).filter_map(|(frame, n)| {
        let now_ms = 1_000 + n * 20;
        detector
            .handle_frame(frame, now_ms)
            .map(|f| (f, now_ms - 1_000))
    });
    findings.collect()
}

fn verdict(settings: Settings, stage: Stage, samples: &[i16]) -> Option<Verdict> {
    let mut verdicts = detect_all(settings, stage, samples)
        .into_iter()
        .filter_map(|(f, _)| {
            if let Finding::Verdict(verdict) = f {
                Some(verdict)
            } else {
                None
            }
        });
    let first = verdicts.next();
    assert_eq!(verdicts.next(), None, "at most one verdict");
    first
}

fn check(samples: &[i16], outcome: Outcome, detail: &str) -> Verdict {
    let found = verdict(Settings::default(), Stage::Answered, samples).expect("a verdict");
    assert_eq!(
        (found.outcome, found.detail),
        (outcome, detail),
        "{found:?}"
    );
    assert_eq!(found.call_state, outcome.call_state());
    found
}

fn after(ms: u32, parts: &[Vec<i16>]) -> Vec<i16> {
    let mut out = tone::silence(ms);
    out.extend(parts.iter().flatten());
    out
}

fn with_noise(mut samples: Vec<i16>, dbm0: f32) -> Vec<i16> {
    let ms = u32::try_from(samples.len() / 8).unwrap() + 1;
    for (sample, noise) in samples.iter_mut().zip(tone::noise(ms, dbm0, 99)) {
        *sample = sample.saturating_add(noise);
    }
    samples
}

#[test]
fn a_short_greeting_is_a_human() {
    for seed in 0..8 {
        for ms in [300, 700, 1_400] {
            let greeting = after(600, &[tone::voice(ms, -15.0, seed)]);
            let found = check(&greeting, Outcome::Human, "human");
            let after_ms = u64::from(found.decided_after_ms).abs_diff(600 + u64::from(ms) + 1_000);
            assert!(after_ms < 200, "{found:?}");
        }
    }
    let noisy = with_noise(
        after(600, &[tone::voice(700, -15.0, 3), tone::silence(3_000)]),
        -38.0,
    );
    check(&noisy, Outcome::Human, "human");
}

#[test]
fn a_long_greeting_is_a_machine() {
    for seed in 0..8 {
        let greeting = after(600, &[tone::voice(5_000, -15.0, seed)]);
        let found = check(&greeting, Outcome::Machine, "machine");
        assert!(
            found.decided_after_first_sound_ms.unwrap() < 3_600,
            "{found:?}"
        );
    }
}

#[test]
fn profiles_shift_the_border() {
    let greeting = after(600, &[tone::voice(1_800, -15.0, 1)]);
    let outcome = |profile| {
        let settings = Settings {
            profile,
            ..Settings::default()
        };
        verdict(settings, Stage::Answered, &greeting).map(|v| v.outcome)
    };
    assert_eq!(outcome(Profile::Human), Some(Outcome::Human));
    assert_eq!(outcome(Profile::Machine), Some(Outcome::Machine));
}

#[test]
fn a_beep_after_short_speech_is_a_machine() {
    for hz in [425.0, 1_000.0, 2_000.0] {
        let parts = [
            tone::voice(1_200, -15.0, 2),
            tone::silence(400),
            tone::beep(hz, 350),
        ];
        let found = check(&after(300, &parts), Outcome::Machine, "beep");
        assert!(
            found
                .reasons
                .iter()
                .any(|r| r.rule == "hz" && (r.value - f64::from(hz)).abs() < 5.0)
        );
    }
}

#[test]
fn silence_is_decided_by_the_clock_alone() {
    let mut detector = Detector::new(Settings::default(), Stage::Answered, 1_000);
    let mut findings = Vec::new();
    for now_ms in (1_000..20_000).step_by(20) {
        findings.extend(detector.handle_tick(now_ms).map(|f| (f, now_ms)));
    }
    let [(Finding::Verdict(verdict), at_ms)] = findings.as_slice() else {
        panic!("one verdict: {findings:?}")
    };
    assert_eq!(
        (verdict.outcome, verdict.call_state, *at_ms),
        (Outcome::Silence, 8, 6_000)
    );
    assert_eq!(verdict.decided_after_first_sound_ms, None);
    assert!(detector.is_finished());
}

#[test]
fn line_noise_is_silence() {
    for dbm0 in [-60.0, -45.0, -35.0] {
        check(&tone::noise(9_000, dbm0, 4), Outcome::Silence, "silence");
    }
}

#[test]
fn tones_win_over_speech() {
    check(&tone::busy(5_000), Outcome::Busy, "busy");
    check(&tone::congestion(5_000), Outcome::Congestion, "congestion");
    check(&after(200, &[tone::ced(3_000)]), Outcome::Fax, "ced");
    check(&after(500, &[tone::cng(5_000)]), Outcome::Fax, "cng");
    check(
        &after(300, &[tone::sit(tone::Sit::VacantCode)]),
        Outcome::Sit,
        "sit_vacant",
    );
    check(&with_noise(tone::busy(5_000), -35.0), Outcome::Busy, "busy");
}

#[test]
fn ring_back_after_the_answer_puts_the_decision_off() {
    let found = check(&tone::ring(20_000), Outcome::Silence, "silence");
    assert!(found.decided_after_ms > 20_000, "{found:?}");
    let answered = after(
        0,
        &[
            tone::ring(8_000),
            tone::silence(500),
            tone::voice(600, -15.0, 3),
        ],
    );
    check(&answered, Outcome::Human, "human");
    let endless = check(&tone::ring(60_000), Outcome::Undecided, "undecided");
    assert!(endless.reasons.iter().any(|r| r.rule == "ring"));
}

#[test]
fn before_the_answer_only_tones_of_the_network_count() {
    let early =
        |samples: &[i16]| verdict(Settings::default(), Stage::Early, samples).map(|v| v.outcome);
    assert_eq!(early(&tone::voice(9_000, -15.0, 1)), None);
    assert_eq!(early(&tone::silence(20_000)), None);
    assert_eq!(early(&tone::ring(20_000)), None);
    assert_eq!(early(&tone::busy(5_000)), Some(Outcome::Busy));
    assert_eq!(early(&tone::sit(tone::Sit::Intercept)), Some(Outcome::Sit));
    assert_eq!(early(&tone::ced(2_000)), Some(Outcome::Fax));
}

#[test]
fn the_end_of_the_beep_follows_a_machine_verdict_once() {
    let settings = || Settings {
        wait_for_beep: true,
        ..Settings::default()
    };
    let parts = [
        tone::voice(4_000, -15.0, 5),
        tone::silence(500),
        tone::beep(1_000.0, 500),
    ];
    let findings = detect_all(settings(), Stage::Answered, &after(300, &parts));
    let [
        (Finding::Verdict(verdict), _),
        (Finding::BeepEnd { hz, .. }, at_ms),
    ] = findings.as_slice()
    else {
        panic!("{findings:?}")
    };
    assert_eq!(verdict.outcome, Outcome::Machine);
    assert!((hz - 1_000.0).abs() < 5.0);
    assert!((5_300..=5_500).contains(at_ms), "{at_ms}");

    let parts = [
        tone::voice(1_000, -15.0, 5),
        tone::silence(300),
        tone::beep(440.0, 400),
    ];
    let findings = detect_all(settings(), Stage::Answered, &after(300, &parts));
    assert!(matches!(findings[1], (Finding::BeepEnd { hz, .. }, _) if (hz - 440.0).abs() < 5.0));

    let findings = detect_all(
        settings(),
        Stage::Answered,
        &after(300, &[tone::voice(4_000, -15.0, 5)]),
    );
    let Some((Finding::BeepEnd { hz, at_ms }, _)) = findings.get(1) else {
        panic!("{findings:?}")
    };
    assert_eq!(*hz, 0.0);
    assert!((6_200..=6_500).contains(at_ms), "{at_ms}");
}

#[test]
fn a_verdict_says_why() {
    let found = check(
        &after(300, &[tone::voice(5_000, -15.0, 1)]),
        Outcome::Machine,
        "machine",
    );
    let first = &found.reasons[0];
    assert_eq!(
        (first.rule, first.limit, first.unit),
        ("voiced", 2_100.0, "ms")
    );
    assert!(first.value >= 2_100.0);
    for rule in ["segments", "snr", "tones"] {
        assert!(found.reasons.iter().any(|r| r.rule == rule), "{rule}");
    }
}

#[test]
fn lost_packets_do_not_make_a_pause_of_a_tone() {
    let mut detector = Detector::new(Settings::default(), Stage::Answered, 0);
    let busy = tone::busy(5_000);
    let kept = busy.chunks(160).zip(1u64..).filter(|(_, n)| n % 17 != 0);
    let found = kept
        .map(|(frame, n)| detector.handle_frame(frame, n * 20))
        .find_map(|f| f.filter(|f| matches!(f, Finding::Verdict(_))));
    assert!(matches!(found, Some(Finding::Verdict(v)) if v.outcome == Outcome::Busy));
}
