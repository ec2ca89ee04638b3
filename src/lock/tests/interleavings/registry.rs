//! The registry: who comes at the same time gets the same, and learns of a clash.

use shuttle::thread;

use super::{in_every_order, stopped_clock};
use crate::registry::{self, Meter};
use crate::{ApiKeyPool, ErrorKind};

const URL: &str = "https://api.example.com/v1";

#[test]
fn pools_made_at_the_same_time_are_one() {
    in_every_order(|| {
        let clock = stopped_clock();
        let makers = ["sk-0123456789aaaa", "sk-0123456789bbbb"].map(|key| {
            let clock = clock.clone();
            thread::spawn(move || ApiKeyPool::with_runtime("demo", URL, [key], clock).unwrap())
        });
        let pools = makers.map(|maker| maker.join().unwrap());
        assert!(pools.iter().all(|pool| pool.statuses().len() == 2));
    });
}

#[test]
fn one_of_two_settings_for_a_bucket_is_refused() {
    in_every_order(|| {
        let clock = stopped_clock();
        let makers = [(3.0, 1.0), (5.0, 2.0)].map(|limits| {
            let clock = clock.clone();
            thread::spawn(move || {
                (limits, registry::bucket(Meter::Requests, &clock, URL, "m", limits))
            })
        });
        let made = makers.map(|maker| maker.join().unwrap());
        let (granted, refused): (Vec<_>, Vec<_>) = made.iter().partition(|(_, made)| made.is_ok());
        assert_eq!((granted.len(), refused.len()), (1, 1), "{made:?}");
        let (limits, bucket) = granted[0];
        let bucket = bucket.as_ref().unwrap();
        assert_eq!((bucket.capacity(), bucket.refill_rate()), *limits);
        assert_eq!(refused[0].1.as_ref().unwrap_err().kind(), ErrorKind::Config);
    });
}
