//! The token bucket: its rate, its queue, its refusals, and who shares it.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used)] // in helpers too, a failure is the test's

mod scripted;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use lockkeeper::testing::{Executor, Reply, ScriptedTransport, VirtualClock};
use lockkeeper::{
    BoxFuture, ChatOptions, ConfigLoader, ErrorKind, OpenAiCompatible, Refused, Runtime, Timestamp,
    TokenBucket,
};
use scripted::{BOTH, Scene, ask, key, seconds, settings};

fn bucket(clock: &VirtualClock, capacity: f64, refill_rate: f64) -> TokenBucket {
    TokenBucket::with_runtime(capacity, refill_rate, clock.runtime()).unwrap()
}

/// Notes who was served when, in order.
#[derive(Clone, Default)]
struct Served(Rc<RefCell<Vec<(usize, f64)>>>);

impl Served {
    async fn wait(self, who: usize, amount: u32, bucket: TokenBucket, clock: VirtualClock) {
        bucket.acquire(amount, None).await.unwrap();
        self.0.borrow_mut().push((who, clock.elapsed().as_secs_f64()));
    }

    fn order(&self) -> Vec<usize> {
        self.0.borrow().iter().map(|(who, _)| *who).collect()
    }

    fn times(&self) -> Vec<f64> {
        self.0.borrow().iter().map(|(_, at)| *at).collect()
    }
}

fn close(times: &[f64], expected: &[f64]) -> bool {
    let near = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-4;
    times.len() == expected.len() && times.iter().zip(expected).all(near)
}

#[test]
fn twenty_at_once_at_capacity_5_and_5_a_second_take_3_seconds() {
    for way in BOTH {
        let mut metered = settings(3);
        (metered.rate_limit_capacity, metered.rate_limit_refill_rate) = (5.0, 5.0);
        let scene = Scene::by(metered, move |_| way.answer("yes"));
        let mut executor = Executor::new(&scene.clock);
        for _ in 0..20 {
            let llm = scene.llm.clone();
            executor.spawn(async move {
                ask(&llm, way, ChatOptions::default()).await.unwrap();
            });
        }
        executor.run().unwrap();
        let sent = scene.sent_at();
        assert!((3.0..3.001).contains(&scene.elapsed()), "{}", scene.elapsed());
        assert_eq!(sent.len(), 20);
        for (i, from) in sent.iter().enumerate() {
            for (j, to) in sent.iter().enumerate().skip(i) {
                let most = 5.0 + 5.0 * (to - from) + 1e-3;
                assert!((j - i + 1) as f64 <= most, "from {from} to {to}");
            }
        }
    }
}

#[test]
fn first_come_first_served_whatever_the_amount() {
    let clock = VirtualClock::new();
    let bucket = bucket(&clock, 3.0, 1.0);
    bucket.try_acquire(3).unwrap();
    let (served, mut executor) = (Served::default(), Executor::new(&clock));
    for (who, amount) in [(1, 3), (2, 1), (3, 2), (4, 1)] {
        executor.spawn(served.clone().wait(who, amount, bucket.clone(), clock.clone()));
    }
    executor.run().unwrap();
    assert_eq!(served.order(), [1, 2, 3, 4]);
    assert!(close(&served.times(), &[3.0, 4.0, 6.0, 7.0]), "{:?}", served.times());
}

#[test]
fn who_gives_up_lets_those_behind_move_up() {
    let clock = VirtualClock::new();
    let bucket = bucket(&clock, 5.0, 1.0);
    bucket.try_acquire(5).unwrap();
    let (served, mut executor) = (Served::default(), Executor::new(&clock));
    let waits = bucket.clone();
    let runtime = clock.runtime();
    executor.spawn(async move {
        // In the queue first, with much; gone after half a second.
        let wait = std::pin::pin!(waits.acquire(5, None));
        let sleep = runtime.sleep(seconds(0.5));
        futures::future::select(wait, sleep).await;
    });
    for who in [1, 2] {
        executor.spawn(served.clone().wait(who, 1, bucket.clone(), clock.clone()));
    }
    executor.run().unwrap();
    assert!(close(&served.times(), &[1.0, 2.0]), "{:?}", served.times());
    assert_eq!((served.order(), bucket.waiters()), (vec![1, 2], 0));
}

#[test]
fn a_timeout_too_short_is_an_error_at_once_that_says_when() {
    let clock = VirtualClock::new();
    let bucket = bucket(&clock, 2.0, 0.5);
    bucket.try_acquire(2).unwrap();
    assert!(matches!(bucket.try_acquire(1), Err(Refused::NotYet(wait)) if wait >= seconds(2.0)));
    let error = clock.block_on(bucket.acquire(1, Some(seconds(1.9)))).unwrap_err();
    let wait = error.retry_at().unwrap().duration_since(clock.runtime().unix_time()).unwrap();
    assert_eq!((error.kind(), clock.elapsed()), (ErrorKind::RateLimited, Duration::ZERO));
    assert!((2.0..2.001).contains(&wait.as_secs_f64()), "{wait:?}");
    assert_eq!(bucket.waiters(), 0);
    clock.block_on(bucket.acquire(1, Some(seconds(2.1)))).unwrap();
    assert!((2.0..2.001).contains(&clock.elapsed().as_secs_f64()));
}

#[test]
fn a_call_that_would_wait_too_long_for_a_token_says_when() {
    for way in BOTH {
        let mut metered = settings(1);
        (metered.rate_limit_capacity, metered.rate_limit_refill_rate) = (1.0, 0.1);
        let scene = Scene::by(metered, move |_| way.answer("yes"));
        scene.ask(way).unwrap();
        let options = ChatOptions::default().timeout(seconds(9.0));
        let error = scene.ask_with(way, options).unwrap_err();
        assert_eq!((error.kind(), scene.elapsed()), (ErrorKind::RateLimited, 0.0));
        let wait = error.retry_at().unwrap().duration_since(scene.clock.runtime().unix_time());
        assert!((wait.unwrap().as_secs_f64() - 10.0).abs() < 1e-3);
        scene.ask(way).unwrap();
        assert!((scene.elapsed() - 10.0).abs() < 1e-3);
    }
}

#[test]
fn more_than_the_capacity_is_refused_at_once() {
    let clock = VirtualClock::new();
    let bucket = bucket(&clock, 2.5, 1.0);
    assert_eq!(bucket.try_acquire(3), Err(Refused::MoreThanCapacity(2.5)));
    let error = clock.block_on(bucket.acquire(3, None)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.message().contains("2.5"), "{error}");
    assert_eq!((clock.elapsed(), bucket.tokens()), (Duration::ZERO, 2.5));
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let clock = VirtualClock::new();
    let bad = [0.0, -1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
    for bad in bad {
        for (capacity, refill_rate, path) in
            [(bad, 1.0, "rate_limit_capacity"), (1.0, bad, "rate_limit_refill_rate")]
        {
            let made = TokenBucket::with_runtime(capacity, refill_rate, clock.runtime());
            assert_eq!(made.unwrap_err().problems()[0].path, path);
        }
    }
    let both = TokenBucket::with_runtime(0.5, 0.0, clock.runtime()).unwrap_err();
    assert_eq!(both.problems().len(), 2);
}

#[test]
fn a_reset_serves_who_waits() {
    let clock = VirtualClock::new();
    let bucket = bucket(&clock, 3.0, 0.001);
    bucket.try_acquire(3).unwrap();
    let (served, mut executor) = (Served::default(), Executor::new(&clock));
    for who in 1..=4 {
        executor.spawn(served.clone().wait(who, 1, bucket.clone(), clock.clone()));
    }
    let (resets, runtime) = (bucket.clone(), clock.runtime());
    executor.spawn(async move {
        runtime.sleep(seconds(1.0)).await;
        resets.reset();
    });
    executor.run().unwrap();
    assert_eq!(served.order(), [1, 2, 3, 4]);
    assert!(close(&served.times()[..3], &[1.0; 3]), "{:?}", served.times());
    assert!(served.times()[3] > 999.0);
}

#[test]
fn a_token_whose_attempt_never_started_comes_back() {
    for way in BOTH {
        let mut metered = settings(1);
        (metered.rate_limit_capacity, metered.rate_limit_refill_rate) = (2.0, 0.001);
        let limited = Reply::status(429).header("retry-after", "5");
        let scene = Scene::with(metered, [limited, way.answer("yes")]);
        // The first try takes one, the wait for the key holds none, the second takes the other.
        scene.ask(way).unwrap();
        assert!((5.0..5.01).contains(&scene.elapsed()));
        assert!(scene.llm.token_bucket().tokens() < 0.01);
        assert_eq!(scene.llm.token_bucket().waiters(), 0);
    }
    // Likewise where the call finds no key at all.
    let mut metered = settings(1);
    (metered.rate_limit_capacity, metered.rate_limit_refill_rate) = (2.0, 0.001);
    let scene = Scene::with(metered, [Reply::status(401)]);
    scene.ask(BOTH[0]).unwrap_err();
    scene.ask(BOTH[0]).unwrap_err();
    assert!(scene.llm.token_bucket().tokens() >= 1.0);
}

/// A platform whose clock an administrator sets back, which a `Runtime` must not show but may.
struct Careless {
    clock: VirtualClock,
    set_back: AtomicI64,
}

impl Runtime for Careless {
    fn now(&self) -> Timestamp {
        let shown =
            1_000_000 + self.clock.elapsed().as_millis() as i64 - self.set_back.load(Relaxed);
        Timestamp::new(Duration::from_millis(u64::try_from(shown).unwrap()))
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.clock.runtime().sleep(duration)
    }

    fn unix_time(&self) -> SystemTime {
        self.clock.runtime().unix_time()
    }

    fn random_seed(&self) -> u64 {
        7
    }
}

#[test]
fn a_clock_that_steps_back_changes_nothing() {
    let clock = VirtualClock::new();
    let careless = Arc::new(Careless { clock: clock.clone(), set_back: AtomicI64::new(0) });
    let bucket = TokenBucket::with_runtime(1.0, 1.0, careless.clone()).unwrap();
    bucket.try_acquire(1).unwrap();
    let (served, mut executor) = (Served::default(), Executor::new(&clock));
    for who in 1..=3 {
        executor.spawn(served.clone().wait(who, 1, bucket.clone(), clock.clone()));
    }
    let runtime = clock.runtime();
    executor.spawn(async move {
        runtime.sleep(seconds(1.5)).await;
        careless.set_back.store(900_000, Relaxed);
    });
    executor.run().unwrap();
    assert_eq!(served.order(), [1, 2, 3]);
    let times = served.times();
    // What had come in since the last look, at most, is lost; nothing is gained and nobody hangs.
    assert!(close(&times[..1], &[1.0]) && times[1] >= 2.0 - 1e-4 && times[2] >= 3.0 - 1e-4);
    assert!(times[2] <= 4.0 + 1e-4, "{times:?}");
    assert_eq!(bucket.tokens().floor(), 0.0);
}

#[test]
fn clients_of_one_config_and_clones_share_a_bucket() {
    let clock = VirtualClock::new();
    let load = |text: &str| {
        let provider = ScriptedTransport::new(&clock, |_| Reply::answer("yes"));
        ConfigLoader::new().runtime(clock.runtime()).transport(Arc::new(provider)).load_str(text)
    };
    let entry = |capacity: u32| {
        format!(
            r#"{{"api_keys": ["{}"], "base_url": "https://h.test/v1", "model": "m",
                "rate_limit_capacity": {capacity}}}"#,
            key(1)
        )
    };
    let one = load(&format!(r#"{{"a": {{"x": {}, "y": {}}}}}"#, entry(7), entry(7))).unwrap();
    one["a"]["x"].token_bucket().try_acquire(2).unwrap();
    assert_eq!(one["a"]["y"].token_bucket().tokens(), 5.0);
    assert_eq!(one["a"]["x"].clone().token_bucket().tokens(), 5.0);
    let again = load(&format!(r#"{{"a": {{"x": {}}}}}"#, entry(7))).unwrap();
    assert_eq!(again["a"]["x"].token_bucket().tokens(), 5.0);

    for text in [
        format!(r#"{{"a": {{"x": {}, "z": {}}}}}"#, entry(7), entry(8)),
        format!(r#"{{"b": {{"z": {}}}}}"#, entry(8)),
    ] {
        let error = load(&text).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(
            error.problems()[0].path.contains(".z") && error.message().contains("bucket"),
            "{error}"
        );
    }
    drop((one, again));
    assert!(load(&format!(r#"{{"b": {{"z": {}}}}}"#, entry(8))).is_ok(), "nobody uses the other");
}

#[test]
fn a_call_that_names_another_model_uses_that_models_bucket() {
    let clock = VirtualClock::new();
    let provider = ScriptedTransport::new(&clock, |_| Reply::answer("yes"));
    let client = |model: &str, capacity| {
        let mut settings = settings(1);
        settings.name = model.to_owned();
        settings.model = model.to_owned();
        (settings.rate_limit_capacity, settings.rate_limit_refill_rate) = (capacity, 0.01);
        let builder = OpenAiCompatible::builder(settings).runtime(clock.runtime());
        builder.transport(Arc::new(provider.clone())).build().unwrap()
    };
    let (a, b) = (client("a", 3.0), client("b", 5.0));
    for model in ["b", "c", "c"] {
        let options = ChatOptions::default().model(model);
        clock.block_on(ask(&a, BOTH[0], options)).unwrap();
    }
    assert_eq!(a.token_bucket().tokens(), 3.0);
    assert_eq!(b.token_bucket().tokens(), 4.0, "the other client's, with its limits");
    // A model that no client was made for has this client's limits, in a bucket of its own.
    let times = Arc::new(Mutex::new(Vec::new()));
    for _ in 0..2 {
        clock.block_on(ask(&a, BOTH[0], ChatOptions::default().model("c"))).unwrap();
        times.lock().unwrap().push(clock.elapsed().as_secs_f64());
    }
    let times = times.lock().unwrap();
    assert!(times[0] == 0.0 && (times[1] - 100.0).abs() < 0.1, "{times:?}");
}

/// The law holds on threads too: whoever reads the clock has the bucket to itself.
#[test]
#[allow(clippy::disallowed_methods)] // the law is about real time here
fn threads_get_no_more_than_the_law_allows() {
    let (capacity, rate) = (50.0, 2_000.0);
    let began = std::time::Instant::now();
    let bucket = TokenBucket::new(capacity, rate).unwrap();
    let greedy = || (0..60_000).filter(|_| bucket.try_acquire(1).is_ok()).count();
    let granted: usize = std::thread::scope(|threads| {
        let busy: Vec<_> = (0..8).map(|_| threads.spawn(greedy)).collect();
        busy.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    let allowed = capacity + rate * began.elapsed().as_secs_f64();
    assert!(granted as f64 <= allowed, "{granted} granted, {allowed} allowed");
    assert!(granted as f64 >= capacity);
}

#[test]
fn a_guess_at_a_bucket_gives_way_to_a_clients_limits() {
    let clock = VirtualClock::new();
    let transport = Arc::new(ScriptedTransport::new(&clock, |_| Reply::answer("yes")));
    let client = |model: &str, capacity: f64| {
        let mut settings = settings(1);
        (settings.name, settings.model) = (model.to_owned(), model.to_owned());
        settings.rate_limit_capacity = capacity;
        let builder = OpenAiCompatible::builder(settings).transport(transport.clone());
        builder.runtime(clock.runtime()).build()
    };
    let small = client("small", 10.0).unwrap();
    let options = ChatOptions::default().model("large");
    clock.block_on(ask(&small, BOTH[0], options)).unwrap();
    let large = client("large", 3.0).unwrap();
    assert_eq!(large.token_bucket().tokens(), 2.0, "what was taken by the guess stays taken");
    let clash = client("large", 4.0).unwrap_err();
    assert_eq!(clash.kind(), ErrorKind::Config);
}
