//! What the headers of a response say of its key's limits.

use std::time::SystemTime;

use crate::core::limit_headers::{self, Limits};
use crate::platform::{Headers, Runtime};

/// Whether they may say something.
pub(crate) fn are_told(headers: &Headers) -> bool {
    headers.iter().any(|(name, _)| limit_headers::is_one(name))
}

/// What they say.
pub(crate) fn read(headers: &Headers, runtime: &dyn Runtime) -> Limits {
    if !are_told(headers) {
        return Limits::default();
    }
    let unix_now = runtime.unix_time().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    limit_headers::read(&|name| headers.get(name), unix_now)
}
