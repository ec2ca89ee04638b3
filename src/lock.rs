//! Locks that outlive a panic: what they guard is changed in single steps and stays whole.

use std::sync::{Mutex, MutexGuard, PoisonError};

#[cfg(test)]
mod tests;

/// Locks `mutex`, also after a panic elsewhere: one caller's bug must not hang all the others.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    #[cfg(test)]
    tests::before(mutex);
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
