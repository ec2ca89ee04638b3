//! Taking a mutex when a poisoned one is no reason to fall over: every guarded value here is whole
//! between statements, and a test server must outlive one broken request.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The value, whether or not another holder panicked.
pub(crate) fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
