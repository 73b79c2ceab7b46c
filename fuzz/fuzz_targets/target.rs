//! See `ssecast_fuzz::target`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ssecast_fuzz::target::run(data));
