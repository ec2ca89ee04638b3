//! Where there are threads, tests try the orders in which they can get to a lock.

#[cfg(not(target_arch = "wasm32"))]
mod interleavings;

#[cfg(not(target_arch = "wasm32"))]
pub(super) use interleavings::before;

/// Nobody else is there.
#[cfg(target_arch = "wasm32")]
pub(super) fn before<T>(_: &std::sync::Mutex<T>) {}
