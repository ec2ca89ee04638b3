//! What JavaScript sees of the library: thin exports, to which `../api` gives their classes.
//!
//! What crosses the border is plain: numbers, strings, and lists whose places `../api` knows. Every
//! future is a `Task`, which JavaScript polls where it was begun.

#![cfg(target_arch = "wasm32")]
#![allow(clippy::arc_with_non_send_sync, reason = "all of it stays on JavaScript's thread")]

mod bucket;
mod circuit;
mod client;
mod codec;
mod exchange;
mod lists;
mod observer;
mod pool;
mod shared_state;
mod stream;
mod task;
mod world;

#[global_allocator]
static ALLOCATOR: rlsf::SmallGlobalTlsf = rlsf::SmallGlobalTlsf::new();
