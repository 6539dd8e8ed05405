//! Audio files: loading prompts once, so that the call path only copies samples.

mod level;
mod resample;
mod wav;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use crate::SAMPLE_RATE_HZ;
use crate::codec::Codec;

/// Largest file that is read, bytes (10 MiB).
pub const FILE_BYTES_MAX: usize = 10 * 1024 * 1024;
/// Longest prompt, seconds (10 minutes).
pub const CLIP_SECONDS_MAX: u32 = 600;

/// Decoded prompt: 8 kHz mono 16-bit PCM, shared; cheap to clone. Debug prints only the length.
#[derive(Clone, PartialEq, Eq)]
pub struct Clip(Arc<[i16]>);

impl Clip {
    /// Makes a clip from samples at 8 kHz, as they are.
    #[must_use]
    pub fn from_samples(samples: Vec<i16>) -> Self {
        Self(samples.into())
    }

    /// The samples.
    #[must_use]
    pub fn samples(&self) -> &[i16] {
        &self.0
    }

    /// A WAV file: PCM of 16 bit, 8 kHz, mono.
    #[must_use]
    pub fn to_wav(&self) -> Vec<u8> {
        // A clip of ten minutes has 9.6 MB, so the sizes fit.
        let bytes = u32::try_from(self.0.len() * 2).unwrap_or(u32::MAX);
        let mut file = Vec::with_capacity(44 + self.0.len() * 2);
        file.extend_from_slice(b"RIFF");
        file.extend_from_slice(&bytes.saturating_add(36).to_le_bytes());
        file.extend_from_slice(b"WAVEfmt ");
        file.extend_from_slice(&16_u32.to_le_bytes());
        // PCM, one channel.
        file.extend_from_slice(&1_u16.to_le_bytes());
        file.extend_from_slice(&1_u16.to_le_bytes());
        file.extend_from_slice(&SAMPLE_RATE_HZ.to_le_bytes());
        file.extend_from_slice(&(SAMPLE_RATE_HZ * 2).to_le_bytes());
        file.extend_from_slice(&2_u16.to_le_bytes());
        file.extend_from_slice(&16_u16.to_le_bytes());
        file.extend_from_slice(b"data");
        file.extend_from_slice(&bytes.to_le_bytes());
        file.extend(self.0.iter().flat_map(|sample| sample.to_le_bytes()));
        file
    }

    /// Length, ms.
    #[must_use]
    pub fn duration_ms(&self) -> u64 {
        self.0.len() as u64 * 1_000 / u64::from(SAMPLE_RATE_HZ)
    }
}

impl fmt::Debug for Clip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clip({} ms)", self.duration_ms())
    }
}

/// Why a file cannot be played.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// More than [`FILE_BYTES_MAX`].
    #[error("the file has more than 10 MiB")]
    TooLarge,
    /// More than [`CLIP_SECONDS_MAX`].
    #[error("the audio is longer than 10 minutes")]
    TooLong,
    /// Neither WAV (PCM, A-law, µ-law) nor raw `.ulaw`/`.alaw`.
    #[error("the file is neither WAV with PCM, A-law or µ-law nor raw .ulaw or .alaw")]
    Unsupported,
    /// A WAV file that ends or breaks before its first sample.
    #[error("the WAV file cannot be read")]
    Damaged,
}

/// Decodes an audio file to a clip at an even level.
///
/// Reads WAV (PCM 16 bit, A-law, µ-law; any rate from 4 to 192 kHz, channels are mixed) and raw
/// `.ulaw`, `.alaw` at 8 kHz, told apart by the extension of `file_name`. The active parts are
/// brought to about −18 dBFS, never clipping and never raised by more than 12 dB.
///
/// # Errors
/// [`LoadError`] when the file is too large, too long, damaged or of another format.
pub fn load(bytes: &[u8], file_name: &str) -> Result<Clip, LoadError> {
    if bytes.len() > FILE_BYTES_MAX {
        return Err(LoadError::TooLarge);
    }
    let mut samples = match raw_codec(file_name) {
        Some(codec) => raw(bytes, codec)?,
        None => wav::decode(bytes)?,
    };
    level::normalise(&mut samples);
    Ok(Clip::from_samples(samples))
}

/// The shipped prompt of a template file name, or `None` when there is none of that name.
///
/// `next_customer_rep.wav` (waiting music, loops without a click), `all_agents_busy.wav` and
/// `call_fail_ans_machine.wav`.
#[must_use]
pub fn shipped(name: &str) -> Option<Clip> {
    let bytes: &[u8] = match name {
        "next_customer_rep.wav" => include_bytes!("../prompts/next_customer_rep.wav"),
        "all_agents_busy.wav" => include_bytes!("../prompts/all_agents_busy.wav"),
        "call_fail_ans_machine.wav" => include_bytes!("../prompts/call_fail_ans_machine.wav"),
        _ => return None,
    };
    load(bytes, name).ok()
}

/// Names of the shipped prompts.
pub const SHIPPED: [&str; 3] = [
    "next_customer_rep.wav",
    "all_agents_busy.wav",
    "call_fail_ans_machine.wav",
];

fn raw(bytes: &[u8], codec: Codec) -> Result<Vec<i16>, LoadError> {
    if bytes.len() as u64 > u64::from(CLIP_SECONDS_MAX * SAMPLE_RATE_HZ) {
        return Err(LoadError::TooLong);
    }
    let mut samples = Vec::new();
    codec.decode(bytes, &mut samples);
    Ok(samples)
}

fn raw_codec(file_name: &str) -> Option<Codec> {
    let extension = Path::new(file_name)
        .extension()?
        .to_str()?
        .to_ascii_lowercase();
    match extension.as_str() {
        "ulaw" | "ul" | "pcmu" => Some(Codec::Pcmu),
        "alaw" | "al" | "pcma" => Some(Codec::Pcma),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pcm;

    #[test]
    fn a_clip_written_as_wav_is_read_back() {
        let clip = shipped("all_agents_busy.wav").unwrap();
        let again = load(&clip.to_wav(), "x.wav").unwrap();
        assert_eq!(again.duration_ms(), clip.duration_ms());
    }

    /// A WAV file with one format chunk and one data chunk.
    fn wav(format: u16, channels: u16, rate: u32, bits: u16, data: &[u8]) -> Vec<u8> {
        let block = channels * bits / 8;
        let data_len = u32::try_from(data.len()).unwrap();
        let mut out = Vec::new();
        out.extend(b"RIFF");
        out.extend((36 + data_len).to_le_bytes());
        out.extend(b"WAVEfmt ");
        out.extend(16u32.to_le_bytes());
        out.extend(format.to_le_bytes());
        out.extend(channels.to_le_bytes());
        out.extend(rate.to_le_bytes());
        out.extend((rate * u32::from(block)).to_le_bytes());
        out.extend(block.to_le_bytes());
        out.extend(bits.to_le_bytes());
        out.extend(b"data");
        out.extend(data_len.to_le_bytes());
        out.extend(data);
        out
    }

    fn sine(rate: u32, seconds: u32, amplitude: f32) -> Vec<i16> {
        (0..rate * seconds)
            .map(|n| {
                let phase = n as f32 * 440.0 * std::f32::consts::TAU / rate as f32;
                pcm::to_i16(phase.sin() * amplitude)
            })
            .collect()
    }

    fn bytes(samples: &[i16]) -> Vec<u8> {
        samples.iter().flat_map(|s| s.to_le_bytes()).collect()
    }

    fn check_sine(clip: &Clip, seconds: u64) {
        assert!(
            clip.duration_ms().abs_diff(seconds * 1_000) <= 20,
            "{clip:?}"
        );
        let level = pcm::dbfs(pcm::rms(clip.samples()));
        assert!((level + 18.0).abs() < 1.0, "level {level}");
        let middle = &clip.samples()[4_000..12_000];
        let crossings = middle.windows(2).filter(|w| w[0] < 0 && w[1] >= 0).count();
        assert!(
            (438..=442).contains(&crossings),
            "{crossings} periods per second"
        );
    }

    #[test]
    fn pcm_of_any_rate_becomes_8_khz_at_the_target_level() {
        for rate in [8_000, 11_025, 16_000, 44_100, 48_000] {
            let file = wav(1, 1, rate, 16, &bytes(&sine(rate, 2, 4_000.0)));
            check_sine(&load(&file, "a.wav").unwrap(), 2);
        }
    }

    #[test]
    fn stereo_is_mixed() {
        let mono = sine(16_000, 2, 8_000.0);
        let stereo: Vec<i16> = mono.iter().flat_map(|s| [*s, *s / 2]).collect();
        check_sine(
            &load(&wav(1, 2, 16_000, 16, &bytes(&stereo)), "a.wav").unwrap(),
            2,
        );
    }

    #[test]
    fn g711_in_wav_and_raw_is_read() {
        for (codec, format, name) in [
            (Codec::Pcmu, 7, "hello.ulaw"),
            (Codec::Pcma, 6, "dir/hello.ALAW"),
        ] {
            let mut coded = Vec::new();
            codec.encode(&sine(8_000, 2, 4_000.0), &mut coded);
            check_sine(
                &load(&wav(format, 1, 8_000, 8, &coded), "a.wav").unwrap(),
                2,
            );
            check_sine(&load(&coded, name).unwrap(), 2);
        }
    }

    #[test]
    fn foreign_bytes_are_refused() {
        assert_eq!(load(b"", "a.wav").unwrap_err(), LoadError::Unsupported);
        assert_eq!(
            load(b"ID3 something else", "a.mp3").unwrap_err(),
            LoadError::Unsupported
        );
        assert_eq!(
            load(&vec![0; FILE_BYTES_MAX + 1], "a.ulaw").unwrap_err(),
            LoadError::TooLarge
        );
        let long = vec![0xFF; (CLIP_SECONDS_MAX * SAMPLE_RATE_HZ) as usize + 1];
        assert_eq!(load(&long, "a.ulaw").unwrap_err(), LoadError::TooLong);
        assert_eq!(
            load(&wav(7, 1, 8_000, 8, &long), "a.wav").unwrap_err(),
            LoadError::TooLong
        );
        let slow = wav(1, 1, 2, 16, &[0; 4_000]);
        assert_eq!(load(&slow, "a.wav").unwrap_err(), LoadError::Unsupported);
    }

    #[test]
    fn every_truncation_and_byte_change_is_survived() {
        let whole = wav(1, 2, 16_000, 16, &bytes(&sine(8_000, 1, 4_000.0)));
        for end in 0..60 {
            drop(load(&whole[..end], "a.wav"));
        }
        for at in 0..44 {
            for value in [0, 1, 0x7F, 0x80, 0xFF] {
                let mut changed = whole.clone();
                changed[at] = value;
                drop(load(&changed, "a.wav"));
            }
        }
    }

    #[test]
    fn shipped_prompts_are_read_and_the_music_loops_without_a_click() {
        let music = shipped("next_customer_rep.wav").unwrap();
        assert!(
            (12_000..=16_000).contains(&music.duration_ms()),
            "{music:?}"
        );
        let ends = [music.samples().first(), music.samples().last()];
        assert!(
            ends.iter().all(|s| s.is_some_and(|s| s.abs() < 300)),
            "{ends:?}"
        );
        for name in ["all_agents_busy.wav", "call_fail_ans_machine.wav"] {
            let clip = shipped(name).unwrap();
            assert!(
                (3_000..=15_000).contains(&clip.duration_ms()),
                "{name}: {clip:?}"
            );
            assert!(pcm::rms(clip.samples()) > 1_000.0, "{name} is too quiet");
        }
        assert!(shipped("other.wav").is_none());
    }

    #[test]
    fn debug_prints_the_length_only() {
        assert_eq!(
            format!("{:?}", Clip::from_samples(vec![1; 80])),
            "Clip(10 ms)"
        );
    }
}
