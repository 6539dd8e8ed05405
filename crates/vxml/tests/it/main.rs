//! Tests of the interpreter from outside.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]

mod examples;
mod support;
mod treatment;
