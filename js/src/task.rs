//! Futures that JavaScript polls, each where it was begun.
//!
//! Edge isolates tie requests, timers and streams to the incoming request that they were begun for. A
//! queue that all share would poll one request's future in another's turn, and what it begins there
//! would end with that other one. So a waker only resolves a promise made where the future belongs.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use futures_util::{Stream, stream};
use js_sys::Array;
use lockkeeper::{BoxFuture, BoxStream};
use wasm_bindgen::prelude::*;

#[wasm_bindgen(module = "/api/task.js")]
extern "C" {
    /// Wakes whoever has polled by this number.
    fn wake(number: u32);
}

/// A waker must be `Send`, and functions are not: so they have numbers.
struct Alarm(u32);

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        wake(self.0);
    }
}

/// A future on its way, or a stream.
#[wasm_bindgen]
pub struct Task {
    stream: RefCell<Option<BoxStream<'static, Outcome>>>,
    cancelled: Cell<bool>,
}

/// What a task comes to, or what a stream brings next.
pub type Outcome = Result<JsValue, JsValue>;

impl Task {
    /// A task that does this.
    pub fn new(future: impl Future<Output = Outcome> + 'static) -> Self {
        // In a box, so that there is one kind of stream of all futures.
        Self::of(stream::once(Box::pin(future) as BoxFuture<'static, Outcome>))
    }

    /// A task that does this, one after the other.
    pub fn of(stream: impl Stream<Item = Outcome> + 'static) -> Self {
        let stream = RefCell::new(Some(Box::pin(stream) as BoxStream<'static, Outcome>));
        Self { stream, cancelled: Cell::new(false) }
    }
}

#[wasm_bindgen]
impl Task {
    /// Does what can be done now: a list with the result, which is empty at a stream's end, or
    /// `undefined`, and the one of this number is woken once it can go on. Throws what the task fails
    /// with. Of a task that was cancelled, nothing comes.
    pub fn poll(&self, number: u32) -> Result<Option<Array>, JsValue> {
        let Ok(mut slot) = self.stream.try_borrow_mut() else { return Ok(None) };
        let Some(stream) = slot.as_mut() else { return Ok(None) };
        let waker = Waker::from(Arc::new(Alarm(number)));
        let polled = stream.as_mut().poll_next(&mut Context::from_waker(&waker));
        if self.cancelled.get() || matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            *slot = None;
        }
        match polled {
            Poll::Ready(Some(outcome)) => outcome.map(|value| Some(Array::of1(&value))),
            Poll::Ready(None) => Ok(Some(Array::new())),
            Poll::Pending => Ok(None),
        }
    }

    /// Gives it up, and all that it holds.
    pub fn cancel(&self) {
        self.cancelled.set(true);
        // If it is being polled just now, by way of some listener, it ends when that is done.
        if let Ok(mut slot) = self.stream.try_borrow_mut() {
            *slot = None;
        }
    }
}
