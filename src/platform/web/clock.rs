//! The host's time: `performance.now` where there is one, else `Date.now`; and `setTimeout`.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, LazyLock, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use wasm_bindgen::prelude::*;

use crate::core::time::{Steady, Timestamp, from_seconds};
use crate::lock::lock;
use crate::platform::{BoxFuture, Runtime, boxed};

/// `setTimeout` counts milliseconds in 31 bits; whoever waits longer looks again.
const LONGEST_SLEEP: Duration = Duration::from_secs(24 * 60 * 60);

#[wasm_bindgen]
extern "C" {
    /// Fails where the host has none.
    #[wasm_bindgen(catch, js_namespace = performance, js_name = now)]
    fn performance_now() -> Result<f64, JsValue>;
    /// Calls `bell` with `number`.
    #[wasm_bindgen(catch, js_name = setTimeout)]
    fn set_timeout(bell: &JsValue, milliseconds: f64, number: u32) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(catch, js_name = clearTimeout)]
    fn clear_timeout(id: &JsValue) -> Result<(), JsValue>;
}

#[derive(Default)]
struct WebRuntime {
    /// `Date.now` may step back.
    steady: Mutex<Steady>,
}

/// The one runtime of the process, so that all clients share pools and buckets.
pub fn shared() -> Arc<dyn Runtime> {
    static SHARED: LazyLock<Arc<WebRuntime>> = LazyLock::new(Arc::default);
    SHARED.clone()
}

impl Runtime for WebRuntime {
    fn now(&self) -> Timestamp {
        let milliseconds = performance_now().unwrap_or_else(|_| js_sys::Date::now());
        let shown = from_seconds(milliseconds / 1000.0).unwrap_or_default();
        lock(&self.steady).read(shown)
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        // A timer may ring up to a millisecond early by its own clock: round up.
        let milliseconds = duration.min(LONGEST_SLEEP).as_secs_f64() * 1000.0;
        boxed(Timer::start(milliseconds.ceil()))
    }

    fn unix_time(&self) -> SystemTime {
        let since = from_seconds(js_sys::Date::now() / 1000.0).unwrap_or_default();
        SystemTime::UNIX_EPOCH + since
    }

    fn random_seed(&self) -> u64 {
        // Jitter is no secret.
        (js_sys::Math::random() * (1u64 << 53) as f64) as u64
    }
}

/// A `setTimeout`; dropped, it is cleared, so that it keeps no process alive.
///
/// Not a promise: one that is given up before it is settled would keep its callbacks for ever. And one
/// function rings for all, told for which: to hand the host a function of each timer's own costs more
/// than the timer.
struct Timer {
    number: u32,
    id: JsValue,
}

thread_local! {
    /// What rings.
    static BELL: Closure<dyn FnMut(u32)> = Closure::new(|number| {
        if let Some(Some(waker)) = end(number) {
            waker.wake();
        }
    });
    /// The timers that have not rung, in the order of their numbers, and who waits for each.
    static TIMERS: RefCell<Vec<(u32, Option<Waker>)>> = const { RefCell::new(Vec::new()) };
    static NEXT: Cell<u32> = const { Cell::new(0) };
}

/// Forgets a timer, and gives back who waits for it, if it had not rung.
fn end(number: u32) -> Option<Option<Waker>> {
    TIMERS.with_borrow_mut(|timers| {
        let at = timers.binary_search_by_key(&number, |(number, _)| *number).ok()?;
        Some(timers.remove(at).1)
    })
}

impl Timer {
    fn start(milliseconds: f64) -> Self {
        let number = NEXT.with(|next| next.replace(next.get().wrapping_add(1)));
        TIMERS.with_borrow_mut(|timers| {
            let at = timers.partition_point(|(known, _)| *known < number);
            timers.insert(at, (number, None));
        });
        let id = BELL.with(|bell| set_timeout(bell.as_ref(), milliseconds, number));
        Self { number, id: id.unwrap_or_default() }
    }
}

impl Future for Timer {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        TIMERS.with_borrow_mut(|timers| {
            match timers.binary_search_by_key(&self.number, |(number, _)| *number) {
                Ok(at) => {
                    timers[at].1 = Some(cx.waker().clone());
                    Poll::Pending
                }
                Err(_) => Poll::Ready(()),
            }
        })
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        if end(self.number).is_some() {
            let _ = clear_timeout(&self.id);
        }
    }
}
