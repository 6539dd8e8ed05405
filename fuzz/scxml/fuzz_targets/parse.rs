//! Documents from outside.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    scxml_fuzz::parse(bytes);
});
