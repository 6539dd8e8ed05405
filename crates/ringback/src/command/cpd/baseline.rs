//! The published rules of a common open detector, to compare with on the same clips.
//!
//! An own implementation of the documented behaviour: a frame whose mean level is below 256 is
//! silence; silence, words and the length of the greeting decide.

/// Mean level below which a frame is silence.
const SILENCE_LEVEL: u64 = 256;
/// Length of a frame, ms.
const FRAME_MS: u32 = 20;

/// The parameters of the rules, ms.
#[derive(Clone, Copy, Debug)]
pub(super) struct Preset {
    pub(super) name: &'static str,
    /// Silence before the greeting that makes a machine.
    initial_silence_ms: u32,
    /// A greeting that makes a machine.
    greeting_ms: u32,
    /// Silence after a greeting that makes a human.
    after_greeting_ms: u32,
    /// End of the analysis.
    total_ms: u32,
    /// Shortest word.
    word_ms: u32,
    /// Silence between two words.
    between_words_ms: u32,
    /// More words make a machine.
    words_max: u32,
    /// A word that makes a machine.
    long_word_ms: u32,
}

/// The presets that are compared.
pub(super) const PRESETS: &[Preset] = &[
    Preset {
        name: "app_amd",
        initial_silence_ms: 2_500,
        greeting_ms: 1_500,
        after_greeting_ms: 800,
        total_ms: 5_000,
        word_ms: 100,
        between_words_ms: 50,
        words_max: 2,
        long_word_ms: 5_000,
    },
    Preset {
        name: "app_amd-vicidial",
        initial_silence_ms: 2_000,
        greeting_ms: 2_000,
        after_greeting_ms: 1_000,
        total_ms: 5_000,
        word_ms: 120,
        between_words_ms: 50,
        words_max: 4,
        long_word_ms: 5_000,
    },
];

/// What the rules say of a clip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// `human`, `machine` or `none`.
    pub(super) result: &'static str,
    /// When, ms.
    pub(super) at_ms: u32,
}

/// Applies the rules to samples at 8 kHz.
pub(super) fn run(preset: &Preset, samples: &[i16]) -> Answer {
    let (mut silence_ms, mut voice_ms, mut words, mut at_ms) = (0, 0, 0, 0);
    let (mut in_word, mut greeted) = (false, false);
    for frame in samples.chunks(media::FRAME_SAMPLES) {
        at_ms += FRAME_MS;
        let answer = |result| Answer { result, at_ms };
        if at_ms >= preset.total_ms {
            return answer("none");
        }
        let sum: u64 = frame.iter().map(|s| u64::from(s.unsigned_abs())).sum();
        if sum < SILENCE_LEVEL * frame.len() as u64 {
            silence_ms += FRAME_MS;
            if silence_ms >= preset.between_words_ms {
                (in_word, voice_ms) = (false, 0);
            }
            if greeted && silence_ms >= preset.after_greeting_ms {
                return answer("human");
            }
            if !greeted && silence_ms >= preset.initial_silence_ms {
                return answer("machine");
            }
        } else {
            silence_ms = 0;
            voice_ms += FRAME_MS;
            if voice_ms >= preset.word_ms && !in_word {
                (in_word, greeted) = (true, true);
                words += 1;
            }
            let long = voice_ms >= preset.greeting_ms && greeted;
            if words > preset.words_max || long || voice_ms >= preset.long_word_ms {
                return answer("machine");
            }
        }
    }
    Answer {
        result: "none",
        at_ms,
    }
}

#[cfg(test)]
mod tests {
    use media::tone;

    use super::*;

    fn check(parts: &[Vec<i16>], result: &str, at_ms: u32) {
        let mut samples: Vec<i16> = parts.concat();
        samples.extend(tone::silence(6_000));
        for (preset, samples) in PRESETS.iter().take(1).zip(std::iter::once(&samples)) {
            let answer = run(preset, samples);
            assert_eq!((answer.result, answer.at_ms), (result, at_ms));
        }
    }

    #[test]
    fn the_rules_are_those_that_are_published() {
        let word = |ms| tone::tone(&[300.0], ms, -15.0);
        check(&[], "machine", 2_500);
        check(&[tone::silence(500), word(400)], "human", 1_700);
        check(&[word(2_000)], "machine", 1_500);
        let pause = || tone::silence(100);
        check(
            &[word(200), pause(), word(200), pause(), word(200)],
            "machine",
            700,
        );
    }
}
