//! What the tests of the pure parts have in common.

#[cfg(not(target_arch = "wasm32"))]
pub mod trials;
