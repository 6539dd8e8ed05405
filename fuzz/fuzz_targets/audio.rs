//! libFuzzer's way into the target `audio`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ringback_fuzz::audio(data));
