//! The bucket: no waiter sleeps while there are tokens for it, however the others come and go.

use futures_util::FutureExt;
use shuttle::thread;

use super::{block_on, in_every_order, stopped_clock, waits};
use crate::TokenBucket;

/// A bucket of `capacity` in which there are `left`.
fn bucket(capacity: u32, left: u32) -> TokenBucket {
    let bucket = TokenBucket::with_runtime(capacity.into(), 1.0, stopped_clock()).unwrap();
    bucket.try_acquire(capacity - left).unwrap();
    bucket
}

#[test]
fn one_who_leaves_makes_way() {
    in_every_order(|| {
        let bucket = bucket(2, 1);
        let mut first = bucket.acquire(2, None);
        assert!((&mut first).now_or_never().is_none());
        let second = waits(bucket.acquire(1, None));
        let leaves = thread::spawn(move || drop(first));
        second.join().unwrap().unwrap();
        leaves.join().unwrap();
        assert_eq!((bucket.tokens(), bucket.waiters()), (0.0, 0));
    });
}

#[test]
fn one_who_leaves_as_it_is_woken_passes_it_on() {
    in_every_order(|| {
        let bucket = bucket(2, 1);
        let mut first = bucket.acquire(2, None);
        assert!((&mut first).now_or_never().is_none());
        let mut second = bucket.acquire(1, None);
        let third = bucket.clone();
        let gives_up = thread::spawn(move || {
            // It looks once, and if it must wait it goes.
            let got_it = block_on(async { (&mut second).now_or_never().is_some() });
            drop(second);
            if got_it {
                third.give_back(1);
            }
        });
        let third = waits(bucket.acquire(1, None));
        drop(first);
        third.join().unwrap().unwrap();
        gives_up.join().unwrap();
        assert_eq!((bucket.tokens(), bucket.waiters()), (0.0, 0));
    });
}

#[test]
fn tokens_that_come_back_reach_everybody() {
    in_every_order(|| {
        let bucket = bucket(2, 0);
        let waiters = [waits(bucket.acquire(1, None)), waits(bucket.acquire(1, None))];
        bucket.give_back(1);
        bucket.give_back(1);
        waiters.into_iter().for_each(|waiter| waiter.join().unwrap().unwrap());
        assert_eq!((bucket.tokens(), bucket.waiters()), (0.0, 0));
    });
}

#[test]
fn a_reset_reaches_everybody() {
    in_every_order(|| {
        let bucket = bucket(2, 0);
        let waiters = [waits(bucket.acquire(1, None)), waits(bucket.acquire(1, None))];
        bucket.reset();
        waiters.into_iter().for_each(|waiter| waiter.join().unwrap().unwrap());
        assert_eq!((bucket.tokens(), bucket.waiters()), (0.0, 0));
    });
}

#[test]
fn a_larger_bucket_serves_who_waits() {
    in_every_order(|| {
        let bucket = TokenBucket::by_guess(1.0, 1.0, stopped_clock()).unwrap();
        bucket.try_acquire(1).unwrap();
        let waiter = waits(bucket.acquire(1, None));
        bucket.configure((2.0, 1.0)).unwrap();
        waiter.join().unwrap().unwrap();
        assert_eq!((bucket.tokens(), bucket.waiters()), (0.0, 0));
    });
}
