//! Pages with the answers of a caller.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    vxml_fuzz::run(bytes);
});
