//! Fuzzes whole calls, whatever the provider answers.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| lockkeeper::testing::fuzzing::errors(data));
