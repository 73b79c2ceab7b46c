//! See `ssecast_fuzz::envelope`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ssecast_fuzz::envelope::run(data));
