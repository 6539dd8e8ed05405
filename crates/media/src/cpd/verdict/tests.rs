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
            let after_ms = u64::from(found.decided_after_ms) - 600 - u64::from(ms);
            assert!((800..1_200).contains(&after_ms), "{found:?}");
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
            found.decided_after_first_sound_ms.unwrap() < 4_600,
            "{found:?}"
        );
    }
}

#[test]
fn profiles_shift_the_border() {
    let greeting = after(600, &[tone::voice(3_200, -15.0, 1)]);
    let outcome = |profile| {
        let settings = Settings {
            profile,
            ..Settings::default()
        };
        verdict(settings, Stage::Answered, &greeting).map(|v| v.outcome)
    };
    assert_eq!(outcome(Profile::Human), Some(Outcome::Human));
    assert_eq!(outcome(Profile::Balanced), Some(Outcome::Machine));
    assert_eq!(outcome(Profile::Machine), Some(Outcome::Machine));
}

#[test]
fn a_company_that_greets_and_waits_is_a_human() {
    let greeting = after(600, &[tone::voice(3_300, -15.0, 4), tone::silence(2_000)]);
    check(&greeting, Outcome::Human, "human");
}

#[test]
fn a_tone_in_progress_is_carried_over_the_answer() {
    let settings = || Settings {
        country: "US".to_owned(),
        ..Settings::default()
    };
    let mut detector = Detector::new(settings(), Stage::Early, 0);
    let busy = after(240, &[tone::busy(5_000)]);
    let mut found = None;
    for (frame, n) in busy.chunks(160).zip(1u64..) {
        // The answer comes in the middle of the first tone.
        if n == 30 {
            detector.answer(settings(), n * 20);
        }
        found = found.or_else(|| detector.handle_frame(frame, n * 20));
    }
    let Some(Finding::Verdict(verdict)) = found else {
        panic!("no verdict")
    };
    assert_eq!(
        (verdict.outcome, verdict.stage),
        (Outcome::Busy, Stage::Answered)
    );
    // A new detector would not know when the first tone had begun.
    assert!(verdict.decided_after_ms < 1_400, "{verdict:?}");
}

#[test]
fn what_was_heard_before_the_answer_is_no_answer() {
    let mut detector = Detector::new(Settings::default(), Stage::Early, 0);
    let early = after(0, &[tone::ring(2_000), tone::voice(6_000, -15.0, 3)]);
    for (frame, n) in early.chunks(160).zip(1u64..) {
        assert_eq!(detector.handle_frame(frame, n * 20), None);
    }
    detector.answer(Settings::default(), 8_000);
    let findings: Vec<_> = (401u64..900)
        .filter_map(|n| detector.handle_frame(&[0; 160], n * 20))
        .collect();
    let [Finding::Verdict(verdict)] = findings.as_slice() else {
        panic!("{findings:?}")
    };
    assert_eq!(
        (verdict.outcome, verdict.decided_after_ms),
        (Outcome::Silence, 5_000)
    );
}

#[test]
fn a_background_does_not_become_an_answer() {
    let mut samples = tone::voice(9_000, -34.0, 8);
    for (sample, voice) in samples
        .iter_mut()
        .skip(16_000)
        .zip(tone::voice(700, -14.0, 3))
    {
        *sample = sample.saturating_add(voice);
    }
    let found = verdict(Settings::default(), Stage::Answered, &samples[8_000..]).unwrap();
    assert_eq!(found.outcome, Outcome::Human, "{found:?}");
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

/// The verdict for somebody who begins late, with six seconds in all.
fn in_six_seconds(profile: Profile, begins_ms: u32, talks_ms: u32, seed: u64) -> Verdict {
    let settings = Settings {
        profile,
        hard_stop_ms: 6_000,
        ..Settings::default()
    };
    let samples = after(begins_ms, &[tone::voice(talks_ms, -15.0, seed)]);
    verdict(settings, Stage::Answered, &samples).expect("a verdict")
}

#[test]
fn who_still_talks_at_the_hard_stop_is_a_machine() {
    for seed in 0..8 {
        for profile in [Profile::Human, Profile::Balanced] {
            let found = in_six_seconds(profile, 2_300, 8_000, seed);
            assert_eq!(
                (found.outcome, found.detail),
                (Outcome::Machine, "machine"),
                "{found:?}"
            );
            assert!(found.decided_after_ms <= 6_020, "{found:?}");
        }
        let found = in_six_seconds(Profile::Human, 2_300, 8_000, seed);
        let rules: Vec<_> = found.reasons.iter().map(|r| r.rule).collect();
        assert!(["voiced", "span"].contains(&rules[0]), "{found:?}");
        assert_eq!(rules[1], "hard_stop", "what decided comes first");
    }
}

#[test]
fn who_falls_silent_before_the_hard_stop_is_a_human() {
    for seed in 0..8 {
        for (begins_ms, talks_ms) in [(1_900, 3_500), (4_500, 700)] {
            let found = in_six_seconds(Profile::Human, begins_ms, talks_ms, seed);
            assert_eq!(
                (found.outcome, found.detail),
                (Outcome::Human, "human"),
                "{found:?}"
            );
            assert_eq!(found.decided_after_ms, 6_000, "{found:?}");
            assert_eq!(
                (found.reasons[0].rule, found.reasons[0].limit),
                ("pause", 600.0)
            );
        }
    }
}

#[test]
fn who_began_late_is_undecided_at_the_hard_stop() {
    for seed in 0..8 {
        for begins_ms in [3_500, 4_500] {
            let found = in_six_seconds(Profile::Human, begins_ms, 8_000, seed);
            assert_eq!(
                (found.outcome, found.detail, found.call_state),
                (Outcome::Undecided, "undecided", 0),
                "{found:?}"
            );
            assert_eq!(found.reasons[0].rule, "hard_stop");
        }
    }
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
    let Some((
        Finding::BeepEnd {
            hz,
            at_ms,
            screening,
        },
        _,
    )) = findings.get(1)
    else {
        panic!("{findings:?}")
    };
    assert_eq!(*hz, 0.0);
    assert!(
        *screening,
        "4 s, then silence: an assistant may be listening"
    );
    assert!((5_700..=6_000).contains(at_ms), "{at_ms}");

    let findings = detect_all(
        settings(),
        Stage::Answered,
        &after(300, &[tone::voice(9_000, -15.0, 5)]),
    );
    let Some((
        Finding::BeepEnd {
            screening, at_ms, ..
        },
        _,
    )) = findings.get(1)
    else {
        panic!("{findings:?}")
    };
    assert!(!*screening, "too long for an assistant");
    assert!((11_200..=11_500).contains(at_ms), "{at_ms}");
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
        ("voiced", 3_900.0, "ms")
    );
    assert!(first.value >= 3_900.0);
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

#[test]
fn no_input_makes_it_panic() {
    let mut seed = 0x2545_F491_4F6C_DD1Du64;
    let mut random = move |below: u32| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        u32::try_from(seed % u64::from(below)).unwrap()
    };
    let place = |n: u32| usize::try_from(n).unwrap();
    let sources = [
        tone::busy(3_000),
        tone::ced(3_000),
        tone::voice(3_000, -15.0, 1),
        tone::sit(tone::Sit::VacantCode),
        tone::noise(3_000, -20.0, 2),
    ];
    for _ in 0..30 {
        let stage = [Stage::Early, Stage::Answered][place(random(2))];
        let mut detector = Detector::new(Settings::default(), stage, random(5_000).into());
        let mut now_ms = 0;
        for _ in 0..200 {
            let source = &sources[place(random(5))];
            let from = place(random(24_000)) % source.len();
            let mut frame: Vec<i16> = source[from..]
                .iter()
                .copied()
                .take(place(random(700)))
                .collect();
            match random(8) {
                0 => frame.fill(i16::MIN),
                1 => frame.iter_mut().step_by(3).for_each(|s| *s = i16::MAX),
                2 => frame.clear(),
                _ => {}
            }
            // The clock may jump, stand still and go back.
            now_ms = match random(12) {
                0 => now_ms + u64::from(random(9_000)),
                1 => now_ms.saturating_sub(random(2_000).into()),
                _ => now_ms + 20,
            };
            match random(20) {
                0 => detector.answer(Settings::default(), now_ms),
                1 => drop(detector.handle_tick(now_ms)),
                _ => drop(detector.handle_frame(&frame, now_ms)),
            }
            assert!(detector.sight().dbfs <= 0.5);
        }
    }
}
