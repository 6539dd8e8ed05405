//! Documents with events.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| scxml_fuzz::step(bytes));
