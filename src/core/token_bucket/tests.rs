//! The bucket as a plain value, told what time it is.

#[cfg(not(target_arch = "wasm32"))]
mod laws;

use super::*;

/// The rank of who comes at the beginning.
fn normal() -> Rank {
    Rank::new(Timestamp::ZERO, 0, 0)
}

fn at(seconds: f64) -> Timestamp {
    Timestamp::new(Duration::from_secs_f64(seconds))
}

/// Joins as the handle does: after a refusal, for the moment that it named.
fn join(bucket: &mut Bucket<&'static str>, name: &'static str, now: Timestamp) -> Ticket {
    let look_again_at = bucket.try_take(1.0, normal(), now).unwrap_err();
    bucket.join(1.0, normal(), name, look_again_at)
}

fn bucket(capacity: f64, rate: f64) -> Bucket<&'static str> {
    Bucket::new(capacity, rate, at(0.0))
}

#[test]
fn starts_full_and_refills_up_to_capacity() {
    let mut bucket = bucket(2.0, 1.0);
    assert_eq!(bucket.try_take(2.0, normal(), at(0.0)), Ok(()));
    assert!(bucket.try_take(1.0, normal(), at(0.5)).is_err());
    assert_eq!(bucket.tokens(at(1.5)), 1.5);
    assert_eq!(bucket.tokens(at(99.0)), 2.0);
}

#[test]
fn a_refusal_says_when() {
    let mut bucket = bucket(1.0, 4.0);
    assert_eq!(bucket.try_take(1.0, normal(), at(0.0)), Ok(()));
    let when = bucket.try_take(1.0, normal(), at(0.0)).unwrap_err();
    assert!(when - at(0.25) <= Duration::from_nanos(1));
    assert_eq!(bucket.try_take(1.0, normal(), when), Ok(()));
}

#[test]
fn serves_in_order_of_arrival() {
    let mut bucket = bucket(1.0, 1.0);
    assert_eq!(bucket.try_take(1.0, normal(), at(0.0)), Ok(()));
    let first = join(&mut bucket, "first", at(0.0));
    let second = join(&mut bucket, "second", at(0.0));
    // The second looks first, and early: it must not get the first one's token.
    assert!(matches!(bucket.poll(second, "second", at(1.01)), Turn::LookAgainAt(_)));
    assert!(bucket.try_take(1.0, normal(), at(1.01)).is_err());
    assert_eq!(bucket.poll(first, "first", at(1.02)), Turn::Granted);
    assert_eq!(bucket.poll(second, "second", at(2.03)), Turn::Granted);
}

#[test]
fn those_behind_move_up_when_one_leaves() {
    let mut bucket = bucket(1.0, 1.0);
    assert_eq!(bucket.try_take(1.0, normal(), at(0.0)), Ok(()));
    let first = join(&mut bucket, "first", at(0.0));
    let second = join(&mut bucket, "second", at(0.0));
    bucket.leave(first);
    assert_eq!(bucket.moved_up(at(0.5)), Some("second"));
    assert_eq!(bucket.moved_up(at(0.5)), None, "told once is enough");
    assert_eq!(bucket.poll(second, "second", at(1.01)), Turn::Granted);
}

#[test]
fn who_stands_behind_a_late_one_is_not_due_itself() {
    let mut bucket = bucket(2.0, 1.0);
    assert_eq!(bucket.try_take(2.0, normal(), at(0.0)), Ok(()));
    let late = join(&mut bucket, "late", at(0.0));
    let second = join(&mut bucket, "second", at(0.0));
    // The machine slept: both tokens are there, and the first one's timer has yet to ring.
    let turn = bucket.poll(second, "second", at(2.0));
    let Turn::BehindLateOnesUntil(until) = turn else { panic!("{turn:?}") };
    assert!(until > at(2.0), "nobody looks again and again");
    assert_eq!(bucket.moved_up(at(2.0)), Some("late"));
    assert_eq!(bucket.poll(late, "late", at(2.0)), Turn::Granted);
    assert_eq!(bucket.moved_up(at(2.0)), Some("second"));
    assert_eq!(bucket.poll(second, "second", at(2.0)), Turn::Granted);
}

#[test]
fn a_waiter_who_never_looks_does_not_stop_the_rest() {
    let mut bucket = bucket(1.0, 1.0);
    assert_eq!(bucket.try_take(1.0, normal(), at(0.0)), Ok(()));
    let forgotten = join(&mut bucket, "forgotten", at(0.0));
    let next = join(&mut bucket, "next", at(0.0));
    assert!(matches!(bucket.poll(next, "next", at(1.5)), Turn::LookAgainAt(_)));
    assert_eq!(bucket.poll(next, "next", at(2.1)), Turn::Granted);
    assert_eq!(bucket.poll(forgotten, "forgotten", at(3.2)), Turn::Granted);
}

#[test]
fn one_who_is_due_and_does_not_look_is_waited_for_without_haste() {
    let mut bucket = bucket(2.0, 1.0);
    assert_eq!(bucket.try_take(2.0, normal(), at(0.0)), Ok(()));
    let _due = join(&mut bucket, "due", at(0.0));
    let behind = join(&mut bucket, "behind", at(0.0));
    let Turn::BehindLateOnesUntil(when) = bucket.poll(behind, "behind", at(2.0)) else { panic!() };
    assert!(when > at(2.0) && when <= at(3.01), "{when:?}");
    assert_eq!(bucket.poll(behind, "behind", when), Turn::Granted);
}

#[test]
fn the_forgotten_do_not_count_against_newcomers() {
    let mut bucket = bucket(1.0, 1.0);
    assert_eq!(bucket.try_take(1.0, normal(), at(0.0)), Ok(()));
    for _ in 0..50 {
        join(&mut bucket, "forgotten", at(0.0));
    }
    assert!(bucket.try_take(1.0, normal(), at(20.0)).is_err());
    assert_eq!(bucket.try_take(1.0, normal(), at(100.0)), Ok(()));
    let when = bucket.try_take(1.0, normal(), at(100.0)).unwrap_err();
    assert!(when <= at(101.01), "{when:?}");
}

#[test]
fn a_clock_that_steps_back_yields_nothing_and_stops_nothing() {
    let mut bucket = bucket(1.0, 1.0);
    assert_eq!(bucket.try_take(1.0, normal(), at(100.0)), Ok(()));
    assert_eq!(bucket.tokens(at(10.0)), 0.0);
    assert_eq!(bucket.tokens(at(10.5)), 0.5);
}

#[test]
fn tokens_that_come_back_never_overfill() {
    let mut bucket = bucket(2.0, 1.0);
    bucket.give_back(1.0, at(0.0));
    assert_eq!(bucket.tokens(at(0.0)), 2.0);
}

#[test]
fn no_rounding_is_gained_over_many_tokens() {
    let mut bucket = bucket(1.0, 3.0);
    let mut now = at(0.0);
    for _ in 0..10_000 {
        if let Err(when) = bucket.try_take(1.0, normal(), now) {
            now = when;
            assert_eq!(bucket.try_take(1.0, normal(), now), Ok(()));
        }
    }
    let ideal = 9_999.0 / 3.0;
    assert!((now.since_origin().as_secs_f64() - ideal).abs() < 1e-3);
}
