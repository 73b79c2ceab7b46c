//! See `ssecast_fuzz::config`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ssecast_fuzz::config::run(data));
