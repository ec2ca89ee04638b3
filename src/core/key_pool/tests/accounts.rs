//! Keys that share an account: what they have in common, and how that is found out.

use std::cell::Cell;

use super::*;

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
