//! Caps: so many requests at once and no more, and those who wait stand in line.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::{FutureExt, StreamExt};
use lockkeeper::codec::ForwardRequest;
use lockkeeper::testing::{Executor, Reply, ScriptedTransport, VirtualClock};
use lockkeeper::{
    ChatOptions, ErrorKind, Event, Fallback, LlmInterface, ModelSettings, Observer,
    OpenAiCompatible, WaitFor,
};

use crate::scripted::{BASE_URL, BOTH, Scene, Way, ask, question, seconds, settings};
use crate::{Sent, all, calls, priority, sent};

/// What calls wait for, and how long.
#[derive(Default)]
struct Waits(Mutex<Vec<(u64, WaitFor, Option<Duration>)>>);

impl Observer for Waits {
    fn on_event(&self, call: u64, event: &Event<'_>) {
        if let Event::Waits { reason, planned, .. } = event {
            self.0.lock().unwrap().push((call, *reason, *planned));
        }
    }
}

/// So many keys, and so many requests at once: in all, and on each key.
fn crowded(keys: usize, in_all: Option<u32>, on_each: Option<u32>) -> ModelSettings {
    let mut settings = settings(keys);
    (settings.max_concurrency, settings.max_concurrency_per_key) = (in_all, on_each);
    settings.rate_limit_capacity = 999.0; // without any limit, keys begin slowly
    settings
}

/// So many calls at once.
fn at_once(count: usize) -> Vec<crate::Arrival> {
    vec![(0.0, ChatOptions::default()); count]
}

/// Each request but the first `most` begins just when the one so many before it ends.
fn one_in_one_out(sent: &Sent, most: usize, latency: f64) {
    for (n, (_, at)) in sent.iter().enumerate() {
        let expected = (n / most) as f64 * latency;
        assert!((at - expected).abs() < 1e-3, "request {n} is sent at {at}, not {expected}");
    }
}

#[test]
fn so_many_at_once_and_none_waits_while_there_is_room() {
    for way in BOTH {
        for (keys, in_all, on_each, most) in
            [(2, Some(3), None, 3), (2, None, Some(2), 4), (3, Some(5), Some(1), 3)]
        {
            let sent = sent(crowded(keys, in_all, on_each), way, 1.0, at_once(20));
            one_in_one_out(&sent, most, 1.0);
            assert_eq!(calls(&sent), (0..20).collect::<Vec<_>>(), "first come, first served");
        }
    }
}

#[test]
fn who_waits_for_room_goes_by_priority_and_nobody_overtakes() {
    let arrivals = vec![
        (0.0, priority(0)),
        (0.1, priority(0)),
        (0.2, priority(-1)),
        (0.3, priority(1)),
        // It comes just when the place of the first is free, and finds a line.
        (1.0, priority(0)),
    ];
    let sent = sent(crowded(1, Some(1), None), Way::Chat, 1.0, arrivals);
    assert_eq!(calls(&sent), [0, 3, 1, 4, 2]);
    one_in_one_out(&sent, 1, 1.0);
}

#[test]
fn a_stream_takes_room_to_its_end_or_until_it_is_dropped() {
    let scene =
        Scene::by(crowded(1, Some(1), None), |_| Reply::stream(["a", "b"]).pace(seconds(1.0)));
    let mut stream = scene.stream();
    scene.clock.block_on(stream.next()).unwrap().unwrap();
    let mut second = pin!(ask(&scene.llm, Way::Stream, ChatOptions::default()));
    assert!(scene.clock.block_on(async { second.as_mut().now_or_never() }).is_none());
    assert_eq!(scene.provider.requests().len(), 1);
    drop(stream);
    scene.clock.block_on(second).unwrap();
    assert_eq!((scene.provider.requests().len(), scene.llm.key_pool().in_flight()), (2, 0));
}

#[test]
fn a_forwarded_request_takes_room_until_its_body_ends() {
    let scene = Scene::by(crowded(1, Some(1), None), |_| Reply::answer("yes"));
    let request = ForwardRequest {
        method: "POST".into(),
        url: format!("{BASE_URL}/chat/completions"),
        headers: Vec::new(),
        body: "{}".into(),
        model: None,
        streams: false,
    };
    let (mut response, _) = scene.clock.block_on(scene.llm.forward(request)).unwrap();
    let hurried = ChatOptions::default().timeout(seconds(2.0));
    let error = scene.ask_with(Way::Chat, hurried.clone()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RateLimited);
    assert!((scene.elapsed() - 2.0).abs() < 1e-3, "{}", scene.elapsed());
    scene.clock.block_on(async { while response.body.next().await.is_some() {} });
    scene.ask_with(Way::Chat, hurried).unwrap();
}

#[test]
fn who_leaves_the_line_at_any_moment_takes_nothing_with_it() {
    for polls in 0..6 {
        let scene =
            Scene::by(crowded(1, Some(1), None), |_| Reply::answer("yes").after(seconds(1.0)));
        let mut executor = Executor::new(&scene.clock);
        let leaver = scene.llm.clone();
        let ends = all(&scene, &mut executor, Way::Chat, at_once(1));
        executor.spawn(async move {
            let mut call = leaver.chat(question(), ChatOptions::default());
            let mut left = polls;
            poll_fn(|cx| {
                left -= 1;
                if left < 0 { std::task::Poll::Ready(()) } else { call.poll_unpin(cx).map(|_| ()) }
            })
            .await;
        });
        let others = all(&scene, &mut executor, Way::Chat, at_once(2));
        executor.run().unwrap();
        let ended_well =
            [&ends, &others].map(|ends| ends.borrow().iter().all(|(_, end)| end.is_ok()));
        assert_eq!(ended_well, [true; 2]);
        assert_eq!(scene.llm.key_pool().in_flight(), 0);
        assert!(scene.elapsed() < 4.1, "{polls} polls: {}", scene.elapsed());
    }
}

#[test]
fn a_forgotten_waiter_does_not_stop_the_rest() {
    let scene = Scene::by(crowded(1, Some(1), None), |_| Reply::answer("yes").after(seconds(1.0)));
    let mut executor = Executor::new(&scene.clock);
    let ends = all(&scene, &mut executor, Way::Chat, at_once(1));
    // It joins the line, and is never polled again, nor dropped before the end.
    let forgotten = Rc::new(Cell::new(None));
    let (llm, kept) = (scene.llm.clone(), forgotten.clone());
    executor.spawn(async move {
        let mut call = llm.chat(question(), ChatOptions::default());
        poll_fn(|cx| {
            assert!(call.poll_unpin(cx).is_pending());
            std::task::Poll::Ready(())
        })
        .await;
        kept.set(Some(call));
    });
    let others = all(&scene, &mut executor, Way::Chat, at_once(2));
    executor.run().unwrap();
    assert_eq!((ends.borrow().len(), others.borrow().len()), (1, 2));
    assert!(scene.elapsed() < 6.0, "{}", scene.elapsed());
    drop(forgotten.take());
}

#[test]
fn where_somebody_else_can_answer_nobody_waits_long_for_room() {
    let scene = Scene::by(crowded(1, Some(1), None), |_| Reply::answer("one").after(seconds(60.0)));
    let mut elsewhere = settings(1);
    elsewhere.base_url = "https://elsewhere.test/v1".to_owned();
    let other = ScriptedTransport::new(&scene.clock, |_| Reply::answer("two"));
    let other = OpenAiCompatible::builder(elsewhere).transport(Arc::new(other));
    let other = other.runtime(scene.clock.runtime()).build().unwrap();
    let both = Fallback::new([scene.llm.clone(), other]);
    let mut executor = Executor::new(&scene.clock);
    let answers = Arc::new(Mutex::new(Vec::new()));
    for _ in 0..2 {
        let (both, answers) = (both.clone(), answers.clone());
        executor.spawn(async move {
            let answer = ask(&both, Way::Chat, ChatOptions::default()).await.unwrap();
            answers.lock().unwrap().push(answer);
        });
    }
    executor.run().unwrap();
    assert_eq!(*answers.lock().unwrap(), ["two", "one"]);
}

#[test]
fn a_wait_for_room_is_told_as_such() {
    let clock = VirtualClock::new();
    let provider = ScriptedTransport::new(&clock, |_| Reply::answer("yes").after(seconds(1.0)));
    let waits = Arc::new(Waits::default());
    let llm = OpenAiCompatible::builder(crowded(1, None, Some(1))).transport(Arc::new(provider));
    let llm = llm.runtime(clock.runtime()).observer(waits.clone()).build().unwrap();
    let mut executor = Executor::new(&clock);
    for _ in 0..2 {
        let llm = llm.clone();
        executor.spawn(async move {
            ask(&llm, Way::Chat, ChatOptions::default()).await.unwrap();
        });
    }
    executor.run().unwrap();
    assert_eq!(*waits.0.lock().unwrap(), [(1, WaitFor::Concurrency, None)]);
    assert_eq!(llm.stats().waits, 1);
}

#[test]
fn a_long_line_is_no_stampede() {
    const CALLS: usize = 2_000;
    let scene = Scene::by(crowded(1, Some(2), None), |_| Reply::answer("yes").after(seconds(0.01)));
    let mut executor = Executor::new(&scene.clock);
    let polls = Rc::new(Cell::new(0));
    for _ in 0..CALLS {
        let (llm, polls) = (scene.llm.clone(), polls.clone());
        executor.spawn(async move {
            let mut call = pin!(ask(&llm, Way::Chat, ChatOptions::default()));
            poll_fn(|cx| {
                polls.set(polls.get() + 1);
                call.as_mut().poll(cx)
            })
            .await
            .unwrap();
        });
    }
    executor.run().unwrap();
    assert!((scene.elapsed() - 10.0).abs() < 0.1, "{}", scene.elapsed());
    assert!(polls.get() < 12 * CALLS, "{} polls", polls.get());
}
