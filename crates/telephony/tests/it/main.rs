//! Tests of the embedded driver: stack against stack on the loopback, and against sipp.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "helpers of tests fail by panicking and name what they skip"
)]

mod calls;
mod crash;
mod fuzz_corpus;
mod garbage;
mod load;
mod media;
mod page;
mod phones;
mod raw;
mod results;
mod scripted;
mod sessions;
mod sipp;
mod sites;
mod strays;
mod support;
mod trunks;
