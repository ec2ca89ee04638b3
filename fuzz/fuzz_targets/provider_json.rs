//! Fuzzes `provider.json`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| lockkeeper::testing::fuzzing::provider_json(data));
