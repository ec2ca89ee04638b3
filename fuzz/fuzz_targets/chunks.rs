//! Fuzzes answers and chunks.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| lockkeeper::testing::fuzzing::chunks(data));
