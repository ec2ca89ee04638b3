//! Fuzzes limit headers.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| lockkeeper::testing::fuzzing::limits(data));
