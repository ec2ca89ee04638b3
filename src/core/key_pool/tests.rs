//! The pool as a plain value, told what time it is.

mod accounts;
#[cfg(not(target_arch = "wasm32"))]
mod model;
#[cfg(not(target_arch = "wasm32"))]
mod series;

use std::time::Duration;

use super::*;
use crate::core::key_slot::KeyState;

const START: Timestamp = Timestamp::ZERO;

fn pool(keys: &[&str]) -> KeyPool {
    let mut pool = KeyPool::default();
    keys.iter().for_each(|key| pool.add(ApiKey::new(key), Scope::ALL));
    pool
}

fn any(model: &str) -> Wanted<'_> {
    Wanted {
        model,
        scope: Scope::ALL,
        most: u32::MAX,
        limits: None,
        begins_slowly: false,
        waiting: 0,
    }
}

fn at(seconds: u64) -> Timestamp {
    START + Duration::from_secs(seconds)
}

fn second(_: u32) -> Duration {
    Duration::from_secs(1)
}

fn end(pool: &mut KeyPool, id: KeyId, fate: KeyFate, now: Timestamp) {
    pool.release(id, fate, "m", now, &second);
}

#[test]
fn one_after_the_other_rotates() {
    let mut pool = pool(&["key-a", "key-b", "key-c"]);
    let mut order = Vec::new();
    for _ in 0..6 {
        let leased = pool.lease(any("m"), START).unwrap();
        order.push(leased.key.key.expose().to_owned());
        end(&mut pool, leased.id, KeyFate::Works, START);
    }
    assert_eq!(order, ["key-a", "key-b", "key-c", "key-a", "key-b", "key-c"]);
}

#[test]
fn thirty_at_once_over_three_keys_are_ten_each() {
    let mut pool = pool(&["key-a", "key-b", "key-c"]);
    for _ in 0..30 {
        pool.lease(any("m"), START).unwrap();
    }
    let in_flight: Vec<u32> =
        pool.statuses(Scope::ALL, START).iter().map(|key| key.in_flight).collect();
    assert_eq!(in_flight, [10, 10, 10]);
}

#[test]
fn a_limited_key_rests_as_long_as_the_provider_says() {
    let mut pool = pool(&["key-a"]);
    let id = pool.lease(any("m"), START).unwrap().id;
    end(&mut pool, id, KeyFate::Limited(Some(Duration::from_secs(7))), START);
    assert_eq!(pool.lease(any("m"), at(6)).unwrap_err(), NoKey::CoolingUntil(at(7)));
    assert!(pool.lease(any("m"), at(7)).is_ok());
}

#[test]
fn many_429s_of_one_burst_count_as_one() {
    let mut pool = pool(&["key-a"]);
    let ids: Vec<KeyId> = (0..5).map(|_| pool.lease(any("m"), START).unwrap().id).collect();
    for id in ids {
        pool.release(id, KeyFate::Limited(None), "m", START, &|n| Duration::from_secs(1 << n));
    }
    assert_eq!(pool.lease(any("m"), START).unwrap_err(), NoKey::CoolingUntil(at(1)));
    let id = pool.lease(any("m"), at(1)).unwrap().id;
    pool.release(id, KeyFate::Limited(None), "m", at(1), &|n| Duration::from_secs(1 << n));
    assert_eq!(pool.lease(any("m"), at(1)).unwrap_err(), NoKey::CoolingUntil(at(3)));
}

#[test]
fn a_dead_key_is_tested_by_one_call_at_a_time() {
    let mut pool = pool(&["key-a"]);
    let id = pool.lease(any("m"), START).unwrap().id;
    end(&mut pool, id, KeyFate::Dead, START);
    assert_eq!(pool.lease(any("m"), at(299)).unwrap_err(), NoKey::Dead);
    let probe = pool.lease(any("m"), at(300)).unwrap().id;
    assert_eq!(pool.lease(any("m"), at(300)).unwrap_err(), NoKey::Dead);
    end(&mut pool, probe, KeyFate::Unchanged, at(301));
    let probe = pool.lease(any("m"), at(301)).unwrap().id;
    end(&mut pool, probe, KeyFate::Dead, at(302));
    assert_eq!(pool.lease(any("m"), at(901)).unwrap_err(), NoKey::Dead);
    let probe = pool.lease(any("m"), at(902)).unwrap().id;
    end(&mut pool, probe, KeyFate::Works, at(903));
    assert_eq!(pool.statuses(Scope::ALL, at(903))[0].state, KeyState::Ready);
}

#[test]
fn a_key_denied_one_model_serves_another() {
    let mut pool = pool(&["key-a", "key-b"]);
    let id = pool.lease(any("m"), START).unwrap().id;
    end(&mut pool, id, KeyFate::Denied, START);
    for _ in 0..3 {
        assert_eq!(pool.lease(any("m"), START).unwrap().key.key.expose(), "key-b");
    }
    assert_eq!(pool.lease(any("other"), START).unwrap().key.key.expose(), "key-a");
}

#[test]
fn the_reason_for_no_key_follows_the_order_of_hope() {
    let mut pool = pool(&["key-a", "key-b", "key-c"]);
    let ids: Vec<KeyId> = (0..3).map(|_| pool.lease(any("m"), START).unwrap().id).collect();
    end(&mut pool, ids[0], KeyFate::Dead, START);
    end(&mut pool, ids[1], KeyFate::Exhausted(None), START);
    end(&mut pool, ids[2], KeyFate::Limited(None), START);
    assert_eq!(pool.lease(any("m"), START).unwrap_err(), NoKey::CoolingUntil(at(1)));
    assert!(pool.remove(&ApiKey::new("key-c"), Scope::ALL));
    assert_eq!(pool.lease(any("m"), START).unwrap_err(), NoKey::Exhausted(None));
    assert!(pool.remove(&ApiKey::new("key-b"), Scope::ALL));
    assert_eq!(pool.lease(any("m"), START).unwrap_err(), NoKey::Dead);
    assert!(pool.remove(&ApiKey::new("key-a"), Scope::ALL));
    assert_eq!(pool.lease(any("m"), START).unwrap_err(), NoKey::Empty);
}

#[test]
fn a_removed_key_is_gone_when_its_work_ends() {
    let mut pool = pool(&["key-a", "key-b"]);
    let id = pool.lease(any("m"), START).unwrap().id;
    assert!(pool.remove(&ApiKey::new("key-a"), Scope::ALL));
    assert_eq!(pool.statuses(Scope::ALL, START).len(), 2);
    assert_eq!(pool.lease(any("m"), START).unwrap().key.key.expose(), "key-b");
    end(&mut pool, id, KeyFate::Works, START);
    assert_eq!(pool.statuses(Scope::ALL, START).len(), 1);
    // The slot is used again; the old lease, ended twice, must not touch the new key.
    pool.add(ApiKey::new("key-c"), Scope::ALL);
    let busy = pool.lease(any("m"), START).unwrap();
    assert_eq!(busy.key.key.expose(), "key-c");
    end(&mut pool, id, KeyFate::Dead, START);
    assert_eq!(pool.statuses(Scope::ALL, START)[0].in_flight, 1);
}

#[test]
fn counts_by_hand_never_fall_below_zero() {
    let mut pool = pool(&["key-a"]);
    let key = ApiKey::new("key-a");
    assert!(pool.adjust(&key, false));
    assert!(pool.adjust(&key, true));
    assert_eq!(pool.statuses(Scope::ALL, START)[0].in_flight, 1);
    assert!(!pool.adjust(&ApiKey::new("unknown"), true));
}

#[test]
fn a_key_serves_only_its_scopes_and_is_one_key_in_all_of_them() {
    let mut pool = KeyPool::default();
    let (small, large) = (pool.scope("small"), pool.scope("large"));
    assert_eq!(pool.scope("small"), small);
    pool.add(ApiKey::new("key-both"), small);
    pool.add(ApiKey::new("key-both"), large);
    pool.add(ApiKey::new("key-large"), large);
    let any_of = |scope| Wanted { scope, ..any("m") };
    let id = pool.lease(any_of(small), START).unwrap().id;
    let next = pool.lease(any_of(large), START).unwrap();
    assert_eq!(next.key.key.expose(), "key-large");
    end(&mut pool, id, KeyFate::Dead, START);
    let none = pool.lease(any_of(small), START).unwrap_err();
    assert_eq!(none, NoKey::Dead);
    assert!(pool.remove(&ApiKey::new("key-both"), small));
    assert_eq!(pool.statuses(small, START).len(), 0);
    assert_eq!(pool.statuses(large, START).len(), 2);
}

#[test]
fn a_wait_is_for_whichever_key_is_ready_first() {
    let mut pool = pool(&["key-a", "key-b"]);
    let ids: Vec<KeyId> = (0..2).map(|_| pool.lease(any("m"), START).unwrap().id).collect();
    let secs = Duration::from_secs;
    end(&mut pool, ids[0], KeyFate::Limited(Some(secs(500))), START);
    end(&mut pool, ids[1], KeyFate::Exhausted(Some(secs(10))), START);
    assert_eq!(pool.lease(any("m"), START).unwrap_err(), NoKey::CoolingUntil(at(10)));
}

#[test]
fn no_provider_makes_a_key_rest_for_ever() {
    let mut pool = pool(&["key-a"]);
    let id = pool.lease(any("m"), START).unwrap().id;
    end(&mut pool, id, KeyFate::Limited(Some(Duration::MAX)), START);
    assert_eq!(pool.lease(any("m"), START).unwrap_err(), NoKey::CoolingUntil(at(86_400)));
}

#[test]
fn a_limit_met_by_a_test_does_not_shorten_the_time_to_the_next() {
    let mut pool = pool(&["key-a"]);
    let mut now = START;
    let mut rests = Vec::new();
    for fate in [KeyFate::Dead, KeyFate::Dead, KeyFate::Limited(None), KeyFate::Dead] {
        let id = pool.lease(any("m"), now).unwrap().id;
        end(&mut pool, id, fate, now);
        let rest = pool.statuses(Scope::ALL, now)[0].rests_for.unwrap();
        rests.push(rest.as_secs());
        now = now + rest;
    }
    assert_eq!(rests, [300, 600, 1, 1200]);
}

#[test]
fn who_knows_better_may_revive_a_key() {
    let mut pool = pool(&["key-a"]);
    let id = pool.lease(any("m"), START).unwrap().id;
    end(&mut pool, id, KeyFate::Exhausted(None), START);
    pool.revive(&ApiKey::new("key-a"));
    assert!(pool.lease(any("m"), START).is_ok());
}

#[test]
fn a_label_is_free_again_when_its_key_is_gone() {
    let mut pool = pool(&["sk-one-000001-same", "sk-two-000002-same"]);
    let labels = |pool: &KeyPool| {
        let all = pool.statuses(Scope::ALL, START);
        all.into_iter().map(|key| key.label).collect::<Vec<_>>()
    };
    assert_eq!(labels(&pool), ["…same", "…same#2"]);
    for _ in 0..3 {
        assert!(pool.remove(&ApiKey::new("sk-one-000001-same"), Scope::ALL));
        pool.add(ApiKey::new("sk-one-000001-same"), Scope::ALL);
    }
    assert_eq!(labels(&pool), ["…same#2", "…same"]);
}

#[test]
fn a_late_handle_is_not_taken_for_that_of_the_key_in_its_place() {
    let mut pool = pool(&["key-a"]);
    let late = pool.lease(any("m"), START).unwrap();
    pool.remove(&late.key.key, Scope::ALL);
    pool.adjust(&late.key.key, false); // by hand: its work has ended
    pool.add(ApiKey::new("key-b"), Scope::ALL);
    pool.take_back(late);
    assert_eq!(pool.lease(any("m"), START).unwrap().key.key.expose(), "key-b");
}

#[test]
fn a_key_is_let_go_of_when_its_last_work_ends() {
    let mut pool = pool(&["key-a"]);
    let leased: Vec<Leased> = (0..3).map(|_| pool.lease(any("m"), START).unwrap()).collect();
    let key = std::sync::Arc::downgrade(&leased[0].key);
    pool.remove(&ApiKey::new("key-a"), Scope::ALL);
    for leased in leased {
        assert!(key.upgrade().is_some());
        end(&mut pool, leased.id, KeyFate::Works, START);
        pool.take_back(leased);
    }
    assert!(key.upgrade().is_none());
}
