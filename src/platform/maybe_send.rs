//! `Send` where there are threads, nothing where there are none: a browser's futures hold JS
//! objects, which stay on their thread. Nothing else in the crate knows of the difference.

use std::future::Future;
use std::pin::Pin;

use futures_util::Stream;

#[cfg(not(target_arch = "wasm32"))]
mod bounds {
    /// `Send` on native targets; anything on wasm32.
    pub trait MaybeSend: Send {}
    impl<T: Send + ?Sized> MaybeSend for T {}

    /// `Sync` on native targets; anything on wasm32.
    pub trait MaybeSync: Sync {}
    impl<T: Sync + ?Sized> MaybeSync for T {}

    pub(super) type Future<'a, T> = dyn std::future::Future<Output = T> + Send + 'a;
    pub(super) type Stream<'a, T> = dyn futures_util::Stream<Item = T> + Send + 'a;
}

#[cfg(target_arch = "wasm32")]
mod bounds {
    /// `Send` on native targets; anything on wasm32.
    pub trait MaybeSend {}
    impl<T: ?Sized> MaybeSend for T {}

    /// `Sync` on native targets; anything on wasm32.
    pub trait MaybeSync {}
    impl<T: ?Sized> MaybeSync for T {}

    pub(super) type Future<'a, T> = dyn std::future::Future<Output = T> + 'a;
    pub(super) type Stream<'a, T> = dyn futures_util::Stream<Item = T> + 'a;
}

pub use bounds::{MaybeSend, MaybeSync};

/// A boxed future, `Send` on native targets.
pub type BoxFuture<'a, T> = Pin<Box<bounds::Future<'a, T>>>;

/// A boxed stream, `Send` on native targets.
pub type BoxStream<'a, T> = Pin<Box<bounds::Stream<'a, T>>>;

/// Boxes a future.
pub fn boxed<'a, T>(future: impl Future<Output = T> + MaybeSend + 'a) -> BoxFuture<'a, T> {
    Box::pin(future)
}

/// Boxes a stream.
pub fn boxed_stream<'a, T>(stream: impl Stream<Item = T> + MaybeSend + 'a) -> BoxStream<'a, T> {
    Box::pin(stream)
}
