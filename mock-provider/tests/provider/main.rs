//! The provider as clients see it: over real sockets, with a usual HTTP client and with a raw one.

mod chat;
mod client;
mod control;
mod crowd;
mod faults;
mod limits;
mod prerendered;
mod stream_faults;
