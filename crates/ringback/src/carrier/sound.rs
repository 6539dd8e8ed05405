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
    use super::*;

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
}
