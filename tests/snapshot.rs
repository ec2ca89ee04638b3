//! What a client knows outlives its process, and nothing gets better by that.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used)] // in helpers too, a failure is the test's

mod scripted;

use lockkeeper::testing::Reply;
use lockkeeper::{ErrorKind, KeyState, Snapshot};
use scripted::{Scene, Way, settings};
use serde_json::{Value, json};

/// A client that knows something of each of its five keys: refused, limited, out of credit, not for this model;
/// the last one works.
fn experienced() -> Scene {
    let scene = Scene::new(
        5,
        [
            Reply::status(401),
            Reply::status(429).header("retry-after", "60"),
            Reply::error(402, "insufficient_quota", "no credit"),
            Reply::status(403),
            Reply::answer("Hi!"),
        ],
    );
    scene.ask(Way::Chat).unwrap();
    scene
}

/// A client of the same settings in another process: its clock counts from elsewhere.
fn another(keys: usize) -> Scene {
    let scene = Scene::new(keys, [Reply::answer("Hi!")]);
    scene.clock.advance(scripted::seconds(1_000.0));
    scene
}

fn states(scene: &Scene) -> Vec<(KeyState, Option<u64>, usize)> {
    let keys = scene.llm.key_pool().statuses();
    let seconds = |key: &lockkeeper::KeyStatus| key.rests_for.map(|rest| rest.as_secs());
    keys.iter().map(|key| (key.state, seconds(key), key.denied_models.len())).collect()
}

/// The snapshot as if it had been taken so many seconds from now.
fn moved(snapshot: &Snapshot, to: &Scene, seconds: f64) -> Value {
    let mut value = serde_json::to_value(snapshot).unwrap();
    let now = to.llm.snapshot().taken_at().duration_since(std::time::UNIX_EPOCH).unwrap();
    value["taken_at"] = json!(now.as_secs_f64() + seconds);
    value
}

fn read(value: &Value) -> Snapshot {
    serde_json::from_value(value.clone()).unwrap()
}

#[test]
fn another_process_knows_what_this_one_has_learned() {
    let scene = experienced();
    let snapshot = scene.llm.snapshot();
    let text = snapshot.to_json();
    assert!(!text.contains("sk-") && !text.contains("0001"), "{text}");
    assert_eq!(Snapshot::from_json(&text).unwrap(), snapshot);

    let other = another(5);
    other.llm.restore(&read(&moved(&snapshot, &other, 0.0))).unwrap();
    assert_eq!(states(&other), states(&scene));
    assert_eq!(
        states(&other),
        [
            (KeyState::Dead, Some(300), 0),
            (KeyState::Cooling, Some(60), 0),
            (KeyState::Exhausted, Some(300), 0),
            (KeyState::Ready, None, 1),
            (KeyState::Ready, None, 0),
        ]
    );
    let stats = other.llm.stats();
    assert_eq!((stats.calls, stats.succeeded, stats.attempts), (1, 1, 5));
    assert_eq!(stats.output_tokens, scene.llm.output_token_count());
    other.ask(Way::Chat).unwrap();
    assert_eq!(other.keys_used(), [5], "no other key is tried");
}

#[test]
fn time_that_has_passed_counts_unless_the_clock_was_set_back() {
    let snapshot = experienced().llm.snapshot();
    let later = another(5);
    later.llm.restore(&read(&moved(&snapshot, &later, -61.0))).unwrap();
    assert_eq!(states(&later)[..2], [(KeyState::Dead, Some(239), 0), (KeyState::Ready, None, 0)]);
    let set_back = another(5);
    set_back.llm.restore(&read(&moved(&snapshot, &set_back, 3_600.0))).unwrap();
    assert_eq!(states(&set_back)[1], (KeyState::Cooling, Some(60), 0));
    let future = another(5);
    let wrong = future.llm.restore(&read(&moved(&snapshot, &future, 100_000.0))).unwrap_err();
    assert_eq!(wrong.message(), "taken_at: lies in the future");
    assert_eq!(states(&future)[1], (KeyState::Ready, None, 0));
}

#[test]
fn nothing_gets_better() {
    let fresh = another(5).llm.snapshot();
    let scene = experienced();
    let before = states(&scene);
    scene.llm.token_bucket().try_acquire(900_000).unwrap();
    let (tokens, stats) = (scene.llm.token_bucket().tokens(), scene.llm.stats());
    let at_once = moved(&fresh, &scene, 0.0);
    scene.llm.restore(&read(&at_once)).unwrap();
    assert_eq!(states(&scene), before);
    assert_eq!(scene.llm.token_bucket().tokens(), tokens);
    assert_eq!(scene.llm.stats(), stats);
}

#[test]
fn the_bucket_is_as_full_as_it_would_be() {
    let slow = || {
        let mut settings = settings(1);
        (settings.rate_limit_capacity, settings.rate_limit_refill_rate) = (10.0, 0.5);
        Scene::with(settings, [])
    };
    let scene = slow();
    scene.llm.token_bucket().try_acquire(10).unwrap();
    let snapshot = scene.llm.snapshot();
    for (passed, tokens) in [(0.0, 0.0), (4.0, 2.0), (1_000.0, 10.0)] {
        let other = slow();
        other.llm.restore(&read(&moved(&snapshot, &other, -passed))).unwrap();
        assert!((other.llm.token_bucket().tokens() - tokens).abs() < 0.01, "after {passed} s");
    }
    let other = slow();
    other.llm.token_bucket().try_acquire(9).unwrap();
    other.llm.restore(&read(&moved(&snapshot, &other, -6.0))).unwrap();
    assert_eq!(other.llm.token_bucket().tokens(), 1.0, "not filled up to 3");
}

#[test]
fn to_restore_twice_is_to_restore_once() {
    let snapshot = experienced().llm.snapshot();
    let other = another(5);
    let at_once = read(&moved(&snapshot, &other, 0.0));
    other.llm.restore(&at_once).unwrap();
    let (stats, states_once) = (other.llm.stats(), states(&other));
    other.llm.restore(&at_once).unwrap();
    assert_eq!((other.llm.stats(), states(&other)), (stats, states_once));
}

#[test]
fn keys_that_are_gone_are_passed_over_and_new_ones_stay_new() {
    let snapshot = experienced().llm.snapshot();
    let fewer = another(2);
    fewer.llm.restore(&read(&moved(&snapshot, &fewer, 0.0))).unwrap();
    assert_eq!(states(&fewer)[1], (KeyState::Cooling, Some(60), 0));
    let more = another(6);
    more.llm.restore(&read(&moved(&snapshot, &more, 0.0))).unwrap();
    assert_eq!(states(&more)[5], (KeyState::Ready, None, 0));
}

#[test]
fn what_is_no_snapshot_of_this_client_is_refused_and_changes_nothing() {
    let scene = another(5);
    let good = moved(&experienced().llm.snapshot(), &scene, 0.0);
    let change = |path: &str, to: Value| {
        let mut value = good.clone();
        *value.pointer_mut(path).unwrap() = to;
        value
    };
    let others: Vec<Value> = (0..5)
        .map(|_| change("/keys/0/key", json!("0123456789abcdef"))["keys"][0].clone())
        .collect();
    for (value, message) in [
        (change("/version", json!(2)), "version: is 2, but this version of lockkeeper reads 1"),
        (change("/version", json!("1")), "version: expected a number of at least 0"),
        (json!({"version": 1}), "taken_at: is missing"),
        (json!([]), "version: is missing"),
        (
            change("/model", json!("gpt-5")),
            "model: is `gpt-5`, but this client's model is `model-a`",
        ),
        (change("/tokens", json!(-1)), "tokens: expected a number of at least 0"),
        (change("/counts/failed", json!(-1)), "counts.failed: expected a number of at least 0"),
        (change("/keys", json!({})), "keys: expected a list"),
        (change("/keys", json!(others)), "keys: none of them is a key of this client"),
        (change("/keys/1/key", json!(1)), "keys[1].key: expected a string"),
        (
            change("/keys/1/state", json!("well")),
            "keys[1].state: expected `ready`, `cooling`, `exhausted` or `dead`",
        ),
        (
            change("/keys/1/rests_for", json!(1e300)),
            "keys[1].rests_for: expected a number of seconds",
        ),
        (change("/keys/3/denied/0/model", json!(4)), "keys[3].denied[0].model: expected a string"),
        (change("/taken_at", json!(null)), "taken_at: expected a number of at least 0"),
    ] {
        let read = Snapshot::from_json(&value.to_string());
        let error = read.and_then(|snapshot| scene.llm.restore(&snapshot)).unwrap_err();
        assert_eq!((error.kind(), error.message()), (ErrorKind::Config, message));
        assert_eq!(states(&scene), states(&another(5)));
        assert_eq!(scene.llm.stats().calls, 0);
    }
    let cut = Snapshot::from_json("{\"version\":1,").unwrap_err();
    assert_eq!(
        cut.message(),
        "line 1: is not JSON: expected a value; a bracket or quote is not closed"
    );
}

#[test]
fn what_else_is_in_it_is_passed_over() {
    let scene = another(5);
    let mut value = moved(&experienced().llm.snapshot(), &scene, 0.0);
    value["limits"] = json!({"learned": [1, 2]});
    value["keys"][0]["limit"] = json!(5);
    scene.llm.restore(&read(&value)).unwrap();
    assert_eq!(states(&scene)[0], (KeyState::Dead, Some(300), 0));
}
