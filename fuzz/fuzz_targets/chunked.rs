//! See `ssecast_fuzz::chunked`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ssecast_fuzz::chunked::run(data));
