//! Tests of the embedded driver: stack against stack on the loopback, and against sipp.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]

mod calls;
mod crash;
mod garbage;
mod media;
mod phones;
mod raw;
mod scripted;
mod sipp;
mod support;
