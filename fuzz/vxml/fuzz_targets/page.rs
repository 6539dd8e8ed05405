//! Pages from outside.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    vxml_fuzz::page(bytes);
});
