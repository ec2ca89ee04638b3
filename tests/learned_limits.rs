//! Keys with limits that nobody has told the client of: how soon it finds them out, and keeps to them.
//!
//! Four keys of five requests a second each and two hundred calls at once, against providers that
//! count in every way, with and without headers. What a client that knew all would need is computed;
//! the figures asserted are for each answer's delay.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used)] // in helpers too, a failure is the test's

mod limited_provider;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use limited_provider::{Counting, Speaks, counted_by};
use lockkeeper::testing::{Reply, ScriptedTransport, VirtualClock};
use lockkeeper::{ChatOptions, ErrorKind, LlmInterface, Message, ModelSettings, OpenAiCompatible};
use mock_provider::{KeySettings, MockProvider};

const CALLS: usize = 200;
const KEYS: usize = 4;

/// What came of a run.
#[derive(Debug)]
struct Run {
    /// The makespan, by the least that is possible.
    ratio: f64,
    refused: usize,
    sent: usize,
}

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

fn client(clock: &VirtualClock, transport: ScriptedTransport, limit: f64) -> OpenAiCompatible {
    let keys = (0..KEYS).map(|key| format!("sk-0123456789-{key}"));
    let mut settings = ModelSettings::new("limited", "m", keys);
    settings.base_url = "https://limited.test/v1".to_owned();
    (settings.rate_limit_capacity, settings.rate_limit_refill_rate) = (limit, limit);
    let builder = OpenAiCompatible::builder(settings).transport(Arc::new(transport));
    builder.runtime(clock.runtime()).build().unwrap()
}

/// When each request came, and whether it was granted.
type Log = Arc<Mutex<Vec<(f64, bool)>>>;

/// A provider that counts so, each key for itself, and refuses at once.
fn provider(
    clock: &VirtualClock,
    counting: Counting,
    speaks: Speaks,
    delay: f64,
) -> (ScriptedTransport, Log) {
    let keys = Mutex::new((0..KEYS).map(|_| counted_by(counting)).collect::<Vec<_>>());
    let (log, elapsed) = (Log::default(), clock.clone());
    let told = log.clone();
    let transport = ScriptedTransport::new(clock, move |request| {
        let key = request.header("authorization").and_then(|key| key.chars().last());
        let key = key.and_then(|key| key.to_digit(10)).unwrap() as usize;
        let now = elapsed.elapsed().as_secs_f64();
        let verdict = keys.lock().unwrap()[key].takes(now);
        told.lock().unwrap().push((now, verdict.is_granted));
        let reply = match verdict.is_granted {
            true => Reply::answer("Hi!").after(seconds(delay)),
            false => Reply::status(429).after(seconds(0.001)),
        };
        let headers = verdict.headers(speaks).into_iter();
        headers.fold(reply, |reply, (name, value)| reply.header(name, &value))
    });
    (transport, log)
}

fn run(counting: Counting, speaks: Speaks, delay: f64) -> Run {
    let clock = VirtualClock::new();
    let (transport, log) = provider(&clock, counting, speaks, delay);
    let llm = client(&clock, transport, 1e6);
    let call = || llm.chat(vec![Message::user("Hi!")], ChatOptions::default());
    let answers = clock.block_on(futures::future::join_all((0..CALLS).map(|_| call())));
    answers.into_iter().for_each(|answer| assert_eq!(answer.unwrap().text(), "Hi!"));
    let least = counting.least_time_for(CALLS / KEYS) + delay;
    let ratio = clock.elapsed().as_secs_f64() / least;
    let log = log.lock().unwrap();
    let refused = log.iter().filter(|(_, is_granted)| !is_granted).count();
    Run { ratio, refused, sent: log.len() }
}

/// Runs against every way of counting, with every delay, and judges each run.
fn each(all_that: &[Speaks], judge: impl Fn(Counting, f64, &Run)) {
    for &speaks in all_that {
        for counting in Counting::EACH {
            for delay in [0.02, 0.1, 0.5, 2.0] {
                let run = run(counting, speaks, delay);
                println!("{speaks:?}, {counting:?}, {delay} s: {run:?}");
                judge(counting, delay, &run);
            }
        }
    }
}

#[test]
fn limits_that_are_told_are_kept_to_from_the_first_answer_on() {
    each(&[Speaks::All, Speaks::Headers], |counting, delay, run| {
        assert!(run.refused * 50 <= run.sent, "{run:?}");
        let most = match counting {
            // Nobody can know before the first answer that all may go at once.
            Counting::Window(300, ..) => 2.01,
            // The first answer comes when two windows have passed, which only a burst would have filled.
            Counting::Window(..) if delay > 1.0 => 1.11,
            _ => 1.10,
        };
        assert!(run.ratio <= most, "{counting:?}, {delay} s: {run:?}");
    });
}

#[test]
fn limits_that_are_hidden_are_found_out_by_a_few_refusals() {
    each(&[Speaks::RetryAfter, Speaks::Nothing], |counting, delay, run| {
        assert!(run.refused * 8 <= run.sent, "{run:?}");
        let most = match counting {
            // Where there is no limit, to see that takes 64 answers, or as many in time.
            Counting::Window(300, ..) => 1.0 + (4.0 * delay + 3.6).min(8.0 * delay) / delay,
            // A window that has begun before the first request is not known by its first refusal.
            Counting::Window(_, _, age) if age > 0.0 => 1.35,
            _ => 1.20,
        };
        assert!(run.ratio <= most, "{counting:?}, {delay} s: {run:?}");
    });
}

#[test]
fn a_rate_that_is_set_too_high_is_found_out_within_ten_seconds() {
    for speaks in [Speaks::All, Speaks::Headers, Speaks::RetryAfter, Speaks::Nothing] {
        let clock = VirtualClock::new();
        let (transport, log) = provider(&clock, Counting::Bucket(5.0, 5.0), speaks, 0.1);
        let llm = client(&clock, transport, 40.0);
        let call = |number: u32| {
            let (llm, runtime) = (llm.clone(), clock.runtime());
            async move {
                runtime.sleep(seconds(f64::from(number) / 25.0)).await; // more than the keys bear
                llm.chat(vec![Message::user("Hi!")], ChatOptions::default()).await.is_ok()
            }
        };
        let answers = clock.block_on(futures::future::join_all((0..1_000).map(call)));
        let answered = answers.into_iter().filter(|is_ok| *is_ok).count();
        let log = log.lock().unwrap();
        let refused = |from: f64, to: f64| {
            let within = log.iter().filter(|(at, _)| (from..to).contains(at));
            let refused = within.clone().filter(|(_, is_granted)| !is_granted).count();
            (refused, within.count())
        };
        let (later_refused, later_sent) = refused(10.0, 1e9);
        println!("{speaks:?}: {answered} answered, {:?}, {later_refused}", refused(0.0, 10.0));
        assert_eq!(answered, 1_000, "{speaks:?}");
        let one_in = if matches!(speaks, Speaks::All | Speaks::Headers) { 50 } else { 10 };
        assert!(
            later_refused * one_in <= later_sent,
            "{speaks:?}: {later_refused} of {later_sent}"
        );
        // They bear 20 a second, and a burst of 20.
        assert!(clock.elapsed() < seconds(1.05 * 49.1), "{speaks:?}: {:?}", clock.elapsed());
    }
}

/// Refuses so large a share of the requests, whatever comes, and asks for so many seconds of rest.
fn refusing_by_chance(clock: &VirtualClock, share: f64, rest: Option<u32>) -> ScriptedTransport {
    let state = Mutex::new(0x9E37_79B9_7F4A_7C15_u64);
    ScriptedTransport::new(clock, move |_| {
        let mut state = state.lock().unwrap();
        // Xorshift: the same numbers in every run.
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        if (*state >> 11) as f64 / (1u64 << 53) as f64 >= share {
            return Reply::answer("Hi!").after(seconds(0.3));
        }
        let refusal = Reply::status(429).after(seconds(0.001));
        rest.into_iter()
            .fold(refusal, |refusal, rest| refusal.header("retry-after", &rest.to_string()))
    })
}

#[test]
fn who_is_refused_by_chance_is_not_slowed_down() {
    for limit in [1e6, 40.0] {
        for (share, rest) in [
            (0.01, None),
            (0.05, None),
            (0.1, None),
            (0.01, Some(2)),
            (0.05, Some(1)),
            (0.1, Some(1)),
        ] {
            let clock = VirtualClock::new();
            let llm = client(&clock, refusing_by_chance(&clock, share, rest), limit);
            let call = |number: u32| {
                let (llm, runtime) = (llm.clone(), clock.runtime());
                async move {
                    runtime.sleep(seconds(f64::from(number) / 25.0)).await;
                    llm.chat(vec![Message::user("Hi!")], ChatOptions::default()).await.is_ok()
                }
            };
            let answers = clock.block_on(futures::future::join_all((0..2_000).map(call)));
            assert!(answers.into_iter().all(|is_ok| is_ok));
            let ratio = clock.elapsed().as_secs_f64() / 80.3;
            println!("{limit}, {share} refused, {rest:?}: {ratio:.3}");
            assert!(ratio < 1.05, "{limit}, {share} refused, {rest:?}: {ratio}");
        }
    }
}

#[test]
fn a_key_that_has_nothing_left_is_not_used_before_its_reset() {
    for (remaining, reset) in [
        ("x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),
        ("x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
        ("x-ratelimit-remaining", "x-ratelimit-reset"),
    ] {
        for limit in [None, Some("x-ratelimit-limit-requests")] {
            let clock = VirtualClock::new();
            let transport = ScriptedTransport::new(&clock, move |_| {
                let reply = Reply::answer("Hi!").header(remaining, "0").header(reset, "7s");
                limit.into_iter().fold(reply, |reply, limit| reply.header(limit, "3"))
            });
            let llm = client(&clock, transport.clone(), 10.0);
            for _ in 0..2 * KEYS {
                let answer = llm.chat(vec![Message::user("Hi!")], ChatOptions::default());
                clock.block_on(answer).unwrap();
            }
            let sent = transport.requests();
            let at = |number: usize| (sent[number].at - sent[0].at).as_secs_f64();
            assert!(at(KEYS - 1) < 0.01 && at(KEYS) >= 7.0, "{remaining}: {}", at(KEYS));
            assert!(at(2 * KEYS - 1) < 7.1, "{remaining}: {}", at(2 * KEYS - 1));
        }
    }
}

#[test]
fn headers_that_lie_stop_nothing_for_longer_than_they_say() {
    for (limit, remaining, reset) in [
        ("5", "0", "8760h"),
        ("5", "-3", "1s"),
        ("0", "0", "0"),
        ("5", "999999999999", "1s"),
        ("99999999999999", "3", "1ms"),
        ("3", "1", "0.000001"),
        ("1", "1", "8760h"),
    ] {
        let clock = VirtualClock::new();
        let transport = ScriptedTransport::new(&clock, move |_| {
            Reply::answer("Hi!")
                .header("x-ratelimit-limit-requests", limit)
                .header("x-ratelimit-remaining-requests", remaining)
                .header("x-ratelimit-reset-requests", reset)
        });
        let llm = client(&clock, transport, 1e6);
        let options = ChatOptions::default().timeout(seconds(5.0));
        let call = || llm.chat(vec![Message::user("Hi!")], options.clone());
        let answers = clock.block_on(futures::future::join_all((0..60).map(|_| call())));
        assert!(clock.elapsed() <= seconds(5.0), "{limit} {remaining} {reset}");
        let answered = answers.iter().filter(|answer| answer.is_ok()).count();
        assert!(answered == 60 || reset == "8760h", "{limit} {remaining} {reset}: {answered}");
        for error in answers.into_iter().filter_map(Result::err) {
            assert_eq!(error.kind(), ErrorKind::RateLimited);
            assert!(error.retry_at().is_some());
        }
    }
}

#[tokio::test]
async fn over_real_sockets_too() {
    for (speaks, most, one_in) in [(true, 1.10, 50), (false, 1.20, 8)] {
        let keys: Vec<String> = (0..KEYS).map(|key| format!("sk-0123456789-{key}")).collect();
        let limited = keys.iter().map(|key| KeySettings::limited(key, 5, 5.0)).collect();
        let provider = MockProvider::start(mock_provider::Settings {
            keys: limited,
            latency: seconds(0.05),
            send_ratelimit_headers: speaks,
            send_retry_after: false,
            ..Default::default()
        });
        let provider = provider.await.unwrap();
        let mut settings = ModelSettings::new("limited", "m", keys);
        settings.base_url = provider.base_url();
        (settings.rate_limit_capacity, settings.rate_limit_refill_rate) = (1e6, 1e6);
        let llm = OpenAiCompatible::new(settings).unwrap();
        let call = || llm.chat(vec![Message::user("Hi!")], ChatOptions::default());
        let answers = futures::future::join_all((0..CALLS).map(|_| call())).await;
        answers.into_iter().for_each(|answer| drop(answer.unwrap()));
        let log = provider.log();
        let refused = log.iter().filter(|request| request.status == Some(429)).count();
        let took = log.iter().map(|request| request.started).max().unwrap() - log[0].started;
        let ratio = took.as_secs_f64() / Counting::Bucket(5.0, 5.0).least_time_for(CALLS / KEYS);
        println!("headers {speaks}: {ratio:.3}, {refused} refused of {}", log.len());
        assert!(refused * one_in <= log.len(), "{refused} refused of {}", log.len());
        assert!(ratio <= most, "{ratio} of the least time");
        provider.stop().await;
    }
}
