//! Fuzzes event streams.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| lockkeeper::testing::fuzzing::sse(data));
