//! Tones as files for the peers, and finding them again in what the peers recorded.

use std::f64::consts::TAU;
use std::path::Path;

/// Samples a second of everything here.
pub const RATE_HZ: u32 = 8000;

/// A sine tone.
#[must_use]
pub fn tone(hz: f64, ms: u32, peak: i16) -> Vec<i16> {
    let count = ms * (RATE_HZ / 1000);
    (0..count)
        .map(|n| round(f64::from(peak) * (TAU * hz * f64::from(n) / f64::from(RATE_HZ)).sin()))
        .collect()
}

/// Silence.
#[must_use]
pub fn silence(ms: u32) -> Vec<i16> {
    tone(0.0, ms, 0)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "clamped to the range of i16 before"
)]
fn round(value: f64) -> i16 {
    value
        .round()
        .clamp(f64::from(i16::MIN), f64::from(i16::MAX)) as i16
}

/// A WAV file: PCM, 16 bit, mono, 8 kHz.
#[must_use]
pub fn wav(samples: &[i16]) -> Vec<u8> {
    let data = u32::try_from(samples.len() * 2).expect("test files are short");
    let mut out = Vec::with_capacity(44 + samples.len() * 2);
    out.extend(b"RIFF");
    out.extend((36 + data).to_le_bytes());
    out.extend(b"WAVEfmt ");
    out.extend(16u32.to_le_bytes());
    for word in [1u16, 1] {
        out.extend(word.to_le_bytes());
    }
    for long in [RATE_HZ, RATE_HZ * 2] {
        out.extend(long.to_le_bytes());
    }
    for word in [2u16, 16] {
        out.extend(word.to_le_bytes());
    }
    out.extend(b"data");
    out.extend(data.to_le_bytes());
    out.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    out
}

/// Writes such a file.
pub fn write_wav(path: &Path, samples: &[i16]) {
    write(path, &wav(samples));
}

/// Writes a raw G.711 µ-law file.
pub fn write_ulaw(path: &Path, samples: &[i16]) {
    let bytes: Vec<u8> = samples.iter().copied().map(ulaw).collect();
    write(path, &bytes);
}

fn write(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

/// G.711 µ-law: sign, exponent and mantissa of the biased magnitude, inverted.
fn ulaw(sample: i16) -> u8 {
    let sign = if sample < 0 { 0x80 } else { 0 };
    let biased = u32::from(sample.unsigned_abs().min(32_635)) + 132;
    // The bias of 132 keeps bit 7 or a higher one set, so the exponent is 0–7.
    let exponent = (24 - biased.leading_zeros()).min(7);
    let mantissa = (biased >> (exponent + 3)) & 0x0f;
    let magnitude = u8::try_from((exponent << 4) | mantissa).expect("seven bits");
    !(sign | magnitude)
}

/// Amplitude of a µ-law byte.
pub(crate) fn ulaw_peak(byte: u8) -> u32 {
    let (exponent, mantissa) = ((!byte >> 4) & 7, u32::from(!byte & 0x0f));
    ((mantissa * 8 + 132) << exponent) - 132
}

/// Samples of a 16-bit mono WAV file, also of one whose writer has not finished it.
#[must_use]
pub fn read_wav(path: &Path) -> Vec<i16> {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let start = bytes
        .windows(4)
        .position(|word| word == b"data")
        .map_or(bytes.len(), |at| at + 8);
    bytes
        .get(start..)
        .unwrap_or_default()
        .chunks_exact(2)
        .filter_map(|pair| Some(i16::from_le_bytes(pair.try_into().ok()?)))
        .collect()
}

/// How many milliseconds of a recording are this tone and hardly anything else.
#[must_use]
pub fn tone_ms(samples: &[i16], hz: f64) -> u32 {
    const WINDOW: usize = 400;
    let found = samples
        .chunks_exact(WINDOW)
        .filter(|window| is_tone(window, hz))
        .count();
    u32::try_from(found).expect("recordings are short") * 50
}

/// One window of 50 ms: louder than −50 dBFS and more than 70 % of its energy at `hz` (Goertzel).
fn is_tone(window: &[i16], hz: f64) -> bool {
    let coefficient = 2.0 * (TAU * hz / f64::from(RATE_HZ)).cos();
    let (mut one, mut two, mut energy) = (0.0, 0.0, 0.0);
    for &sample in window {
        let x = f64::from(sample);
        let next = x + coefficient * one - two;
        two = one;
        one = next;
        energy += x * x;
    }
    let count = f64::from(u32::try_from(window.len()).expect("a short window"));
    let power = one * one + two * two - coefficient * one * two;
    // A pure tone of amplitude A: energy = n·A²/2, power = n²·A²/4.
    energy / count > 100.0 * 100.0 / 2.0 && power / (energy * count / 2.0) > 0.7
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_is_found_and_not_mistaken() {
        let mut samples = tone(440.0, 1000, 8000);
        samples.extend(tone(1000.0, 500, 8000));
        samples.extend(silence(500));
        assert_eq!(tone_ms(&samples, 440.0), 1000);
        assert_eq!(tone_ms(&samples, 1000.0), 500);
        assert_eq!(tone_ms(&samples, 600.0), 0);
    }

    #[test]
    fn ulaw_has_its_known_codes() {
        assert_eq!(ulaw(0), 0xff);
        assert_eq!(ulaw(32_767), 0x80);
        assert_eq!(ulaw(-32_768), 0x00);
        for (sample, peak) in [(0, 0), (1_000, 988), (-2_000, 1_980), (i16::MAX, 32_124)] {
            assert_eq!(ulaw_peak(ulaw(sample)), peak, "{sample}");
        }
    }

    #[test]
    fn a_wav_file_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wav");
        let samples = tone(600.0, 20, 1000);
        write_wav(&path, &samples);
        assert_eq!(read_wav(&path), samples);
    }
}
