//! Runs callbacks: loads, steps, commits, then acts.
#![forbid(unsafe_code)]
