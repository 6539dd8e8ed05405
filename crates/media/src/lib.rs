//! Audio of a call as pure functions on PCM frames: codecs, RTP, DTMF, tones, detection, files.
#![forbid(unsafe_code)]
#![warn(clippy::indexing_slicing, clippy::string_slice)]
