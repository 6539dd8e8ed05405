//! Tests of the embedded driver: stack against stack on the loopback, and against sipp.

mod calls;
mod support;
