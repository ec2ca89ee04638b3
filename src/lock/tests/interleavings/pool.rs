//! The pool: who waits for a key is woken by whatever brings one, and every lease is counted off.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use futures_util::FutureExt;
use shuttle::thread;

use super::{in_every_order, in_many_orders, stopped_clock, waits};
use crate::core::health::KeyFate;
use crate::core::rank::Rank;
use crate::key_lease::KeyLease;
use crate::{ApiKeyPool, ErrorKind, Timestamp};

const URL: &str = "https://api.example.com/v1";
const KEYS: [&str; 2] = ["sk-0123456789aaaa", "sk-0123456789bbbb"];

fn pool(keys: &[&str]) -> ApiKeyPool {
    ApiKeyPool::with_runtime("demo", URL, keys, stopped_clock()).unwrap()
}

/// A pool whose only key rests for a minute.
fn resting() -> ApiKeyPool {
    let pool = pool(&KEYS[..1]);
    pool.lease().unwrap().failed(ErrorKind::RateLimited, Some(Duration::from_secs(60)));
    pool
}

/// Takes a key as calls do: look, join the line, look whenever it is its turn.
async fn lease(pool: ApiKeyPool) -> KeyLease {
    let rank = Rank::new(Timestamp::ZERO, 0, 0);
    if !pool.is_behind_line("m", None, rank)
        && let Ok(lease) = pool.lease_for("m", None)
    {
        return lease;
    }
    let place = pool.stand_in_line("m", None, rank);
    poll_fn(|cx| match place.look(cx.waker(), Timestamp::ZERO) {
        (true, _) => pool.lease_for("m", None).map_or(Poll::Pending, Poll::Ready),
        (false, _) => Poll::Pending,
    })
    .await
}

#[test]
fn a_key_that_is_added_wakes_who_waits() {
    in_every_order(|| {
        let pool = resting();
        let waiter = waits(lease(pool.clone()));
        pool.add_key(KEYS[1]).unwrap();
        drop(waiter.join().unwrap());
    });
}

#[test]
fn a_key_that_is_added_wakes_everybody() {
    in_many_orders(|| {
        let pool = resting();
        let waiters = [waits(lease(pool.clone())), waits(lease(pool.clone()))];
        pool.add_key(KEYS[1]).unwrap();
        let leases = waiters.map(|waiter| waiter.join().unwrap());
        assert!(leases.iter().all(|lease| lease.key() == KEYS[1]));
        assert_eq!(pool.in_flight(), 2);
        drop(leases);
        assert_eq!(pool.in_flight(), 0);
    });
}

#[test]
fn a_key_that_proves_well_wakes_who_waits() {
    in_many_orders(|| {
        let pool = pool(&KEYS[..1]);
        let (first, second) = (pool.lease().unwrap(), pool.lease().unwrap());
        first.failed(ErrorKind::RateLimited, Some(Duration::from_secs(60)));
        let waiter = waits(lease(pool.clone()));
        let revives = {
            let pool = pool.clone();
            thread::spawn(move || {
                second.end(KeyFate::Works, None, "", &|_| Duration::ZERO);
                pool.add_key(KEYS[0]).unwrap();
            })
        };
        drop(waiter.join().unwrap());
        revives.join().unwrap();
        assert_eq!(pool.in_flight(), 0);
    });
}

#[test]
fn one_who_stops_waiting_takes_nobody_with_it() {
    in_many_orders(|| {
        let pool = resting();
        let waiter = waits(lease(pool.clone()));
        let gives_up = {
            let pool = pool.clone();
            thread::spawn(move || lease(pool).now_or_never())
        };
        pool.add_key(KEYS[1]).unwrap();
        drop(waiter.join().unwrap());
        gives_up.join().unwrap();
    });
}

#[test]
fn every_lease_is_counted_off_whatever_becomes_of_its_key() {
    in_many_orders(|| {
        let pool = pool(&KEYS);
        let works = [KeyFate::Works, KeyFate::Dead].map(|fate| {
            let pool = pool.clone();
            thread::spawn(move || {
                // One key may be gone, and the other one dead.
                let lease = pool.lease_for("m", None);
                lease.into_iter().for_each(|lease| lease.end(fate, None, "", &|_| Duration::ZERO));
            })
        });
        pool.remove_key(KEYS[0]);
        pool.decrement_task_count(KEYS[0]);
        pool.add_key(KEYS[0]).unwrap();
        works.into_iter().for_each(|work| work.join().unwrap());
        assert_eq!((pool.in_flight(), pool.statuses().len()), (0, 2));
        assert!(pool.statuses().iter().all(|key| !key.retiring));
    });
}
