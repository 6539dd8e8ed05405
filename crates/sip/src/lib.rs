//! The SIP logic that no library brings, without sockets, clock or SIP stack.
//!
//! For: deciding what an offer is answered with ([`sdp`]), who may register and where a phone is
//! reached ([`digest`], [`registrar`]), how header values are read ([`header`]), what a final
//! answer means for an attempt ([`result`]), which redirects are followed ([`redirect`]), which trunk takes a call ([`trunk`]), how a session is
//! kept alive ([`session_timer`]), which sources are known ([`network`]) how many new calls one source may
//! start ([`admission`]) and what is answered to messages that a stack drops ([`stray`]). Not for: sending anything; time comes
//! in as milliseconds, randomness as bytes.
//!
//! Bytes from the network never panic here: every access is checked, every refusal is a value.
#![forbid(unsafe_code)]
#![warn(clippy::indexing_slicing, clippy::string_slice)]

pub mod admission;
pub mod digest;
pub mod header;
pub mod network;
pub mod redirect;
pub mod refer;
pub mod registrar;
pub mod result;
pub mod sdp;
pub mod session_timer;
pub mod stray;
pub mod trunk;
