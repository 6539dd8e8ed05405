//! Tests of the engine from outside.

mod hostile;
mod lost_conditions;
mod original;
mod sessions;
mod support;
mod w3c;
