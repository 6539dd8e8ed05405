//! What the simulated people and machines let one hear, made once and shared.

use std::collections::HashMap;

use media::audio::Clip;
use media::tone;

/// Level of speech, dBm0.
const SPEECH_DBM0: f32 = -18.0;
/// How many different voices are made for one length.
const VOICES: u64 = 8;

/// A kind of sound; the same kind is made only once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Sound {
    /// A few words, then the end of the clip.
    Words {
        /// Length, ms.
        ms: u32,
        /// Chooses the voice.
        voice: u64,
    },
    /// A greeting in sentences, a pause of 400 ms and a beep.
    Greeting {
        /// Length of the words, ms.
        ms: u32,
        /// Frequency of the beep, Hz.
        beep_hz: u16,
        /// Chooses the voice.
        voice: u64,
    },
    /// Answer tone of a fax machine.
    Fax,
    /// Busy tone of North America, one cycle.
    Busy,
    /// Special information tone with a second of silence.
    Sit,
}

/// The sounds made so far.
#[derive(Debug, Default)]
pub(crate) struct Sounds(HashMap<Sound, Clip>);

impl Sounds {
    /// The clip of a sound.
    pub(crate) fn clip(&mut self, sound: Sound) -> Clip {
        let sound = match sound {
            Sound::Words { ms, voice } => Sound::Words {
                ms,
                voice: voice % VOICES,
            },
            Sound::Greeting { ms, beep_hz, voice } => Sound::Greeting {
                ms,
                beep_hz,
                voice: voice % VOICES,
            },
            other @ (Sound::Fax | Sound::Busy | Sound::Sit) => other,
        };
        let clip = self
            .0
            .entry(sound)
            .or_insert_with(|| Clip::from_samples(samples(sound)));
        clip.clone()
    }
}

fn samples(sound: Sound) -> Vec<i16> {
    match sound {
        Sound::Words { ms, voice } => tone::voice(ms, SPEECH_DBM0, voice),
        Sound::Greeting { ms, beep_hz, voice } => {
            let mut out = sentences(ms, voice);
            out.extend(tone::silence(400));
            out.extend(tone::beep(f32::from(beep_hz), 400));
            out
        }
        Sound::Fax => {
            let mut out = tone::silence(200);
            out.extend(tone::ced(3_000));
            out
        }
        Sound::Busy => tone::busy(1_000),
        Sound::Sit => {
            let mut out = tone::sit(tone::Sit::Itu);
            out.extend(tone::silence(1_000));
            out
        }
    }
}

/// Sentences of up to 1.8 s with breaths of 250 ms between them.
fn sentences(ms: u32, voice: u64) -> Vec<i16> {
    let (sentence, breath) = (1_800, 250);
    let mut out = Vec::new();
    let mut left = ms;
    let mut number = 0;
    while left > 0 {
        let part = left.min(sentence);
        out.extend(tone::voice(part, SPEECH_DBM0, voice * 100 + number));
        left -= part;
        number += 1;
        if left > breath {
            out.extend(tone::silence(breath));
            left -= breath;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use media::cpd::{Detector, Finding, Outcome, Settings, Stage};

    use super::*;

    /// What the detector takes a sound for, 300 ms after the answer and followed by silence.
    fn detected(sound: Sound, stage: Stage) -> Option<Outcome> {
        let mut detector = Detector::new(Settings::default(), stage, 0);
        let mut heard = tone::silence(300);
        heard.extend(samples(sound));
        heard.extend(tone::silence(9_000));
        let frames = heard
            .chunks_exact(media::FRAME_SAMPLES)
            .zip((0..).step_by(20));
        for (frame, now_ms) in frames {
            if let Some(Finding::Verdict(verdict)) = detector.handle_frame(frame, now_ms) {
                return Some(verdict.outcome);
            }
        }
        None
    }

    #[test]
    fn lengths_are_those_asked_for_and_clips_are_shared() {
        let mut sounds = Sounds::default();
        let words = sounds.clip(Sound::Words { ms: 900, voice: 1 });
        assert_eq!(words.duration_ms(), 900);
        let again = sounds.clip(Sound::Words {
            ms: 900,
            voice: 1 + VOICES,
        });
        assert_eq!(words.samples().as_ptr(), again.samples().as_ptr());
        let greeting = Sound::Greeting {
            ms: 5_000,
            beep_hz: 1_000,
            voice: 3,
        };
        assert_eq!(sounds.clip(greeting).duration_ms(), 5_800);
    }

    #[test]
    fn every_voice_is_taken_for_a_human_when_short_and_for_a_machine_when_long() {
        for voice in 0..VOICES {
            for ms in [600, 700, 900, 1_200] {
                let words = Sound::Words { ms, voice };
                let outcome = detected(words, Stage::Answered);
                assert_eq!(outcome, Some(Outcome::Human), "voice {voice}, {ms} ms");
            }
            for ms in [4_000, 5_000, 6_000] {
                let greeting = Sound::Greeting {
                    ms,
                    beep_hz: 1_000,
                    voice,
                };
                let outcome = detected(greeting, Stage::Answered);
                assert_eq!(outcome, Some(Outcome::Machine), "voice {voice}, {ms} ms");
            }
        }
    }

    #[test]
    fn tones_are_taken_for_what_they_are() {
        assert_eq!(detected(Sound::Fax, Stage::Answered), Some(Outcome::Fax));
        let mut looped = Detector::new(Settings::default(), Stage::Early, 0);
        let busy: Vec<i16> = samples(Sound::Busy).repeat(4);
        let found = busy
            .chunks_exact(media::FRAME_SAMPLES)
            .zip((0..).step_by(20))
            .find_map(|(frame, now_ms)| looped.handle_frame(frame, now_ms));
        let Some(Finding::Verdict(verdict)) = found else {
            panic!("{found:?}");
        };
        assert_eq!(verdict.outcome, Outcome::Busy);
        assert_eq!(detected(Sound::Sit, Stage::Early), Some(Outcome::Sit));
    }
}
