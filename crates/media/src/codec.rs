//! G.711: 20 ms frames of 160 samples to 160 bytes and back.

use audio_codec::pcma::{PcmaDecoder, PcmaEncoder};
use audio_codec::pcmu::{PcmuDecoder, PcmuEncoder};
use audio_codec::{Decoder, Encoder};

/// An audio codec with a static payload type (RFC 3551).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    /// G.711 µ-law, payload type 0.
    Pcmu,
    /// G.711 A-law, payload type 8.
    Pcma,
}

impl Codec {
    /// The RTP payload type.
    #[must_use]
    pub const fn payload_type(self) -> u8 {
        match self {
            Self::Pcmu => 0,
            Self::Pcma => 8,
        }
    }

    /// The codec of an RTP payload type.
    #[must_use]
    pub const fn from_payload_type(payload_type: u8) -> Option<Self> {
        match payload_type {
            0 => Some(Self::Pcmu),
            8 => Some(Self::Pcma),
            _ => None,
        }
    }

    /// The encoding name of SDP.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
        }
    }

    /// The code of a silent sample.
    #[must_use]
    pub const fn silence(self) -> u8 {
        match self {
            Self::Pcmu => 0xFF,
            Self::Pcma => 0xD5,
        }
    }

    /// Encodes samples, one byte each; `out` is replaced.
    pub fn encode(self, samples: &[i16], out: &mut Vec<u8>) {
        out.clear();
        out.resize(samples.len(), self.silence());
        let written = match self {
            Self::Pcmu => PcmuEncoder::new().encode_into(samples, out),
            Self::Pcma => PcmaEncoder::new().encode_into(samples, out),
        };
        debug_assert!(written.is_ok(), "the buffer has one byte per sample");
    }

    /// Decodes bytes, one sample each; `out` is replaced.
    pub fn decode(self, bytes: &[u8], out: &mut Vec<i16>) {
        out.clear();
        out.resize(bytes.len(), 0);
        let written = match self {
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
    fn silence_code_decodes_to_silence() {
        for codec in [Codec::Pcmu, Codec::Pcma] {
            let mut out = Vec::new();
            codec.decode(&[codec.silence()], &mut out);
            assert!(out.iter().all(|s| s.abs() <= 8));
        }
    }

    #[test]
    fn payload_types_are_the_static_ones() {
        assert_eq!(Codec::from_payload_type(0), Some(Codec::Pcmu));
        assert_eq!(Codec::from_payload_type(8), Some(Codec::Pcma));
        assert_eq!(Codec::from_payload_type(101), None);
        assert_eq!(Codec::Pcma.payload_type(), 8);
        assert_eq!(Codec::Pcmu.name(), "PCMU");
    }
}
