//! The pure parts: no async, no clock, no randomness, no I/O. `now` comes in as an argument, and
//! what to do next goes out as a value.

pub mod backoff;
pub mod circuit;
pub mod fallback;
pub mod felt_limit;
pub mod fill;
pub mod fingerprint;
pub mod health;
pub mod histogram;
pub mod json;
pub mod key;
pub mod key_limits;
pub mod key_memory;
pub mod key_pool;
pub mod key_record;
pub mod key_slot;
pub mod learned_limit;
pub mod limit_doubt;
pub mod limit_headers;
pub mod line;
pub mod names;
pub mod no_key;
pub mod provider_error;
pub mod rank;
pub mod ranked_heap;
pub mod redaction;
pub mod request_size;
pub mod retry;
pub mod retry_after;
pub mod secret;
pub mod send_log;
pub mod slow_start;
pub mod sse;
pub mod store_health;
#[cfg(test)]
mod tests;
pub mod text;
pub mod time;
pub mod token_bucket;
pub mod told_limit;
pub mod usage;
