//! The tests of `web.rs` once more, for browsers: a test program says where it wants to be run.

#![cfg(target_arch = "wasm32")]

#[path = "web.rs"]
mod web;

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);
