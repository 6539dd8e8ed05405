//! Audio of a call as pure functions on PCM frames: codecs, RTP, DTMF, tones, detection, files.
//!
//! For: everything that can be computed from samples and packets. Not for: sockets, clocks and
//! threads; those live in `telephony::media_engine`.
//!
//! Invariants: audio is 8 kHz mono 16-bit PCM everywhere behind [`audio::load`] and
//! [`codec::Codec::decode`]; time comes in as milliseconds; bytes from outside never panic.
#![forbid(unsafe_code)]
#![warn(clippy::indexing_slicing, clippy::string_slice)]

pub mod audio;
pub mod codec;
pub mod cpd;
pub mod dtmf;
pub mod jitter;
#[cfg(test)]
mod mutation;
mod pcm;
pub mod rtcp;
pub mod rtp;
pub mod telephone_event;
pub mod tone;

/// Samples per second of all audio behind the codecs.
pub const SAMPLE_RATE_HZ: u32 = 8_000;
/// Samples of one 20 ms frame.
pub const FRAME_SAMPLES: usize = 160;
/// Length of one frame, ms.
pub const FRAME_MS: u64 = 20;
