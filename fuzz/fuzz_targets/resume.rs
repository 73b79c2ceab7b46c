//! See `ssecast_fuzz::resume`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ssecast_fuzz::resume::run(data));
