//! Threads that share a bucket, a pool or the registry, in every order in which they can get to the
//! locks.
//!
//! What changes in these is behind locks, so that this order is all in which two runs can differ.
//! shuttle runs each thread on a stack of its own and comes back here at every lock and every
//! waking, to go on with whichever thread is next in the order that is tried.
//!
//! Time stands still, and a timer rings at once or never. So whoever waits must be woken by what the
//! others do: where a waking is lost the thread sleeps for ever, which shuttle reports as a deadlock.

mod bucket;
mod calls;
mod pool;
mod registry;

use std::cell::Cell;
use std::future::{Future, pending, poll_fn, ready};
use std::pin::pin;
use std::sync::{Arc, Mutex, TryLockError};
use std::task::{Context, Wake, Waker};
use std::time::{Duration, SystemTime};

use shuttle::scheduler::{DfsScheduler, RandomScheduler, Scheduler};
use shuttle::thread::JoinHandle;
use shuttle::{Config, Runner, future, thread};

use crate::core::time::Timestamp;
use crate::platform::{BoxFuture, Runtime, boxed};

/// A lock that another test's thread holds is free again before anyone has looked so often.
const LOOKS: usize = 1_000_000;

/// So many are many.
const MANY: usize = 1_000;

const SEED: u64 = 17;

thread_local! {
    static TRIES_ORDERS: Cell<bool> = const { Cell::new(false) };
}

/// Comes before each lock is taken: here another thread may be first.
///
/// # Panics
/// Where a thread of the same test holds the lock: it must have stopped at another, or woken
/// somebody, with the first in its hands, and two that do so can wait for each other for ever.
pub fn before<T>(mutex: &Mutex<T>) {
    if !TRIES_ORDERS.get() || std::thread::panicking() {
        return;
    }
    switch();
    let stays_held = (0..LOOKS).all(|_| {
        let is_held = matches!(mutex.try_lock(), Err(TryLockError::WouldBlock));
        if is_held {
            std::thread::yield_now();
        }
        is_held
    });
    assert!(!stays_held, "a lock is held while another is taken, or while somebody is woken");
}

/// Another thread may go on here.
fn switch() {
    // To shuttle, which has no time, a sleep is a mere change of threads.
    thread::sleep(Duration::ZERO);
}

/// Runs a scenario once for each order of its threads' steps.
fn in_every_order(scenario: impl Fn() + Send + Sync + 'static) {
    run(DfsScheduler::new(None, false), scenario);
}

/// Runs a scenario that has too many orders in some of them, picked by chance: the same ones each
/// time.
fn in_many_orders(scenario: impl Fn() + Send + Sync + 'static) {
    run(RandomScheduler::new_from_seed(SEED, MANY), scenario);
}

fn run(scheduler: impl Scheduler + 'static, scenario: impl Fn() + Send + Sync + 'static) {
    struct Ends;
    impl Drop for Ends {
        fn drop(&mut self) {
            TRIES_ORDERS.set(false);
        }
    }
    let _ends = Ends;
    TRIES_ORDERS.set(true);
    let orders = Runner::new(scheduler, Config::new()).run(scenario);
    println!("{orders} orders");
}

/// Starts a thread that waits for a future.
fn waits<T: Send + 'static>(wanted: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    thread::spawn(|| block_on(wanted))
}

/// Waits for a future; others may come between the decision to wake it and its waking.
fn block_on<T>(wanted: impl Future<Output = T>) -> T {
    let mut wanted = pin!(wanted);
    future::block_on(poll_fn(|cx| {
        let waker = Waker::from(Arc::new(LateWaker(cx.waker().clone())));
        wanted.as_mut().poll(&mut Context::from_waker(&waker))
    }))
}

struct LateWaker(Waker);

impl Wake for LateWaker {
    fn wake(self: Arc<Self>) {
        switch();
        self.0.wake_by_ref();
    }
}

/// A clock that stands still.
struct StoppedClock;

impl Runtime for StoppedClock {
    fn now(&self) -> Timestamp {
        Timestamp::ZERO
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        if duration.is_zero() { boxed(ready(())) } else { boxed(pending()) }
    }

    fn unix_time(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }

    fn random_seed(&self) -> u64 {
        1
    }
}

fn stopped_clock() -> Arc<dyn Runtime> {
    Arc::new(StoppedClock)
}
