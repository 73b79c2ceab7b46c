//! See `ssecast_fuzz::request`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ssecast_fuzz::request::run(data));
