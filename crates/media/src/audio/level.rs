//! Brings a prompt to an even level.

use crate::FRAME_SAMPLES;
use crate::pcm;

/// Wished level of the active parts, dBFS.
const TARGET_DBFS: f32 = -18.0;
/// Greatest gain, dB.
const GAIN_DB_MAX: f32 = 12.0;
/// Greatest sample after a gain, on the 16-bit scale (−0.3 dBFS).
const PEAK_MAX: f32 = 31_650.0;
/// A frame is active when it is at most this far under the loudest one, dB.
const ACTIVE_BELOW_LOUDEST_DB: f32 = 25.0;

/// Scales samples so that the active parts have about −18 dBFS RMS.
pub(super) fn normalise(samples: &mut [i16]) {
    let gain = gain(samples);
    for sample in samples {
        *sample = pcm::to_i16(f32::from(*sample) * gain);
    }
}

fn gain(samples: &[i16]) -> f32 {
    let frames: Vec<f32> = samples.chunks(FRAME_SAMPLES).map(pcm::rms).collect();
    let loudest = frames.iter().copied().fold(0.0, f32::max);
    let threshold = loudest * db_to_factor(-ACTIVE_BELOW_LOUDEST_DB);
    let active: Vec<f32> = frames
        .into_iter()
        .filter(|r| *r > 1.0 && *r >= threshold)
        .collect();
    let peak = samples
        .iter()
        .map(|s| f32::from(*s).abs())
        .fold(0.0, f32::max);
    if active.is_empty() || peak < 1.0 {
        return 1.0;
    }
    let power: f32 = active.iter().map(|r| r * r).sum::<f32>() / active.len() as f32;
    let wished = db_to_factor(TARGET_DBFS) * pcm::FULL_SCALE / power.sqrt();
    wished.min(db_to_factor(GAIN_DB_MAX)).min(PEAK_MAX / peak)
}

fn db_to_factor(db: f32) -> f32 {
    10f32.powf(db / 20.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_do_not_count_and_silence_stays() {
        let mut speech = vec![0i16; 8_000];
        speech.extend([2_000i16, -2_000].repeat(4_000));
        normalise(&mut speech);
        let level = pcm::dbfs(pcm::rms(&speech[8_000..]));
        assert!((level + 18.0).abs() < 0.2, "{level}");
        let mut silence = vec![0i16; 800];
        normalise(&mut silence);
        assert!(silence.iter().all(|s| *s == 0));
    }

    #[test]
    fn gain_is_at_most_12_db_and_never_clips() {
        assert!((gain(&[10, -10].repeat(800)) - 3.98).abs() < 0.02);
        let mut spiky = [200i16, -200].repeat(8_000);
        spiky[100] = 30_000;
        normalise(&mut spiky);
        assert!(
            spiky[100] >= 30_000 && spiky[100] < 32_000,
            "{}",
            spiky[100]
        );
    }
}
