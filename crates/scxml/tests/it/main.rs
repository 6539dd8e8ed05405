//! Tests of the engine from outside.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests fail by panicking and name what they skip"
)]

mod corpus;
mod hostile;
mod lost_conditions;
mod original;
mod sessions;
mod support;
mod w3c;
