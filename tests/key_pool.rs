//! The key pool: who gets which key, that every lease ends, and that keys come and go live.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used)] // in helpers too, a failure is the test's

mod scripted;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use futures::future::{Either, select};
use futures::{FutureExt, StreamExt};
use lockkeeper::testing::{Executor, Reply, ScriptedTransport, VirtualClock};
use lockkeeper::{
    ApiKeyPool, ChatOptions, ConfigLoader, ErrorKind, LlmInterface, Message, ModelSettings,
    OpenAiCompatible,
};
use scripted::{
    BASE_URL, BOTH, Scene, Way, ask, key, key_number, label, question, seconds, settings,
};

fn pool(clock: &VirtualClock, keys: impl IntoIterator<Item = usize>) -> ApiKeyPool {
    let keys = keys.into_iter().map(key);
    ApiKeyPool::with_runtime("p", BASE_URL, keys, clock.runtime()).unwrap()
}

fn labels(pool: &ApiKeyPool) -> Vec<String> {
    pool.statuses().into_iter().map(|key| key.label).collect()
}

fn in_flight(pool: &ApiKeyPool) -> Vec<u32> {
    pool.statuses().iter().map(|key| key.in_flight).collect()
}

#[test]
fn a_key_rests_from_the_headers_of_its_429_on() {
    let limited = Reply::status(429).header("retry-after", "5").body("{").stall_after(1);
    let scene = Scene::new(1, [limited, Reply::answer("a"), Reply::answer("b")]);
    let (llm, clock) = (&scene.llm, &scene.clock);
    let ask_later = async |after: f64| {
        clock.runtime().sleep(seconds(after)).await;
        llm.chat(question(), ChatOptions::default()).await.unwrap();
    };
    clock.block_on(futures::future::join(ask_later(0.0), ask_later(1.0)));
    // Neither the time that its body takes nor another call makes it longer, or shorter.
    assert_eq!(scene.sent_at(), [0.0, 5.0, 5.0]);
}

#[test]
fn a_slow_body_does_not_limit_its_key_twice() {
    // A backoff of 0.2 s is over long before the body has been waited for.
    let limited = || Reply::status(429).body("{").stall_after(1);
    let mut settings = settings(1);
    settings.retry_delay = seconds(0.2);
    let scene = Scene::with(settings, [limited(), limited(), Reply::answer("a")]);
    scene.ask(Way::Chat).unwrap();
    assert_eq!(scene.sent_at(), [0.0, 2.0, 4.0]);
}

#[test]
fn thirty_at_once_over_three_keys_are_ten_each() {
    for way in BOTH {
        for pace in [0.0, 0.3] {
            // In flight now, and at most, by key; the answers take different times.
            let scene = Scene::by(settings(3), move |request| {
                let slow = 1.0 + (request.body.len() % 7) as f64 + key_number(request) as f64 / 3.0;
                way.answer("yes").after(seconds(slow)).pace(seconds(pace))
            });
            let peak = Arc::new(Mutex::new(HashMap::new()));
            let mut executor = Executor::new(&scene.clock);
            for _ in 0..30 {
                let llm = scene.llm.clone();
                executor.spawn(async move {
                    ask(&llm, way, ChatOptions::default()).await.unwrap();
                });
            }
            let (watched, runtime, peaks) =
                (scene.llm.clone(), scene.clock.runtime(), peak.clone());
            executor.spawn(async move {
                while watched.stats().succeeded < 30 {
                    for status in watched.key_pool().statuses() {
                        let mut peaks = peaks.lock().unwrap();
                        let peak = peaks.entry(status.label).or_insert(0);
                        *peak = status.in_flight.max(*peak);
                    }
                    runtime.sleep(seconds(0.1)).await;
                }
            });
            executor.run().unwrap();
            let used = scene.keys_used();
            for number in 1..=3 {
                assert_eq!(used.iter().filter(|used| **used == number).count(), 10);
                assert_eq!(peak.lock().unwrap()[&label(number)], 10);
            }
            assert_eq!(scene.llm.key_pool().in_flight(), 0);
        }
    }
}

#[test]
fn calls_one_after_the_other_go_round() {
    let scene = Scene::by(settings(3), |_| Reply::answer("yes"));
    (0..6).for_each(|_| assert!(scene.ask(Way::Chat).is_ok()));
    assert_eq!(scene.keys_used(), [1, 2, 3, 1, 2, 3]);
}

#[test]
fn a_call_that_is_dropped_frees_its_key_and_its_place() {
    let mut metered = settings(1);
    (metered.rate_limit_capacity, metered.rate_limit_refill_rate) = (1.0, 0.01);
    let limited = Reply::status(429).header("retry-after", "50");
    for (replies, after) in [
        (vec![], 0.0),                                                   // not begun
        (vec![Reply::silence()], 1.0),                                   // waiting for headers
        (vec![Reply::answer("slow").pace(seconds(9.0))], 1.0),           // in its body
        (vec![Reply::status(500).body("slow").pace(seconds(3.0))], 1.0), // in an error's body
        (vec![limited], 1.0),                                            // waiting for a key
        (vec![Reply::status(503)], 0.2),                                 // backing off
        (vec![Reply::status(503)], 20.0),                                // waiting for a token
    ] {
        for way in BOTH {
            let scene = Scene::with(metered.clone(), replies.clone());
            let llm = scene.llm.clone();
            let call = ask(&llm, way, ChatOptions::default()).boxed();
            scene.clock.block_on(async {
                if after > 0.0 {
                    let sleep = scene.clock.runtime().sleep(seconds(after));
                    let Either::Right(_) = select(call, sleep).await else { panic!("{replies:?}") };
                } else {
                    drop(call);
                }
            });
            assert_eq!(llm.key_pool().in_flight(), 0, "{replies:?}");
            assert_eq!(llm.token_bucket().waiters(), 0, "{replies:?}");
            assert_eq!(scene.provider.open_requests(), 0, "{replies:?}");
            let stats = llm.stats();
            assert_eq!((stats.succeeded, stats.failed), (0, 0), "{replies:?}");
        }
    }
}

#[test]
fn a_key_added_is_used_at_once_by_a_call_that_waits() {
    for way in BOTH {
        let scene = Scene::by(settings(1), move |request| match key_number(request) {
            1 => Reply::status(429).header("retry-after", "100"),
            _ => way.answer("yes"),
        });
        let (llm, runtime) = (scene.llm.clone(), scene.clock.runtime());
        let mut executor = Executor::new(&scene.clock);
        executor.spawn(async move {
            runtime.sleep(seconds(3.0)).await;
            llm.key_pool().add_key(&key(2)).unwrap();
        });
        let answer = executor.block_on(ask(&scene.llm, way, ChatOptions::default()));
        assert_eq!((answer.unwrap().as_str(), scene.sent_at()), ("yes", vec![0.0, 3.0]));
    }
}

#[test]
fn a_wait_for_the_last_key_ends_when_that_is_removed() {
    let scene = Scene::new(1, [Reply::status(429).header("retry-after", "100")]);
    let (llm, runtime) = (scene.llm.clone(), scene.clock.runtime());
    let mut executor = Executor::new(&scene.clock);
    executor.spawn(async move {
        runtime.sleep(seconds(3.0)).await;
        assert!(llm.key_pool().remove_key(&key(1)));
    });
    let error = executor.block_on(ask(&scene.llm, Way::Chat, ChatOptions::default())).unwrap_err();
    assert_eq!((error.kind(), scene.elapsed()), (ErrorKind::Authentication, 3.0));
    assert_eq!(error.attempts().len(), 1);
}

#[test]
fn a_removed_key_gets_no_new_work_and_ends_with_its_last() {
    let scene = Scene::by(settings(2), |_| Reply::stream(["a", "b"]));
    let pool = scene.llm.key_pool();
    let mut stream = scene.llm.chat_stream(question(), ChatOptions::default());
    scene.clock.block_on(stream.next()).unwrap().unwrap();
    assert!(pool.remove_key(&key(1)));
    assert!(!pool.remove_key("sk-unknown-key-0000"));
    assert!(pool.statuses()[0].retiring);
    for _ in 0..3 {
        scene.ask(Way::Stream).unwrap();
    }
    assert_eq!(scene.keys_used(), [1, 2, 2, 2]);
    assert_eq!(scene.clock.block_on(stream.text()).unwrap(), "ab", "its work is not cut off");
    assert_eq!(labels(pool), [label(2)]);
}

#[test]
fn a_reload_adds_what_is_new_and_retires_what_is_gone() {
    let clock = VirtualClock::new();
    let pool = pool(&clock, [1, 2]);
    let lease = pool.lease().unwrap();
    assert_eq!(lease.key(), key(1));
    pool.reload([key(2), key(3), key(3)]).unwrap();
    assert_eq!(labels(&pool), [label(1), label(2), label(3)]);
    assert_eq!(pool.statuses().iter().filter(|key| key.retiring).count(), 1);
    drop(lease);
    assert_eq!(labels(&pool), [label(2), label(3)]);
    for bad in [vec![], vec![String::new()], vec![key(4), "sk with space".to_owned()]] {
        assert_eq!(pool.reload(bad).unwrap_err().kind(), ErrorKind::Config);
    }
    assert_eq!(labels(&pool), [label(2), label(3)], "nothing is half-loaded");
}

#[test]
fn the_original_interface_counts_by_hand() {
    let clock = VirtualClock::new();
    let pool = pool(&clock, [1, 2, 3]);
    let least = || pool.get_least_loaded_key().unwrap();
    assert_eq!(least(), key(1));
    assert!(pool.increment_task_count(&key(1)) && pool.increment_task_count(&key(1)));
    assert_eq!(least(), key(2));
    assert!(pool.increment_task_count(&key(2)));
    assert!(pool.increment_task_count(&key(3)));
    assert_eq!((least(), in_flight(&pool)), (key(2), vec![2, 1, 1]));
    for _ in 0..5 {
        assert!(pool.decrement_task_count(&key(1)));
    }
    assert_eq!((least(), in_flight(&pool)), (key(1), vec![0, 1, 1]), "never below 0");
    assert!(!pool.increment_task_count("sk-unknown-key-0000"));
    assert!(!pool.decrement_task_count("sk-unknown-key-0000"));
    // Both ways of counting are one count.
    let leases: Vec<_> = (0..4).map(|_| pool.lease().unwrap()).collect();
    assert_eq!(in_flight(&pool), [2, 2, 2]);
    drop(leases);
    assert_eq!(in_flight(&pool), [0, 1, 1]);
}

#[test]
fn pools_of_one_provider_and_address_are_one() {
    let clock = VirtualClock::new();
    let first = pool(&clock, [1]);
    let second = pool(&clock, [1, 2]);
    assert_eq!(labels(&first), [label(1), label(2)], "loading again adds keys");
    let lease = second.lease().unwrap();
    assert_eq!(in_flight(&first), [1, 0]);
    let elsewhere = |id, url| ApiKeyPool::with_runtime(id, url, [key(9)], clock.runtime()).unwrap();
    assert_eq!(labels(&elsewhere("p", "https://other.test/v1")), [label(9)]);
    assert_eq!(labels(&elsewhere("q", BASE_URL)), [label(9)]);
    drop((lease, first, second));
    assert_eq!(labels(&pool(&clock, [3])), [label(3)], "with its last holder a pool is gone");
}

#[test]
fn a_config_loaded_again_adds_keys_and_keeps_what_is_known_of_the_others() {
    let clock = VirtualClock::new();
    let provider = ScriptedTransport::replies(&clock, [Reply::status(401)]);
    let load = |keys: &[usize]| {
        let keys: Vec<_> = keys.iter().map(|number| key(*number)).collect();
        let text = format!(r#"{{"openai": {{"gpt-4": {{"api_keys": {keys:?}}}}}}}"#);
        let loader = ConfigLoader::new().runtime(clock.runtime());
        loader.transport(Arc::new(provider.clone())).load_str(&text).unwrap()
    };
    let first = load(&[1]);
    let llm = &first["openai"]["gpt-4"];
    clock.block_on(ask(llm, Way::Chat, ChatOptions::default())).unwrap_err();
    let second = load(&[2]);
    let pool = second["openai"]["gpt-4"].key_pool();
    assert_eq!(labels(pool), [label(1), label(2)]);
    assert_eq!(pool.get_least_loaded_key(), Some(key(2)), "the first is still dead");
}

#[test]
fn a_pool_of_ones_own_is_bound_to_its_origin() {
    let clock = VirtualClock::new();
    let pool = pool(&clock, [1, 2]);
    let provider = ScriptedTransport::new(&clock, |_| Reply::answer("yes"));
    let build = |base_url: &str| {
        let mut settings = settings(0);
        settings.base_url = base_url.to_owned();
        let builder = OpenAiCompatible::builder(settings).key_pool(pool.clone());
        builder.transport(Arc::new(provider.clone())).build()
    };
    let llm = build("https://api.scripted.test/other/path").unwrap();
    clock.block_on(ask(&llm, Way::Chat, ChatOptions::default())).unwrap();
    assert_eq!(provider.requests()[0].key(), Some(&*key(1)));
    for elsewhere in ["https://evil.test/v1", "https://api.scripted.test:444/v1"] {
        assert_eq!(build(elsewhere).unwrap_err().kind(), ErrorKind::Config);
    }
}

#[test]
fn labels_tell_keys_apart_and_do_not_show_them() {
    let clock = VirtualClock::new();
    let keys = ["sk-aaaaaaaa-same", "sk-bbbbbbbb-same", "short", "brief", "sk-aaaaaaaa-same"];
    let pool = ApiKeyPool::with_runtime("labels", BASE_URL, keys, clock.runtime()).unwrap();
    assert_eq!(labels(&pool), ["…same", "…same#2", "…", "…#2"]);
    let shown = format!("{pool:?} {:?}", pool.lease().unwrap());
    assert!(keys.iter().all(|key| !shown.contains(key)), "{shown}");
}

#[test]
fn unfit_keys_are_refused() {
    let clock = VirtualClock::new();
    let make = |keys: &[&str]| ApiKeyPool::with_runtime("unfit", BASE_URL, keys, clock.runtime());
    let paths = |keys: &[&str]| -> Vec<String> {
        let error = make(keys).unwrap_err();
        error.problems().iter().map(|problem| problem.path.clone()).collect()
    };
    assert_eq!(paths(&[]), ["api_keys"]);
    assert_eq!(
        paths(&["", "good-key-0000001", "a\nb", "a b", "ü"]),
        ["api_keys[0]", "api_keys[2]", "api_keys[3]", "api_keys[4]"]
    );
    assert!(make(&["good-key-0000001"]).is_ok());
}

#[test]
fn models_of_one_provider_share_what_is_known_of_a_key_but_not_the_keys() {
    let clock = VirtualClock::new();
    let refused = key(1);
    let transport = ScriptedTransport::new(&clock, move |request| {
        match request.header("authorization").is_some_and(|value| value.ends_with(&refused)) {
            true => Reply::error(401, "invalid_api_key", "no"),
            false => Reply::answer("yes"),
        }
    });
    let config = format!(
        r#"{{ "openai": {{
            "small": {{ "api_keys": ["{0}", "{1}"] }},
            "large": {{ "api_keys": ["{0}", "{2}"] }} }} }}"#,
        key(1),
        key(2),
        key(3)
    );
    let loader = || ConfigLoader::new().transport(Arc::new(transport.clone()));
    let providers = loader().runtime(clock.runtime()).load_str(&config).unwrap();
    let models = &providers["openai"];
    for model in ["small", "large", "large", "small"] {
        clock.block_on(ask(&models[model], BOTH[0], ChatOptions::default())).unwrap();
    }
    let used = transport.requests().into_iter().map(|request| request.key().unwrap().to_owned());
    let expected = [key(1), key(2), key(3), key(3), key(2)]; // refused once, for both
    assert_eq!(used.collect::<Vec<_>>(), expected);
    assert_eq!(labels(models["small"].key_pool()), [label(1), label(2)]);
}

#[test]
fn a_lease_can_be_told_how_it_ended() {
    let clock = VirtualClock::new();
    let pool = pool(&clock, [1, 2]);
    pool.lease().unwrap().succeeded();
    pool.lease().unwrap().failed(ErrorKind::RateLimited, Some(seconds(9.0)));
    drop(pool.lease().unwrap());
    let counts = |index: usize| pool.statuses()[index].counts;
    assert_eq!((counts(0).succeeded, counts(0).cancelled), (1, 1));
    assert_eq!((counts(1).rate_limited, counts(1).failed), (1, 0));
    assert_eq!(pool.statuses()[1].rests_for, Some(seconds(9.0)));
}

#[test]
fn a_server_that_wants_keys_after_all_gets_them() {
    let clock = VirtualClock::new();
    let load = |keys: &str| {
        let transport = Arc::new(ScriptedTransport::new(&clock, |_| Reply::answer("yes")));
        let config = format!(
            r#"{{ "here": {{ "m": {{ "base_url": "http://127.0.0.1:1/v1", "api_keys": [{keys}] }} }} }}"#
        );
        let loader = ConfigLoader::new().transport(transport.clone()).runtime(clock.runtime());
        (loader.load_str(&config).unwrap().remove("here").unwrap().remove("m").unwrap(), transport)
    };
    let (without, _) = load("");
    assert_eq!(without.key_pool().get_least_loaded_key(), None);
    let (with, transport) = load(&format!("\"{}\"", key(1)));
    for _ in 0..2 {
        clock.block_on(ask(&with, BOTH[0], ChatOptions::default())).unwrap();
    }
    assert!(transport.requests().iter().all(|request| request.key() == Some(&key(1))));
}

#[test]
fn clients_made_in_code_never_use_each_others_keys() {
    let clock = VirtualClock::new();
    let provider = ScriptedTransport::replies(&clock, (0..6).map(|_| Reply::answer("Hi!")));
    let client = |keys: &[&str]| {
        let settings = ModelSettings::new("tenants", "m", keys.iter().copied());
        let mut settings = settings;
        settings.base_url = "https://api.example.com/v1".into();
        let builder = OpenAiCompatible::builder(settings).transport(Arc::new(provider.clone()));
        builder.runtime(clock.runtime()).build().unwrap()
    };
    let (ours, theirs) = (client(&["sk-tenant-aaaaaaaa"]), client(&["sk-tenant-bbbbbbbb"]));
    let ask = |llm: &OpenAiCompatible| {
        let call = llm.chat(vec![Message::user("Hi!")], ChatOptions::default());
        clock.block_on(call).unwrap();
    };
    (0..3).for_each(|_| ask(&theirs));
    let keys: Vec<_> =
        provider.requests().iter().filter_map(|sent| sent.key().map(str::to_owned)).collect();
    assert_eq!(keys, ["sk-tenant-bbbbbbbb"; 3]);
    theirs.key_pool().reload(["sk-tenant-cccccccc"]).unwrap();
    ask(&ours);
    assert_eq!(provider.requests()[3].key(), Some("sk-tenant-aaaaaaaa"));
    // The very same keys are one pool: what one client learns, the other knows.
    let again = client(&["sk-tenant-aaaaaaaa"]);
    assert_eq!(again.key_pool().statuses()[0].counts.succeeded, 1);
}
