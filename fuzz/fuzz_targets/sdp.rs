//! libFuzzer's way into the target `sdp`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ringback_fuzz::sdp(data));
