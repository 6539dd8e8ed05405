//! Treatment files for the demo and the benches: made on the spot, as 16-bit WAV at 8 kHz.

use std::path::Path;

use media::audio::Clip;
use media::tone::{self, Segment};

/// Greeting for a human, 2 s.
pub(crate) const GREETING: &str = "greeting.wav";
/// Waiting music, 4 s, looped.
pub(crate) const MUSIC: &str = "music.wav";
/// Message for an answering machine, 2.5 s.
pub(crate) const MESSAGE: &str = "message.wav";
/// Said when no agent was found, 2 s.
pub(crate) const SORRY: &str = "sorry.wav";

/// Level of all files, dBm0.
const LEVEL_DBM0: f32 = -18.0;

/// Writes all treatment files into a folder.
///
/// # Errors
/// A file cannot be written.
pub(crate) fn write(dir: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(dir)?;
    let files = [
        (GREETING, tone::voice(2_000, LEVEL_DBM0, 41)),
        (MUSIC, music()),
        (MESSAGE, tone::voice(2_500, LEVEL_DBM0, 42)),
        (SORRY, tone::voice(2_000, LEVEL_DBM0, 43)),
    ];
    for (name, samples) in files {
        std::fs::write(dir.join(name), wav(samples))?;
    }
    Ok(())
}

/// Broken chords of C major, A minor, F major and G major, a second each.
fn music() -> Vec<i16> {
    const NOTES: [[f32; 1]; 16] = [
        [261.6],
        [329.6],
        [392.0],
        [523.3],
        [220.0],
        [261.6],
        [329.6],
        [440.0],
        [174.6],
        [220.0],
        [261.6],
        [349.2],
        [196.0],
        [246.9],
        [293.7],
        [392.0],
    ];
    let cycle: Vec<Segment<'_>> = NOTES.iter().map(|hz| Segment { hz, ms: 250 }).collect();
    tone::cadence(&cycle, 4_000, LEVEL_DBM0)
}

/// A WAV file.
pub(crate) fn wav(samples: Vec<i16>) -> Vec<u8> {
    Clip::from_samples(samples).to_wav()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_can_be_loaded_as_prompts() {
        let clip = media::audio::load(&wav(music()), MUSIC).unwrap();
        assert_eq!(clip.duration_ms(), 4_000);
    }
}
