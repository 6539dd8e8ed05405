//! One clip through the detector.

use std::path::Path;

use media::FRAME_MS;
use media::audio::{self, Clip};
use media::cpd::{Detector, Finding, Outcome, Profile, Settings, Sight, Stage, Verdict};

use crate::outcome::{Failure, chain};

/// Longest silence that is added to a clip to hear the detector out, ms.
const AFTER_MS: u64 = 40_000;
/// Samples of a frame.
const FRAME: usize = media::FRAME_SAMPLES;

/// How a clip is looked at.
#[derive(Clone, Copy, Debug)]
pub(in crate::command) struct Options<'a> {
    pub(in crate::command) profile: Profile,
    pub(in crate::command) country: &'a str,
    pub(in crate::command) stage: Stage,
    /// Stop with the clip: what a network sends goes on for ever.
    pub(in crate::command) to_the_end: bool,
    /// When a verdict is given in any case, ms after the answer.
    pub(in crate::command) hard_stop_ms: u32,
}

/// What the detector made of a clip.
#[derive(Clone, Debug)]
pub(in crate::command) struct Seen {
    pub(in crate::command) verdict: Option<Verdict>,
    /// End of the beep and its frequency, ms and Hz.
    pub(in crate::command) beep: Option<(u32, f32)>,
    /// When the greeting turned out to be that of a screening assistant, ms.
    pub(in crate::command) screening_ms: Option<u32>,
    /// When ring-back was recognised, ms.
    pub(in crate::command) ring_ms: Option<u32>,
    /// What the detector saw, every 20 ms.
    pub(in crate::command) trace: Vec<Sight>,
}

impl Seen {
    /// The result as one word.
    pub(in crate::command) fn result(&self) -> &'static str {
        match &self.verdict {
            Some(verdict) => verdict.outcome.word(),
            None if self.ring_ms.is_some() => Outcome::Ring.word(),
            None => Outcome::Undecided.word(),
        }
    }

    /// The fixed word of what was found.
    pub(in crate::command) fn detail(&self) -> &'static str {
        if self.screening_ms.is_some() {
            return "screening";
        }
        self.verdict
            .as_ref()
            .map_or_else(|| self.result(), |v| v.detail)
    }

    /// When the result was known, ms.
    pub(in crate::command) fn at_ms(&self) -> Option<u32> {
        let verdict = self.verdict.as_ref().map(|v| v.decided_after_ms);
        verdict.or(self.ring_ms)
    }
}

/// Reads an audio file.
pub(in crate::command) fn load(path: &Path) -> Result<Clip, Failure> {
    let named = |error: &dyn std::error::Error| {
        let message = format!("{}: {}", path.display(), chain(error));
        Failure::bad_input(message, "give a WAV file or raw .ulaw or .alaw")
    };
    let bytes = std::fs::read(path).map_err(|error| named(&error))?;
    audio::load(&bytes, &path.display().to_string()).map_err(|error| named(&error))
}

/// Runs the detector over samples at 8 kHz.
pub(in crate::command) fn run(samples: &[i16], options: &Options<'_>) -> Seen {
    let settings = Settings {
        profile: options.profile,
        country: options.country.to_owned(),
        wait_for_beep: true,
        hard_stop_ms: options.hard_stop_ms,
        ..Settings::default()
    };
    let mut detector = Detector::new(settings, options.stage, 0);
    let mut seen = Seen {
        verdict: None,
        beep: None,
        screening_ms: None,
        ring_ms: None,
        trace: Vec::with_capacity(samples.len() / FRAME + 1),
    };
    let mut now_ms = 0;
    for frame in samples.chunks(FRAME) {
        now_ms += FRAME_MS;
        let finding = detector.handle_frame(frame, now_ms);
        seen.take(finding);
        if seen.ring_ms.is_none() {
            seen.ring_ms = detector.ring_ms();
        }
        seen.trace.push(detector.sight());
    }
    let waits = options.stage == Stage::Answered && !options.to_the_end;
    let end_ms = now_ms + AFTER_MS;
    while waits && seen.ring_ms.is_none() && !detector.is_finished() && now_ms < end_ms {
        now_ms += FRAME_MS;
        let finding = detector.handle_frame(&[0; FRAME], now_ms);
        seen.take(finding);
    }
    seen
}

impl Seen {
    fn take(&mut self, finding: Option<Finding>) {
        match finding {
            Some(Finding::Verdict(verdict)) => self.verdict = Some(verdict),
            Some(Finding::BeepEnd {
                hz,
                at_ms,
                screening,
            }) => {
                self.beep = Some((at_ms, hz));
                self.screening_ms = screening.then_some(at_ms);
            }
            None => {}
        }
    }
}
