//! Keys that share an account: what they have in common, and how that is found out.

use std::cell::Cell;

use super::*;
use crate::core::learned_limit::Heard;
use crate::core::limit_headers::Quota;
use crate::core::told_limit::Sent;

fn keys(names: &[&str]) -> Vec<ApiKey> {
    names.iter().map(|name| ApiKey::new(name)).collect()
}

/// Two keys of one account, and one of another.
fn declared() -> KeyPool {
    let mut pool = pool(&["key-a", "key-b", "key-c"]);
    pool.join(&keys(&["key-a", "key-b"]));
    pool
}

fn lease(pool: &mut KeyPool, now: Timestamp) -> (String, KeyId) {
    let leased = pool.lease(any("m"), now).unwrap();
    (leased.key.key.expose().to_owned(), leased.id)
}

fn states(pool: &KeyPool, now: Timestamp) -> Vec<KeyState> {
    pool.statuses(Scope::ALL, now).into_iter().map(|key| key.state).collect()
}

pub fn accounts(pool: &KeyPool) -> Vec<Option<String>> {
    pool.statuses(Scope::ALL, START).into_iter().map(|key| key.account).collect()
}

#[test]
fn what_is_limited_or_out_of_credit_is_the_account() {
    use KeyState::{Cooling, Exhausted, Ready};
    let rest = Some(Duration::from_secs(5));
    for (fate, state) in [
        (KeyFate::Limited(rest), Cooling),
        (KeyFate::Exhausted(rest), Exhausted),
        (KeyFate::Exhausted(None), Exhausted),
    ] {
        let mut pool = declared();
        let (key, id) = lease(&mut pool, START);
        assert_eq!(key, "key-a");
        end(&mut pool, id, fate, START);
        assert_eq!(states(&pool, START), [state, state, Ready], "{fate:?}");
        (0..4).for_each(|_| assert_eq!(lease(&mut pool, START).0, "key-c"));
    }
}

#[test]
fn what_is_refused_or_denied_is_the_key() {
    use KeyState::{Dead, Ready};
    for (fate, state) in [(KeyFate::Dead, Dead), (KeyFate::Denied, Ready)] {
        let mut pool = declared();
        let (_, id) = lease(&mut pool, START);
        end(&mut pool, id, fate, START);
        assert_eq!(states(&pool, START), [state, Ready, Ready], "{fate:?}");
        assert_eq!(lease(&mut pool, START).0, "key-b");
    }
}

#[test]
fn they_wake_together_but_for_one_that_is_refused() {
    let mut pool = declared();
    let (_, dead) = lease(&mut pool, START);
    let (_, limited) = lease(&mut pool, START);
    end(&mut pool, dead, KeyFate::Dead, START);
    end(&mut pool, limited, KeyFate::Limited(None), START);
    assert_eq!(states(&pool, START), [KeyState::Dead, KeyState::Cooling, KeyState::Ready]);
    pool.revive(&ApiKey::new("key-a"));
    assert_eq!(states(&pool, START), [KeyState::Ready; 3], "somebody knows better");
}

#[test]
fn they_rest_as_long_where_chance_says_how_long() {
    let mut pool = declared();
    let (_, id) = lease(&mut pool, START);
    let asked = Cell::new(0);
    pool.release(id, KeyFate::Limited(None), "m", START, &|_| {
        asked.set(asked.get() + 1);
        Duration::from_secs(asked.get())
    });
    let rests = pool.statuses(Scope::ALL, START).into_iter().filter_map(|key| key.rests_for);
    assert!(rests.eq([Duration::from_secs(1); 2]));
}

/// Some requests of a minute are answered: of which key, and how many are left.
pub fn tell(pool: &mut KeyPool, ids: &[KeyId], minute: u32, told: &[(usize, u64)]) {
    for &(key, remaining) in told {
        let number = 100 * u64::from(minute) + 10 - remaining;
        let passed = 40.1 - 5.0 * remaining as f64;
        let quota = Some(Quota { limit: 9, remaining, reset: 60.0 - passed });
        let at = 60.0 * f64::from(minute) + passed;
        let heard = Heard { sent: Sent { number, at }, quota };
        pool.heard(ids[key], heard, None, START + Duration::from_secs_f64(at));
    }
}

/// A pool whose keys are in use, so that their answers can be told of.
pub fn in_use(mut pool: KeyPool) -> (KeyPool, Vec<KeyId>) {
    let ids = (0..3).map(|_| lease(&mut pool, START).1).collect();
    (pool, ids)
}

const ALTERNATELY: [(usize, u64); 8] =
    [(0, 8), (1, 7), (0, 6), (1, 5), (0, 4), (1, 3), (0, 2), (1, 1)];
const EACH_ITS_OWN: [(usize, u64); 8] =
    [(0, 8), (1, 8), (0, 7), (1, 7), (0, 6), (1, 6), (0, 5), (1, 5)];

#[test]
fn series_that_go_on_from_each_other_join_and_what_is_told_twice_parts() {
    let (mut pool, ids) = in_use(pool(&["key-a", "key-b", "key-c"]));
    tell(&mut pool, &ids, 1, &ALTERNATELY);
    let [a, b, c] = [0, 1, 2].map(|key| accounts(&pool)[key].clone());
    assert!(a.is_some() && a == b && c.is_none());
    tell(&mut pool, &ids, 2, &EACH_ITS_OWN);
    assert_eq!(accounts(&pool), [None, None, None]);
}

#[test]
fn kin_are_found_among_many_keys_too() {
    let names: Vec<String> = (0..100).map(|n| format!("key-{n:03}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (mut pool, ids) = in_use(pool(&names));
    (1..4).for_each(|minute| tell(&mut pool, &ids, minute, &ALTERNATELY));
    let found = accounts(&pool);
    assert!(found[0].is_some() && found[0] == found[1]);
    assert_eq!(found.iter().flatten().count(), 2);
}

#[test]
fn series_of_equal_limits_join_nothing() {
    let (mut pool, ids) = in_use(pool(&["key-a", "key-b", "key-c"]));
    for minute in 1..9 {
        tell(&mut pool, &ids, minute, &EACH_ITS_OWN);
    }
    assert_eq!(accounts(&pool), [None, None, None]);
    // Nor does what others have used up of one of them.
    for minute in 9..18 {
        let told = [(0, 8), (1, 8), (0, 7), (0, 6), (1, 5), (0, 5), (1, 3), (0, 4)];
        tell(&mut pool, &ids, minute, &told);
    }
    assert_eq!(accounts(&pool), [None, None, None]);
}

#[test]
fn what_is_declared_stays() {
    let (mut pool, ids) = in_use(declared());
    let before = accounts(&pool);
    assert!(before[0].is_some() && before[0] == before[1] && before[2].is_none());
    (1..5).for_each(|minute| tell(&mut pool, &ids, minute, &EACH_ITS_OWN));
    assert_eq!(accounts(&pool), before);
}
