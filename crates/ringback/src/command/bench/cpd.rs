//! `bench cpd`: processor time of the detector over generated audio.

use clap::Args;
use media::cpd::{Detector, Settings, Stage};
use media::tone;
use serde_json::{Map, json};
use tokio::time::Instant;

use super::{Goal, Outcome, rounded, usage};

/// Length of a generated call, ms.
const CALL_MS: u32 = 10_000;
/// Goal: processor time for a second of audio, ms.
const CPU_MS_MAX: f64 = 1.0;

/// Arguments of `bench cpd`.
#[derive(Args, Debug)]
pub(crate) struct CpdArgs {
    /// How much audio is analysed
    #[arg(long, default_value_t = 3_000, value_name = "S", value_parser = clap::value_parser!(u32).range(100..))]
    seconds: u32,
}

/// Feeds speech, noise, tones and silence to detectors that go on to the end of each call.
pub(super) fn run(args: &CpdArgs) -> anyhow::Result<Outcome> {
    let calls = calls();
    let processor = usage::processor()?;
    let (started, before) = (Instant::now(), usage::cpu_s(std::process::id())?);
    let count = args.seconds * 1_000 / CALL_MS;
    let mut verdicts = 0u32;
    for (_, samples) in (0..count).zip(calls.iter().cycle()) {
        verdicts += detect(samples);
    }
    let cpu_s = usage::cpu_s(std::process::id())? - before;
    let audio_s = f64::from(count) * f64::from(CALL_MS) / 1_000.0;
    let cpu_ms = cpu_s * 1_000.0 / audio_s;
    let mut result = Map::new();
    result.insert("audio_s".to_owned(), json!(audio_s));
    result.insert("cpu_ms_per_audio_s".to_owned(), json!(rounded(cpu_ms)));
    result.insert("verdicts".to_owned(), json!(verdicts));
    Ok(Outcome {
        bench: "cpd",
        settings: json!({"calls": count, "call_ms": CALL_MS}),
        seconds: started.elapsed().as_secs_f64(),
        cpu_s,
        peer_cpu_s: 0.0,
        processor: (processor, usage::processor()?),
        rss_mb: usage::rss_mb(std::process::id())?,
        goals: vec![Goal::at_most("cpu_ms_per_audio_s", cpu_ms, CPU_MS_MAX)],
        result,
    })
}

/// Analyses a whole call: after a verdict the next detector goes on, as after an early one.
fn detect(samples: &[i16]) -> u32 {
    let mut verdicts = 0;
    let mut detector = Detector::new(Settings::default(), Stage::Answered, 0);
    for (frame, number) in samples.chunks(media::FRAME_SAMPLES).zip(1u64..) {
        let now_ms = number * media::FRAME_MS;
        let _finding = detector.handle_frame(frame, now_ms);
        if detector.is_finished() {
            verdicts += 1;
            detector = Detector::new(Settings::default(), Stage::Answered, now_ms);
        }
    }
    verdicts
}

fn calls() -> Vec<Vec<i16>> {
    let mut greeting = tone::silence(700);
    greeting.extend(tone::voice(900, -18.0, 1));
    greeting.extend(tone::noise(CALL_MS - 1_600, -45.0, 2));
    vec![
        tone::voice(CALL_MS, -18.0, 3),
        greeting,
        tone::noise(CALL_MS, -30.0, 4),
        tone::ring(CALL_MS),
        tone::busy(CALL_MS),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_generated_call_has_its_length() {
        for samples in calls() {
            assert_eq!(samples.len(), CALL_MS as usize * 8);
        }
        assert!(detect(&tone::busy(CALL_MS)) > 1);
    }
}
