//! libFuzzer's way into the target `rtp`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ringback_fuzz::rtp(data));
