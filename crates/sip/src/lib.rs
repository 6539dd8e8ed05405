//! The SIP logic that no library brings, without sockets, clock or SIP stack.
#![forbid(unsafe_code)]
#![warn(clippy::indexing_slicing, clippy::string_slice)]
