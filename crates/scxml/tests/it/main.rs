//! Tests of the engine from outside.

mod support;
mod w3c;
