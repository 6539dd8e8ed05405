//! Tests of the interpreter from outside.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]

mod corpus;
mod examples;
mod hostile;
mod rules;
mod support;
mod treatment;
