//! Streams: how they begin, what they hold back, and their one terminal state.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used)] // in helpers too, a failure is the test's

mod scripted;

use futures::StreamExt;
use lockkeeper::testing::Reply;
use lockkeeper::{ChatOptions, ErrorKind, LlmInterface, StreamState};
use scripted::events::{choice, chunk, done, read, read_events, stop, text, usage};
use scripted::{Scene, Way, label, question, seconds, settings};
use serde_json::{Value, json};

#[test]
fn nothing_is_sent_before_the_first_read() {
    let scene = Scene::new(1, [Reply::stream(["a"])]);
    let mut stream = scene.stream();
    scene.clock.advance(seconds(5.0));
    assert!(scene.provider.requests().is_empty());
    assert_eq!((stream.state(), stream.key_label()), (StreamState::Open, None));
    scene.clock.block_on(read(&mut stream));
    assert_eq!(scene.sent_at(), [5.0]);
}

#[test]
fn finished() {
    let scene = Scene::new(2, [Reply::status(401), Reply::stream(["Hel", "lo"])]);
    let mut stream = scene.stream();
    let (text, error) = scene.clock.block_on(read(&mut stream));
    assert_eq!((text.as_str(), error), ("Hello", None));
    assert_eq!((stream.state(), stream.partial().text.as_str()), (StreamState::Finished, "Hello"));
    assert_eq!((stream.usage().total_tokens, stream.usage().estimated), (8, false));
    assert_eq!(stream.key_label(), Some(label(2)));
    assert_eq!(stream.attempts().len(), 1, "the one that failed");
    assert_eq!(scene.llm.stats().succeeded, 1);
    assert_eq!((scene.llm.input_token_count(), scene.llm.output_token_count()), (5, 3));
    assert_eq!((scene.llm.key_pool().in_flight(), scene.provider.open_requests()), (0, 0));
}

#[test]
fn truncated() {
    for ending in [Reply::end_after, Reply::cut_after] {
        let reply = Reply::stream(["Hel", "lo", "!"]).pace(seconds(0.5)).after(seconds(1.0));
        let scene = Scene::new(2, [Reply::status(503), ending(reply, 2), Reply::stream(["no"])]);
        let mut stream = scene.stream();
        let (text, error) = scene.clock.block_on(read(&mut stream));
        let error = error.unwrap();
        assert_eq!((error.kind(), stream.state()), (ErrorKind::Truncated, StreamState::Truncated));
        assert_eq!((text.as_str(), error.partial().unwrap().text.as_str()), ("Hello", "Hello"));
        let usage = error.usage().unwrap();
        assert!(usage.estimated && usage.completion_tokens > 0 && usage.prompt_tokens > 0);
        assert_eq!(error.key_label(), Some(&*label(2)));
        let [first, second] = error.attempts() else { panic!("{error:?}") };
        assert_eq!((first.status, second.kind), (Some(503), ErrorKind::Truncated));
        // From its own start, not the call's: headers after 1 s, two pieces and the end of the body.
        assert_eq!(
            second.started_after,
            scene.provider.requests()[1].at - scene.provider.requests()[0].at
        );
        assert_eq!(second.took, seconds(2.5));
        assert_eq!(scene.sent_at().len(), 2, "never replayed silently");
        assert_eq!(scene.llm.stats().failed, 1);
        assert_eq!(scene.llm.input_token_count(), usage.prompt_tokens);
        assert_eq!(scene.llm.key_pool().in_flight(), 0);
    }
}

#[test]
fn a_stream_says_that_it_is_over() {
    use futures::stream::FusedStream;
    for reply in [Reply::stream(["a"]), Reply::stream(["a"]).cut_after(1)] {
        let scene = Scene::new(1, [reply]);
        let mut stream = scene.stream();
        assert!(!stream.is_terminated());
        scene.clock.block_on(read(&mut stream));
        assert!(stream.is_terminated());
    }
    let scene = Scene::new(1, []);
    let mut stream = scene.stream();
    stream.abort();
    assert!(stream.is_terminated());
}

#[test]
fn cancelled() {
    for abort in [true, false] {
        let scene = Scene::new(1, [Reply::stream(["Hel", "lo"])]);
        let mut stream = scene.stream();
        scene.clock.block_on(stream.next()).unwrap().unwrap();
        assert_eq!((scene.llm.key_pool().in_flight(), scene.provider.open_requests()), (1, 1));
        if abort {
            stream.abort();
            assert_eq!(stream.state(), StreamState::Cancelled);
            assert_eq!(
                (stream.partial().text.as_str(), stream.key_label()),
                ("Hel", Some(label(1)))
            );
            assert!(stream.usage().estimated);
            assert!(scene.clock.block_on(stream.next()).is_none());
        } else {
            drop(stream);
        }
        assert_eq!((scene.llm.key_pool().in_flight(), scene.provider.open_requests()), (0, 0));
        assert_eq!((scene.llm.stats().cancelled, scene.llm.stats().failed), (1, 0));
        assert!(scene.llm.output_token_count() > 0, "what came has its cost");
    }
}

#[test]
fn failed() {
    let error = json!({"error": {"code": 429, "message": "slow down"}}).to_string();
    let (scene, stream, outcome) = read_events([text("Hel"), error, text("lo")]);
    let outcome = outcome.unwrap();
    assert_eq!((outcome.kind(), stream.state()), (ErrorKind::RateLimited, StreamState::Failed));
    assert_eq!((outcome.message(), outcome.code()), ("slow down", Some("429")));
    assert_eq!(outcome.partial().unwrap().text, "Hel");
    assert_eq!(outcome.attempts().len(), 1);
    assert_eq!(scene.sent_at().len(), 1);
}

#[test]
fn a_stream_that_was_never_answered_has_cost_nothing() {
    for reply in [Reply::status(400), Reply::reset(), Reply::events([usage(6)])] {
        let scene = Scene::by(settings(1), move |_| reply.clone());
        let mut stream = scene.stream();
        let error = scene.clock.block_on(read(&mut stream)).1.unwrap();
        assert_eq!((error.partial(), error.usage()), (None, None), "{error}");
        assert_eq!(scene.llm.input_token_count(), 0);
    }
    // Of chunks of one's own making it is not known who has answered.
    let failed = lockkeeper::ChatStream::failed(lockkeeper::Error::new(ErrorKind::Server, "no"));
    let error = futures::executor::block_on(failed.text()).unwrap_err();
    assert!(error.partial().is_some() && error.usage().is_some());
}

#[test]
fn what_is_not_visible_is_held_back_so_that_a_retry_is_clean() {
    let invisible = || [chunk(&json!({"role": "assistant", "content": ""}), None), usage(6)];
    let error = |code| json!({"error": {"code": code, "message": "no"}}).to_string();
    for (failing, second_key) in [
        (Reply::events(invisible()).cut_after(2), 1),
        (Reply::events(invisible()), 1),
        (Reply::events(invisible().into_iter().chain([error("server_error")])), 1),
        (Reply::events(invisible().into_iter().chain([error("rate_limit_exceeded")])), 2),
        (Reply::events(invisible().into_iter().chain([error("invalid_api_key")])), 2),
        (Reply::events(["{\"choices\":[{\"del".to_owned()]), 1),
        (Reply::status(200), 1),
    ] {
        let scene = Scene::new(2, [failing.clone(), Reply::stream(["Hel", "lo"])]);
        let mut stream = scene.stream();
        let mut chunks = 0;
        scene.clock.block_on(async {
            while let Some(chunk) = stream.next().await {
                assert_ne!(chunk.unwrap().text(), "", "held back, then forgotten");
                chunks += 1;
                if chunks == 2 {
                    break;
                }
            }
        });
        assert_eq!((chunks, stream.attempts().len()), (2, 1), "{failing:?}");
        assert_eq!(stream.usage().completion_tokens, 1 + 1, "{failing:?}");
        let waited = if second_key == 1 { 0.5..=1.0 } else { 0.0..=0.0 };
        assert!(waited.contains(&scene.sent_at()[1]), "{failing:?}");
    }
}

#[test]
fn reasoning_refusals_and_tool_calls_are_visible() {
    for delta in [
        json!({"reasoning_content": "hm"}),
        json!({"reasoning": "hm"}),
        json!({"refusal": "no"}),
        json!({"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f", "arguments": ""}}]}),
    ] {
        let reply = Reply::events([chunk(&delta, None)]).cut_after(1);
        let scene = Scene::new(1, [reply, Reply::stream(["no"])]);
        let mut stream = scene.stream();
        let (_, error) = scene.clock.block_on(read(&mut stream));
        assert_eq!(error.unwrap().kind(), ErrorKind::Truncated, "{delta}");
        assert_eq!(scene.sent_at().len(), 1, "{delta} was shown: no replay");
    }
}

#[test]
fn every_choice_must_finish() {
    let say = |index, text: &str| choice(index, &json!({"content": text}), None);
    let end = |index| choice(index, &json!({}), Some("stop"));
    let events = [say(0, "a"), end(0), say(1, "b"), end(1)];
    // With two choices asked for, the second may take its time to begin.
    let scene = Scene::new(1, [Reply::events(events).pace(seconds(5.0))]);
    let stream = scene.llm.chat_stream(question(), ChatOptions::default().n(2));
    let answer = scene.clock.block_on(stream.result()).unwrap();
    let texts: Vec<_> = answer.choices.iter().map(|choice| choice.message.text()).collect();
    assert_eq!(texts, ["a", "b"]);

    // One that comes unasked is still not cut off once it has begun.
    let unasked = [say(0, "a"), end(0), say(1, "b"), say(1, "B"), end(1), done()];
    let scene = Scene::new(1, [Reply::events(unasked).pace(seconds(0.9))]);
    let answer = scene.clock.block_on(scene.stream().result()).unwrap();
    assert_eq!(answer.choices[1].message.text(), "bB");

    // And one that never finishes makes the answer a cut one.
    let (_, stream, error) = read_events([say(0, "a"), say(1, "b"), end(0)]);
    assert_eq!(error.unwrap().kind(), ErrorKind::Truncated);
    assert_eq!(stream.partial().text, "a");
}

#[test]
fn an_end_is_known_by_its_finish_reason_or_its_done() {
    for events in [
        vec![text("a"), stop()],
        vec![text("a"), done()],
        vec![text("a"), chunk(&json!({}), Some("")), done()],
        vec![stop()],
    ] {
        let (_, stream, error) = read_events(events.clone());
        assert_eq!((error, stream.state()), (None, StreamState::Finished), "{events:?}");
    }
    let (_, _, error) = read_events([text("a"), chunk(&json!({}), Some(""))]);
    assert_eq!(error.unwrap().kind(), ErrorKind::Truncated, "an empty finish_reason is none");
}

#[test]
fn a_break_after_the_end_is_no_matter() {
    let reply = Reply::events([text("a"), stop()]).cut_after(2);
    let scene = Scene::new(1, [reply]);
    assert_eq!(scene.ask(Way::Stream).unwrap(), "a");
}

#[test]
fn an_empty_answer_is_tried_again_then_an_error() {
    let scene = Scene::by(settings(1), |_| Reply::status(200));
    let error = scene.ask(Way::Stream).unwrap_err();
    assert_eq!((error.kind(), error.attempts().len()), (ErrorKind::Truncated, 6));
    // To say that nothing was the whole of it makes it no answer.
    for nothing in [
        Reply::events([done()]),
        Reply::events([usage(6), done()]),
        Reply::status(200).body("data: [DONE]"),
    ] {
        let scene = Scene::new(1, [nothing, Reply::stream(["yes"])]);
        let mut stream = scene.stream();
        assert_eq!(scene.clock.block_on(read(&mut stream)), ("yes".to_owned(), None));
        assert_eq!(stream.attempts()[0].kind, ErrorKind::Truncated);
        assert!((0.5..=1.0).contains(&scene.sent_at()[1]), "after a backoff");
    }
}

#[test]
fn errors_inside_a_stream_have_many_shapes() {
    let openrouter = json!({
        "choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "error"}],
        "error": {"code": 502, "message": "the provider broke down"},
        "usage": {"total_tokens": 3},
    });
    let mistral = json!({"object": "error", "message": "the provider broke down", "code": "3051"});
    let plain = json!({"error": "the provider broke down"});
    for event in [openrouter, mistral, plain] {
        let (_, stream, error) = read_events([text("Hel"), event.to_string(), done()]);
        let error = error.unwrap_or_else(|| panic!("{event}"));
        assert_eq!((error.kind(), stream.state()), (ErrorKind::Server, StreamState::Failed));
        assert_eq!(error.message(), "the provider broke down");
        assert_eq!(error.partial().unwrap().text, "Hel");
    }
    // Groq names the event, and has no `error` around it.
    let groq = Reply::status(200).body(format!(
        "data: {}\n\nevent: error\ndata: {{\"message\":\"over capacity\",\"type\":\"server_error\"}}\n\n",
        text("Hel")
    ));
    let scene = Scene::new(1, [groq]);
    assert_eq!(scene.ask(Way::Stream).unwrap_err().message(), "over capacity");
}

#[test]
fn a_malformed_event_in_the_middle_fails_the_stream() {
    let (scene, stream, error) =
        read_events([text("Hel"), "{\"choices\":[{".into(), text("lo"), stop()]);
    assert_eq!((error.unwrap().kind(), stream.state()), (ErrorKind::Decode, StreamState::Failed));
    assert_eq!((stream.partial().text.as_str(), scene.sent_at().len()), ("Hel", 1));
}

#[test]
fn a_malformed_event_is_passed_over_only_on_request() {
    let events = || [text("Hel"), "{\"choices\":[{".into(), "<p>".into(), text("lo"), stop()];
    let mut lenient = settings(1);
    lenient.skip_undecodable_events = true;
    let garbage = || std::iter::repeat_n("garbage".to_owned(), 3);
    for events in [events().to_vec(), garbage().chain([text("Hello"), done()]).collect()] {
        let scene = Scene::with(lenient.clone(), [Reply::events(events)]);
        assert_eq!((scene.ask(Way::Stream).unwrap().as_str(), scene.sent_at().len()), ("Hello", 1));
    }
    // An answer is still not made of nothing, and an error is still one.
    let error = json!({"error": {"message": "no", "code": "server_error"}}).to_string();
    for (events, kind) in [
        (garbage().chain([done()]).collect::<Vec<_>>(), ErrorKind::Truncated),
        (garbage().chain([error]).collect(), ErrorKind::Server),
    ] {
        let mut lenient = lenient.clone();
        lenient.max_retries = 0;
        let scene = Scene::with(lenient, [Reply::events(events)]);
        assert_eq!(scene.ask(Way::Stream).unwrap_err().kind(), kind);
    }
}

#[test]
fn stream_options_are_dropped_once_where_they_are_refused() {
    let asks = |request: &lockkeeper::HttpRequest| {
        String::from_utf8_lossy(&request.body).contains("\"include_usage\"")
    };
    for (status, message) in [
        (400, r#"{"error":{"message":"Unknown field: stream_options"}}"#),
        (
            422,
            r#"{"detail":[{"loc":["body","stream_options"],"msg":"extra fields not permitted"}]}"#,
        ),
    ] {
        let mut settings = settings(2);
        settings.max_retries = 0;
        let scene = Scene::by(settings, move |request| {
            let refused = Reply::status(status).body(message);
            if asks(request) { refused } else { Reply::stream(["yes"]) }
        });
        assert_eq!(scene.ask(Way::Stream).unwrap(), "yes");
        assert_eq!(scene.ask(Way::Stream).unwrap(), "yes");
        let asked: Vec<_> = scene.provider.requests().iter().map(|r| asks(&r.request)).collect();
        assert_eq!(asked, [true, false, false], "remembered");
        assert_eq!(scene.elapsed(), 0.0);
    }
    // Where that is not what is wrong, the refusal stands.
    let scene = Scene::by(settings(1), |_| Reply::status(400).body("no stream_options here"));
    assert_eq!(scene.ask(Way::Stream).unwrap_err().kind(), ErrorKind::InvalidRequest);
    assert_eq!(scene.sent_at().len(), 2);
}

#[test]
fn large_events_pass_and_too_large_ones_fail() {
    let large = "x".repeat(100 * 1024);
    let scene = Scene::new(1, [Reply::stream([large.as_str(); 5])]);
    assert_eq!(scene.ask(Way::Stream).unwrap().len(), 5 * large.len());

    let mut settings = settings(1);
    settings.max_event_bytes = 64 * 1024;
    let scene = Scene::with(settings, [Reply::stream(["a", large.as_str()])]);
    let error = scene.ask(Way::Stream).unwrap_err();
    assert_eq!((error.kind(), error.partial().unwrap().text.as_str()), (ErrorKind::Decode, "a"));
    assert!(error.message().contains("65536"), "{error}");
}

#[test]
fn tool_calls_are_put_together() {
    let call = |piece: Value| chunk(&json!({ "tool_calls": [piece] }), None);
    let scene = Scene::new(
        1,
        [Reply::events([
            call(json!({"index": 0, "id": "a", "function": {"name": "f", "arguments": ""}})),
            call(json!({"index": 0, "function": {"arguments": "{\"x\":"}})),
            call(json!({"index": 1, "id": "b", "function": {"name": "g", "arguments": "{}"}})),
            call(json!({"index": 0, "function": {"arguments": "1}"}})),
            chunk(&json!({}), Some("tool_calls")),
            done(),
        ])],
    );
    let answer = scene.clock.block_on(scene.stream().result()).unwrap();
    let calls: Vec<_> = answer
        .tool_calls()
        .iter()
        .map(|c| (&*c.id, &*c.function.name, &*c.function.arguments))
        .collect();
    assert_eq!(calls, [("a", "f", "{\"x\":1}"), ("b", "g", "{}")]);
    let usage = answer.usage.unwrap();
    assert!(usage.estimated && usage.completion_tokens > 0, "tool calls cost too");
    assert_eq!(scene.llm.output_token_count(), usage.completion_tokens);
}

#[test]
fn an_answer_in_one_piece_is_taken_for_a_stream() {
    let scene = Scene::new(1, [Reply::answer("Hello")]);
    let mut stream = scene.stream();
    assert_eq!(scene.clock.block_on(read(&mut stream)), ("Hello".to_owned(), None));
    assert_eq!((stream.state(), stream.usage().total_tokens), (StreamState::Finished, 8));
    let cut = Reply::status(200).body(r#"{"choices":[{"message":{"content":"Hel"#);
    let scene = Scene::new(1, [cut, Reply::answer("Hello")]);
    assert_eq!(scene.ask(Way::Stream).unwrap(), "Hello", "a cut one is tried again");
    let error = Reply::status(200).body(r#"{"error":{"code":401,"message":"who are you?"}}"#);
    let scene = Scene::new(1, [error]);
    assert_eq!(scene.ask(Way::Stream).unwrap_err().kind(), ErrorKind::Authentication);
}

#[test]
fn what_follows_done_is_not_waited_for() {
    let reply = Reply::events([text("a"), stop(), usage(9), done()]).stall_after(4);
    let scene = Scene::new(1, [reply]);
    let mut stream = scene.stream();
    assert_eq!(scene.clock.block_on(read(&mut stream)), ("a".to_owned(), None));
    assert!(scene.elapsed() <= 0.1 && scene.provider.open_requests() == 0);
    assert_eq!(scene.llm.key_pool().in_flight(), 0);
}
