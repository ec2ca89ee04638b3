//! The clocks of a stream: to its headers, to its first token, between its parts, and after its end.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used)] // in helpers too, a failure is the test's

mod scripted;

use futures::StreamExt;
use lockkeeper::testing::Reply;
use lockkeeper::{ChatOptions, Clock, ErrorKind, StreamState};
use scripted::events::{done, read, stop, text, usage};
use scripted::{Scene, Way, seconds, settings};
use serde_json::json;

#[test]
fn a_late_usage_is_waited_for_but_no_longer_than_a_second() {
    let ask = |late: f64| {
        let scene = Scene::with(
            settings(1),
            [Reply::events([text("a"), stop(), usage(42)]).pace(seconds(late)).stall_after(3)],
        );
        let mut stream = scene.stream();
        let (_, error) = scene.clock.block_on(read(&mut stream));
        assert_eq!((error, stream.state()), (None, StreamState::Finished));
        assert_eq!(scene.provider.open_requests(), 0);
        (stream.usage().total_tokens, scene.elapsed())
    };
    let (total, elapsed) = ask(0.9);
    assert_eq!(total, 42);
    assert!(elapsed <= 2.0 * 0.9 + 1.0 + 1e-6, "a second from the finish_reason on: {elapsed}");
    let (total, elapsed) = ask(1.1);
    assert_ne!(total, 42);
    assert!((elapsed - (2.0 * 1.1 + 1.0)).abs() < 1e-6, "{elapsed}");
}

#[test]
fn chunks_after_the_end_do_not_put_it_off() {
    let chatter = std::iter::repeat_n(json!({"choices": []}).to_string(), 100);
    let events = [text("a"), stop()].into_iter().chain(chatter);
    let scene = Scene::new(1, [Reply::events(events).pace(seconds(0.5))]);
    let mut stream = scene.stream();
    let (_, error) = scene.clock.block_on(read(&mut stream));
    assert_eq!((error, stream.state()), (None, StreamState::Finished));
    assert!(scene.elapsed() <= 2.0 * 0.5 + 1.0 + 1e-6, "{}", scene.elapsed());
}

#[test]
fn a_provider_that_ignores_n_is_waited_for_until_it_is_idle() {
    let ask = |events: Vec<String>, options: ChatOptions| {
        let reply = Reply::events(events.clone()).stall_after(events.len());
        let scene = Scene::new(1, [reply]);
        let outcome = scene.ask_with(Way::Stream, options.n(2).idle_timeout(seconds(5.0)));
        assert_eq!(scene.provider.open_requests(), 0);
        (outcome.map_err(|error| error.clock()), scene.elapsed())
    };
    let none = ChatOptions::default();
    assert_eq!(ask(vec![text("a"), stop()], none.clone()), (Ok("a".to_owned()), 5.0));
    // What is unfinished, or has no time left for the other, is no answer.
    assert_eq!(ask(vec![text("a")], none.clone()), (Err(Some(Clock::Idle)), 5.0));
    let hurried = none.timeout(seconds(3.0));
    assert_eq!(ask(vec![text("a"), stop()], hurried), (Err(Some(Clock::Total)), 3.0));
}

#[test]
fn the_wait_for_usage_runs_only_while_somebody_reads() {
    let scene =
        Scene::new(1, [Reply::events([text("a"), stop(), usage(42), done()]).pace(seconds(0.4))]);
    let mut stream = scene.stream();
    scene.clock.block_on(async {
        stream.next().await.unwrap().unwrap();
        stream.next().await.unwrap().unwrap();
        scene.clock.runtime().sleep(seconds(30.0)).await;
        assert_eq!(read(&mut stream).await.1, None);
    });
    assert_eq!(stream.usage().total_tokens, 42);
}

#[test]
fn silent_streams_are_ended_by_their_clocks() {
    let clocks = || {
        let clocks = ChatOptions::default().headers_timeout(seconds(10.0));
        clocks.first_token_timeout(seconds(20.0)).idle_timeout(seconds(30.0)).max_retries(0)
    };
    let quiet = || Reply::stream(["a", "b"]);
    let comments = Reply::events([text("a")]).pace(seconds(3.0));
    let keep_alive = std::iter::repeat_n(": keep-alive\n\n", 99).collect::<String>();
    for (reply, options, clock, at) in [
        (Reply::silence(), clocks(), Clock::Headers, 10.0),
        (quiet().after(seconds(11.0)), clocks(), Clock::Headers, 10.0),
        (quiet().stall_after(0), clocks(), Clock::FirstToken, 20.0),
        (quiet().after(seconds(9.0)).pace(seconds(12.0)), clocks(), Clock::FirstToken, 20.0),
        (quiet().stall_after(1), clocks(), Clock::Idle, 30.0),
        (comments.body(keep_alive).stall_after(1), clocks(), Clock::FirstToken, 20.0),
        // From sending on, whether the headers are there or not.
        (Reply::silence(), clocks().first_token_timeout(seconds(5.0)), Clock::FirstToken, 5.0),
        (quiet().stall_after(1), clocks().timeout(seconds(7.0)), Clock::Total, 7.0),
    ] {
        let scene = Scene::new(1, [reply]);
        let error = scene.ask_with(Way::Stream, options).unwrap_err();
        assert_eq!((error.kind(), error.clock()), (ErrorKind::Timeout, Some(clock)), "{error}");
        assert_eq!((scene.elapsed(), scene.provider.open_requests()), (at, 0));
    }
}

#[test]
fn silence_before_the_first_token_is_tried_again() {
    for silent in [Reply::silence(), Reply::stream(["a"]).stall_after(0)] {
        let scene = Scene::new(1, [silent, Reply::stream(["at last"])]);
        let options = ChatOptions::default().first_token_timeout(seconds(60.0));
        assert_eq!(scene.ask_with(Way::Stream, options).unwrap(), "at last");
        assert!((60.5..=61.0).contains(&scene.sent_at()[1]));
    }
    let scene = Scene::new(1, [Reply::silence(), Reply::answer("no")]);
    let error = scene.ask(Way::Chat).unwrap_err();
    assert_eq!((error.clock(), scene.elapsed()), (Some(Clock::Total), 600.0), "chat has its total");
}

#[test]
fn the_idle_clock_runs_only_while_somebody_reads() {
    let scene = Scene::new(1, [Reply::stream(["a", "b"]).pace(seconds(50.0))]);
    let mut stream = scene.stream();
    scene.clock.block_on(async {
        stream.next().await.unwrap().unwrap();
        scene.clock.runtime().sleep(seconds(3_600.0)).await;
        assert_eq!(read(&mut stream).await, ("b".to_owned(), None));
    });
}
