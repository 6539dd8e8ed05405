//! The telephony port of Ringback and its embedded SIP/RTP driver.
//!
//! For: placing, answering, treating and joining calls. Not for: callback rules; those live in
//! `callback`. The SIP stack is named in [`embedded`] only.
#![forbid(unsafe_code)]

pub use media;

pub mod embedded;
pub mod limits;
pub mod media_engine;
pub mod playback;
pub mod port;
