//! The host's time: `performance.now` where there is one, else `Date.now`; and `setTimeout`.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, LazyLock, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use js_sys::{Function, Reflect};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};

use super::global_function;
use crate::core::time::{Steady, Timestamp, from_seconds};
use crate::lock::lock;
use crate::platform::{BoxFuture, Runtime, boxed};

/// `setTimeout` counts milliseconds in 31 bits; whoever waits longer looks again.
const LONGEST_SLEEP: Duration = Duration::from_secs(24 * 60 * 60);

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
        let milliseconds = performance_now().unwrap_or_else(js_sys::Date::now);
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

fn performance_now() -> Option<f64> {
    let performance = Reflect::get(&js_sys::global(), &"performance".into()).ok()?;
    let now: Function = Reflect::get(&performance, &"now".into()).ok()?.dyn_into().ok()?;
    now.call0(&performance).ok()?.as_f64()
}

/// A `setTimeout`; dropped, it is cleared, so that it keeps no process alive.
///
/// Not a promise: one that is given up before it is settled would keep its callbacks for ever.
struct Timer {
    id: JsValue,
    state: Rc<RefCell<State>>,
    /// What rings; it must live as long as the timer may.
    _bell: Closure<dyn FnMut()>,
}

#[derive(Default)]
struct State {
    has_rung: bool,
    waker: Option<Waker>,
}

impl Timer {
    fn start(milliseconds: f64) -> Self {
        let state = Rc::<RefCell<State>>::default();
        let rings = state.clone();
        let bell = Closure::new(move || {
            let mut state = rings.borrow_mut();
            state.has_rung = true;
            let waker = state.waker.take();
            drop(state);
            waker.into_iter().for_each(Waker::wake);
        });
        let set_timeout = global_function("setTimeout");
        let started = set_timeout.and_then(|set_timeout| {
            set_timeout.call2(&JsValue::UNDEFINED, bell.as_ref(), &milliseconds.into()).ok()
        });
        Self { id: started.unwrap_or_default(), state, _bell: bell }
    }
}

impl Future for Timer {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state.borrow_mut();
        if state.has_rung {
            return Poll::Ready(());
        }
        state.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        if let Some(clear_timeout) = global_function("clearTimeout") {
            let _ = clear_timeout.call1(&JsValue::UNDEFINED, &self.id);
        }
    }
}
