//! G.711 and G.722: 20 ms frames of 160 samples at 8 kHz to 160 bytes and back.
//!
//! All three carry 64 kbit/s, so 8 bytes are one millisecond. Of G.722 only the lower band is
//! coded here: everything the server says and hears itself is narrowband. Between two G.722 legs
//! packets go through as they are.

use audio_codec::g722::{Bitrate, G722Decoder, G722Encoder};
use audio_codec::pcma::{PcmaDecoder, PcmaEncoder};
use audio_codec::pcmu::{PcmuDecoder, PcmuEncoder};
use audio_codec::{Decoder as _, Encoder as _};

/// An audio codec with a static payload type (RFC 3551).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    /// G.711 µ-law, payload type 0.
    Pcmu,
    /// G.711 A-law, payload type 8.
    Pcma,
    /// G.722 at 64 kbit/s, payload type 9; its RTP clock runs at 8 kHz (RFC 3551 §4.5.2).
    G722,
}

/// Bytes of one millisecond in each of the codecs.
pub const BYTES_PER_MS: usize = 8;

/// Encodes one stream; keeps what the codec remembers from frame to frame.
#[expect(
    missing_debug_implementations,
    reason = "the state of the codec cannot be shown"
)]
pub enum Encoder {
    /// G.711 remembers nothing.
    G711(Codec),
    /// G.722, which wants 16 kHz.
    G722(Box<Wideband>),
}

impl Encoder {
    /// Encodes samples; `out` is replaced.
    pub fn encode(&mut self, samples: &[i16], out: &mut Vec<u8>) {
        match self {
            Self::G711(codec) => codec.encode(samples, out),
            Self::G722(wideband) => wideband.encode(samples, out),
        }
    }
}

/// A G.722 encoder that is fed at 8 kHz. (The narrowband mode of the crate's own encoder gives
/// wrong codes in 0.4.13.)
#[expect(
    missing_debug_implementations,
    reason = "the state of the codec cannot be shown"
)]
pub struct Wideband {
    encoder: G722Encoder,
    /// The last samples of the frame before, oldest first.
    before: [i16; 7],
    doubled: Vec<i16>,
}

/// Half-way values by four samples on either side: a sinc in a cosine window, nearest first.
const HALF_WAY: [f32; 4] = [0.6172, -0.1591, 0.0526, -0.0106];

impl Wideband {
    fn new() -> Self {
        Self {
            encoder: G722Encoder::with_options(Bitrate::Mode1_64000, false, false),
            before: [0; 7],
            doubled: Vec::new(),
        }
    }

    fn encode(&mut self, samples: &[i16], out: &mut Vec<u8>) {
        let line: Vec<i16> = self.before.iter().chain(samples).copied().collect();
        self.doubled.clear();
        for window in line.windows(8) {
            let &[a, b, c, d, e, f, g, h] = window else {
                continue;
            };
            let pairs = [(d, e), (c, f), (b, g), (a, h)];
            let half_way: f32 = pairs
                .iter()
                .zip(HALF_WAY)
                .map(|((left, right), weight)| (f32::from(*left) + f32::from(*right)) * weight)
                .sum();
            self.doubled.push(d);
            self.doubled.push(crate::pcm::to_i16(half_way));
        }
        let tail = line.len().saturating_sub(7);
        for (kept, sample) in self.before.iter_mut().zip(line.iter().skip(tail)) {
            *kept = *sample;
        }
        out.clear();
        out.resize(samples.len() + 1, 0);
        let written = self.encoder.encode_into(&self.doubled, out);
        debug_assert!(written.is_ok(), "one byte per two samples of 16 kHz");
        out.truncate(samples.len());
    }
}

/// Decodes one stream; keeps what the codec remembers from frame to frame.
#[expect(
    missing_debug_implementations,
    reason = "the state of the codec cannot be shown"
)]
pub enum Decoder {
    /// G.711 remembers nothing.
    G711(Codec),
    /// G.722.
    G722(Box<G722Decoder>),
}

impl Decoder {
    /// Decodes bytes; `out` is replaced.
    pub fn decode(&mut self, bytes: &[u8], out: &mut Vec<i16>) {
        match self {
            Self::G711(codec) => codec.decode(bytes, out),
            Self::G722(decoder) => {
                out.clear();
                out.resize(bytes.len(), 0);
                let written = decoder.decode_into(bytes, out);
                debug_assert!(written.is_ok(), "the buffer has one sample per byte");
            }
        }
    }
}

impl Codec {
    /// The RTP payload type.
    #[must_use]
    pub const fn payload_type(self) -> u8 {
        match self {
            Self::Pcmu => 0,
            Self::Pcma => 8,
            Self::G722 => 9,
        }
    }

    /// The codec of an RTP payload type.
    #[must_use]
    pub const fn from_payload_type(payload_type: u8) -> Option<Self> {
        match payload_type {
            0 => Some(Self::Pcmu),
            8 => Some(Self::Pcma),
            9 => Some(Self::G722),
            _ => None,
        }
    }

    /// The encoding name of SDP.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
            Self::G722 => "G722",
        }
    }

    /// An encoder for a new stream.
    #[must_use]
    pub fn encoder(self) -> Encoder {
        match self {
            Self::Pcmu | Self::Pcma => Encoder::G711(self),
            Self::G722 => Encoder::G722(Box::new(Wideband::new())),
        }
    }

    /// A decoder for a new stream.
    #[must_use]
    pub fn decoder(self) -> Decoder {
        match self {
            Self::Pcmu | Self::Pcma => Decoder::G711(self),
            Self::G722 => Decoder::G722(Box::new(G722Decoder::with_options(
                Bitrate::Mode1_64000,
                false,
                true,
            ))),
        }
    }

    /// Encodes samples, one byte each; `out` is replaced. For what is whole in itself; a stream
    /// needs an [`Encoder`].
    pub fn encode(self, samples: &[i16], out: &mut Vec<u8>) {
        out.clear();
        out.resize(samples.len(), 0);
        let written = match self {
            Self::G722 => return self.encoder().encode(samples, out),
            Self::Pcmu => PcmuEncoder::new().encode_into(samples, out),
            Self::Pcma => PcmaEncoder::new().encode_into(samples, out),
        };
        debug_assert!(written.is_ok(), "the buffer has one byte per sample");
    }

    /// Decodes bytes, one sample each; `out` is replaced. For what is whole in itself; a stream
    /// needs a [`Decoder`].
    pub fn decode(self, bytes: &[u8], out: &mut Vec<i16>) {
        out.clear();
        out.resize(bytes.len(), 0);
        let written = match self {
            Self::G722 => return self.decoder().decode(bytes, out),
            Self::Pcmu => PcmuDecoder::new().decode_into(bytes, out),
            Self::Pcma => PcmaDecoder::new().decode_into(bytes, out),
        };
        debug_assert!(written.is_ok(), "the buffer has one sample per byte");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_round_trip(codec: Codec) {
        let samples: Vec<i16> = (0..160).map(|n| n * 200 - 16_000).collect();
        let (mut bytes, mut back) = (Vec::new(), Vec::new());
        codec.encode(&samples, &mut bytes);
        codec.decode(&bytes, &mut back);
        assert_eq!(bytes.len(), 160);
        for (sample, decoded) in samples.iter().zip(&back) {
            let error = (i32::from(*sample) - i32::from(*decoded)).abs();
            assert!(
                error <= 16 + i32::from(*sample).abs() / 16,
                "{sample} became {decoded}"
            );
        }
    }

    #[test]
    fn both_laws_keep_samples_within_their_step() {
        check_round_trip(Codec::Pcmu);
        check_round_trip(Codec::Pcma);
    }

    #[test]
    fn silence_is_coded_as_silence() {
        for codec in [Codec::Pcmu, Codec::Pcma, Codec::G722] {
            let (mut encoder, mut decoder) = (codec.encoder(), codec.decoder());
            let (mut bytes, mut out) = (Vec::new(), Vec::new());
            for _ in 0..5 {
                encoder.encode(&[0; 160], &mut bytes);
                decoder.decode(&bytes, &mut out);
                assert_eq!((bytes.len(), out.len()), (160, 160));
            }
            assert!(out.iter().all(|s| s.abs() <= 16), "{codec:?}");
        }
    }

    fn rms(samples: &[i16]) -> f32 {
        let sum: f32 = samples.iter().map(|s| f32::from(*s).powi(2)).sum();
        (sum / samples.len() as f32).sqrt()
    }

    #[test]
    fn g722_keeps_tones_and_is_heard_by_wideband_decoders() {
        let mut wide = G722Decoder::with_options(Bitrate::Mode1_64000, false, false);
        let (mut encoder, mut decoder) = (Codec::G722.encoder(), Codec::G722.decoder());
        let samples = crate::tone::tone(&[1_000.0], 400, -10.0);
        let (mut bytes, mut narrow, mut broad) = (Vec::new(), Vec::new(), Vec::new());
        for frame in samples.chunks(160) {
            encoder.encode(frame, &mut bytes);
            let mut out = Vec::new();
            decoder.decode(&bytes, &mut out);
            narrow.extend(out);
            broad.extend(wide.decode_frame(&bytes));
        }
        let sent = rms(&samples[1_600..]);
        for heard in [rms(&narrow[1_600..]), rms(&broad[3_200..])] {
            assert!((heard / sent - 1.0).abs() < 0.1, "{sent} became {heard}");
        }
    }

    #[test]
    fn a_wideband_encoders_voice_is_heard() {
        let mut wide = G722Encoder::with_options(Bitrate::Mode1_64000, false, false);
        let mut decoder = Codec::G722.decoder();
        // 1 kHz at 16 kHz: every sample of the 8 kHz sine of 2 kHz.
        let samples = crate::tone::tone(&[500.0], 400, -10.0);
        let mut heard = Vec::new();
        for frame in samples.chunks_exact(320) {
            let mut bytes = vec![0; 161];
            let length = wide.encode_into(frame, &mut bytes).unwrap();
            let mut out = Vec::new();
            decoder.decode(&bytes[..length], &mut out);
            heard.extend(out);
        }
        let (sent, got) = (rms(&samples), rms(&heard[800..]));
        assert!((got / sent - 1.0).abs() < 0.1, "{sent} became {got}");
    }

    #[test]
    fn payload_types_are_the_static_ones() {
        assert_eq!(Codec::from_payload_type(0), Some(Codec::Pcmu));
        assert_eq!(Codec::from_payload_type(8), Some(Codec::Pcma));
        assert_eq!(Codec::from_payload_type(9), Some(Codec::G722));
        assert_eq!(Codec::from_payload_type(101), None);
        assert_eq!(Codec::Pcma.payload_type(), 8);
        assert_eq!(Codec::Pcmu.name(), "PCMU");
    }
}
