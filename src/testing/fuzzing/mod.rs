//! What must hold of everything that comes from outside, whatever bytes it is: event streams,
//! `provider.json`, limit headers, answers and errors.
//!
//! Each function takes any bytes and panics where a property does not hold. The fuzz targets
//! (`fuzz/`) call them with what the fuzzer makes up, and `replay` with what it has kept.

mod chunks;
mod errors;
mod json;
mod limits;
mod provider_json;
#[cfg(test)]
mod replay;
mod sse;

pub use chunks::chunks;
pub use errors::errors;
pub use limits::limits;
pub use provider_json::provider_json;
pub use sse::sse;
