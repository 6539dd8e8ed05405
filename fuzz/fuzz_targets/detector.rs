//! libFuzzer's way into the target `detector`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ringback_fuzz::detector(data));
