//! The same audio over RTP and offline: the verdicts are the same.

use super::*;

/// Calls at once.
const CALLS: usize = 60;
/// Calls of which the results may differ: 2 %.
const DIFFERENT_MAX: usize = CALLS / 50;
/// Longest clip with its verdict.
const WITHIN: Duration = Duration::from_secs(25);

/// What somebody may send after the answer, by number.
fn clip(number: usize) -> (Vec<i16>, &'static str) {
    let seed = 100 + number as u64;
    let varied = u32::try_from(number / 10).unwrap();
    let mut samples = tone::silence(200 + 90 * varied);
    let mut country = "";
    match number % 10 {
        0 | 1 => samples.extend(tone::voice(400 + 150 * varied, -18.0, seed)),
        2 => {
            samples.extend(tone::voice(600, -20.0, seed));
            samples.extend(tone::silence(450));
            samples.extend(tone::voice(500, -20.0, seed + 1));
        }
        3 => samples.extend(tone::voice(7_000, -16.0, seed)),
        4 => {
            samples.extend(tone::voice(1_500 + 100 * varied, -18.0, seed));
            samples.extend(tone::silence(400));
            samples.extend(tone::beep(800.0 + 100.0 * varied as f32, 400));
        }
        5 => {
            country = "US";
            samples.extend(tone::busy(4_000));
        }
        6 => {
            country = "US";
            samples.extend(tone::congestion(4_000));
        }
        7 => samples.extend(match varied % 3 {
            0 => tone::ced(3_000),
            1 => tone::ansam(3_000),
            _ => tone::cng(4_000),
        }),
        8 => samples.extend(tone::sit(tone::Sit::NoCircuit)),
        _ => samples.extend(tone::noise(3_000, -55.0, seed)),
    }
    // The line stays open, with a little noise.
    samples.extend(tone::noise(9_000, -65.0, seed));
    (samples, country)
}

fn settings(country: &str) -> cpd::Settings {
    cpd::Settings {
        country: country.to_owned(),
        ..cpd::Settings::default()
    }
}

/// What the detector says to the clip as the codec leaves it.
fn offline(samples: &[i16], country: &str) -> (cpd::Outcome, &'static str) {
    let mut detector = cpd::Detector::new(settings(country), cpd::Stage::Answered, 0);
    let (mut coded, mut heard) = (Vec::new(), Vec::new());
    let found = samples
        .chunks(FRAME_SAMPLES)
        .zip(1u64..)
        .find_map(|(f, n)| {
            Codec::Pcma.encode(f, &mut coded);
            Codec::Pcma.decode(&coded, &mut heard);
            detector.handle_frame(&heard, n * 20)
        });
    match found {
        Some(cpd::Finding::Verdict(verdict)) => (verdict.outcome, verdict.detail),
        other => panic!("no verdict: {other:?}"),
    }
}

#[tokio::test]
async fn clips_over_rtp_are_judged_as_offline() {
    let mut rig = Rig::new(31_500..=31_899, 2);
    let mut expected = HashMap::new();
    for number in 0..CALLS {
        let (samples, country) = clip(number);
        let (from, to) = (format!("from{number}"), format!("to{number}"));
        let (from, to) = (CallId::new(from.as_str()), CallId::new(to.as_str()));
        let (at_from, at_to) = (
            rig.engine.open(&from).unwrap(),
            rig.engine.open(&to).unwrap(),
        );
        expected.insert(to.clone(), (number, offline(&samples, country)));
        rig.engine
            .connect(&from, remote(at_to, Codec::Pcma, Some(101)));
        rig.engine
            .connect(&to, remote(at_from, Codec::Pcma, Some(101)));
        rig.engine
            .play(&from, 1, Clip::from_samples(samples), Repeat::Once);
        rig.engine
            .detect(&to, settings(country), cpd::Stage::Answered);
    }
    let mut different = Vec::new();
    while !expected.is_empty() {
        let event = timeout(WITHIN, rig.events.recv()).await;
        let event = event.expect("all verdicts in time").unwrap();
        if let MediaEvent::Verdict { call, verdict } = event {
            let (number, offline) = expected.remove(&call).expect("one verdict a call");
            if (verdict.outcome, verdict.detail) != offline {
                different.push((number, offline, verdict));
            }
        }
    }
    assert!(different.len() <= DIFFERENT_MAX, "{different:#?}");
}

#[test]
fn the_clips_are_of_every_kind() {
    let mut kinds: Vec<&str> = (0..CALLS)
        .map(|number| {
            let (samples, country) = clip(number);
            offline(&samples, country).0.word()
        })
        .collect();
    kinds.sort_unstable();
    kinds.dedup();
    assert_eq!(
        kinds,
        [
            "busy",
            "congestion",
            "fax",
            "human",
            "machine",
            "silence",
            "sit"
        ]
    );
}
