//! The WAV reader: PCM, A-law, µ-law, any rate, channels mixed.
//!
//! The container is read here and not by a library: `symphonia` overflows on some damaged format
//! chunks and refuses G.711 with the 16-byte chunk that many telephony tools write.

use super::{CLIP_SECONDS_MAX, LoadError, resample};
use crate::codec::Codec;
use crate::pcm;

/// Rates that are read, samples per second.
const RATES_HZ: std::ops::RangeInclusive<u32> = 4_000..=192_000;
/// Most channels that are mixed.
const CHANNELS_MAX: u16 = 8;
/// Format tag of `WAVE_FORMAT_EXTENSIBLE`: the real tag begins the GUID at byte 24.
const FORMAT_EXTENSIBLE: u16 = 0xFFFE;

/// How one sample is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Pcm16,
    G711(Codec),
}

/// The format chunk.
#[derive(Clone, Copy, Debug)]
struct Format {
    coding: Coding,
    channels: usize,
    rate_hz: u32,
}

/// Decodes a WAV file to samples at 8 kHz.
pub(super) fn decode(bytes: &[u8]) -> Result<Vec<i16>, LoadError> {
    let chunks = bytes
        .strip_prefix(b"RIFF")
        .and_then(|rest| rest.get(4..)?.strip_prefix(b"WAVE"))
        .ok_or(LoadError::Unsupported)?;
    let mut format = None;
    for (name, body) in Chunks(chunks) {
        match (&name, format) {
            (b"fmt ", _) => format = Some(parse_format(body)?),
            (b"data", Some(format)) => return decode_data(body, format),
            _ => {}
        }
    }
    Err(LoadError::Damaged)
}

fn decode_data(body: &[u8], format: Format) -> Result<Vec<i16>, LoadError> {
    let samples = match format.coding {
        Coding::Pcm16 => body
            .as_chunks::<2>()
            .0
            .iter()
            .map(|pair| i16::from_le_bytes(*pair))
            .collect(),
        Coding::G711(codec) => {
            let mut samples = Vec::new();
            codec.decode(body, &mut samples);
            samples
        }
    };
    let frames = (samples.len() / format.channels) as u64;
    if frames == 0 {
        return Err(LoadError::Damaged);
    }
    if frames > u64::from(format.rate_hz) * u64::from(CLIP_SECONDS_MAX) {
        return Err(LoadError::TooLong);
    }
    let mono: Vec<f32> = samples
        .chunks_exact(format.channels)
        .map(|c| c.iter().map(|s| f32::from(*s)).sum::<f32>() / format.channels as f32)
        .collect();
    Ok(resample::to_8_khz(&mono, format.rate_hz)
        .into_iter()
        .map(pcm::to_i16)
        .collect())
}

fn parse_format(body: &[u8]) -> Result<Format, LoadError> {
    let field = |at: usize| u16_at(body, at).ok_or(LoadError::Damaged);
    let mut tag = field(0)?;
    if tag == FORMAT_EXTENSIBLE {
        tag = field(24)?;
    }
    let (channels, bits) = (field(2)?, field(14)?);
    let rate_hz = u32::from(field(4)?) | u32::from(field(6)?) << 16;
    let coding = match (tag, bits) {
        (1, 16) => Coding::Pcm16,
        (6, 8) => Coding::G711(Codec::Pcma),
        (7, 8) => Coding::G711(Codec::Pcmu),
        _ => return Err(LoadError::Unsupported),
    };
    if !RATES_HZ.contains(&rate_hz) || !(1..=CHANNELS_MAX).contains(&channels) {
        return Err(LoadError::Unsupported);
    }
    Ok(Format {
        coding,
        channels: usize::from(channels),
        rate_hz,
    })
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes
        .get(at..)?
        .first_chunk()
        .map(|pair| u16::from_le_bytes(*pair))
}

/// The chunks after the RIFF header; one that breaks off is given as far as it goes.
struct Chunks<'a>(&'a [u8]);

impl<'a> Iterator for Chunks<'a> {
    type Item = ([u8; 4], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, rest) = self.0.split_first_chunk::<4>()?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
        let (body, after) = rest.split_at_checked(length).unwrap_or((rest, &[]));
        // Chunks are padded to an even length.
        self.0 = if length % 2 == 1 {
            after.get(1..).unwrap_or(&[])
        } else {
            after
        };
        Some((*name, body))
    }
}
