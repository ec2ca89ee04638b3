//! Whatever a provider sends: a typed error or an answer, never a panic, never a hang.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used)] // in helpers too, a failure is the test's

mod scripted;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

use futures::{FutureExt, StreamExt, stream};
use lockkeeper::testing::{Reply, VirtualClock};
use lockkeeper::{
    BoxFuture, ChatOptions, Clock, ErrorKind, Headers, HttpRequest, HttpResponse, OpenAiCompatible,
    Runtime, Timestamp, Transport, TransportError,
};
use scripted::{BOTH, Scene, Way, ask, seconds, settings};

/// Numbers that are the same in every run (an LCG with Knuth's MMIX constants).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }
}

/// Asks once, without retries; the call must end.
fn outcome(way: Way, reply: Reply) -> Result<String, ErrorKind> {
    let scene = Scene::new(1, [reply]);
    let outcome = scene.ask_with(way, ChatOptions::default().max_retries(0));
    assert_eq!((scene.llm.key_pool().in_flight(), scene.provider.open_requests()), (0, 0));
    outcome.map_err(|error| error.kind())
}

#[test]
fn bodies_that_are_no_answer() {
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let deep_field = format!(r#"{{"choices":[{{"delta":{{"content":"a"}}}}],"x":{deep}}}"#);
    let bodies: Vec<Vec<u8>> = vec![
        b"null".into(),
        b"[]".into(),
        b"7".into(),
        b"\"text\"".into(),
        b"{}".into(),
        br#"{"choices":null}"#.into(),
        br#"{"choices":{}}"#.into(),
        br#"{"choices":[7]}"#.into(),
        br#"{"choices":[{"message":7,"delta":7}]}"#.into(),
        br#"{"choices":[{"index":-1}]}"#.into(),
        br#"{"choices":[]}"#.into(),
        b"<html><head><title>Sign in</title></head><body>\xff</body></html>".into(),
        b"\xff\xfe\x00".into(),
        b"{\"choices\":[{\"message\":{\"content\":\"\xff\"},\"delta\":{\"content\":\"\xff\"}}]}"
            .into(),
        deep.into_bytes(),
        deep_field.into_bytes(),
        b"\0\0\0\0".into(),
        vec![b' '; 100_000],
    ];
    for body in bodies {
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        let kind = outcome(Way::Chat, Reply::status(200).body(body.clone())).unwrap_err();
        assert!(matches!(kind, ErrorKind::Decode | ErrorKind::Truncated), "{shown}: {kind}");
        let kind = outcome(Way::Stream, Reply::status(200).body(body.clone())).unwrap_err();
        assert!(matches!(kind, ErrorKind::Decode | ErrorKind::Truncated), "{shown}: {kind}");
        let event = [b"data: ".as_slice(), &body, b"\n\n"].concat();
        let kind = outcome(Way::Stream, Reply::status(200).body(event)).unwrap_err();
        assert!(matches!(kind, ErrorKind::Decode | ErrorKind::Truncated), "{shown}: {kind}");
        for way in BOTH {
            let kind = outcome(way, Reply::status(500).body(body.clone())).unwrap_err();
            assert_eq!(kind, ErrorKind::Server, "{shown}");
        }
    }
}

#[test]
fn an_html_page_is_named_by_its_title() {
    let page = "<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head>".to_owned();
    for way in BOTH {
        let scene = Scene::new(1, [Reply::status(502).body(page.clone() + &"x".repeat(9_999))]);
        let error = scene.ask_with(way, ChatOptions::default().max_retries(0)).unwrap_err();
        assert_eq!(error.message(), "an HTML page: 502 Bad Gateway");
    }
}

#[test]
fn a_huge_error_is_read_in_part() {
    let megabyte = bytes::Bytes::from("x".repeat(1024 * 1024));
    for way in BOTH {
        let pieces = std::iter::repeat_n(megabyte.clone(), 100);
        let huge = Scene::new(1, [Reply::status(500).pieces(pieces).pace(seconds(0.1))]);
        let error = huge.ask_with(way, ChatOptions::default().max_retries(0)).unwrap_err();
        assert_eq!((error.kind(), error.status()), (ErrorKind::Server, Some(500)));
        assert!(error.message().len() <= 8_000 && huge.elapsed() < 1.0);
        // One that never ends is waited for no longer than its status is worth.
        let stalled = Scene::new(1, [Reply::status(400).body("half a mess").stall_after(1)]);
        let error = stalled.ask(way).unwrap_err();
        assert_eq!((error.message(), error.status()), ("half a mess", Some(400)));
        assert!(stalled.elapsed() <= 5.0);
    }
}

#[test]
fn headers_of_any_kind() {
    let long = "9".repeat(10_000);
    for value in ["", " ", "-1", "NaN", "é", "\u{0}", "0x10", "1e400", &long, "Thu, 99 Foo 2026"] {
        for name in [
            "retry-after",
            "retry-after-ms",
            "x-ratelimit-reset-requests",
            "x-should-retry",
            "x-request-id",
            "location",
            "content-type",
            "content-length",
        ] {
            for way in BOTH {
                let limited = Reply::status(429).header("x-ratelimit-remaining-requests", "0");
                let kind = outcome(way, limited.header(name, value)).unwrap_err();
                assert_eq!(kind, ErrorKind::RateLimited, "{name}: {value}");
                assert_eq!(outcome(way, way.answer("yes").header(name, value)).unwrap(), "yes");
            }
        }
    }
}

#[test]
fn statuses_of_any_kind() {
    for status in (100..1_000).chain([0, 65_535]).filter(|status| *status != 200) {
        for way in BOTH {
            let outcome = outcome(way, Reply::status(status));
            assert!(outcome.is_err(), "{status}");
        }
    }
}

#[test]
fn random_streams_end_in_an_answer_or_an_error() {
    let words: [&[u8]; 22] = [
        b"data: ",
        b"data:",
        b"data",
        b"\n\n",
        b"\r\n\r\n",
        b"\r",
        b": comment",
        b"event: error\n",
        b"[DONE]",
        b"{\"choices\":[{\"delta\":{\"content\":\"a\"}}]}",
        b"{\"error\":",
        b"\"x\"}",
        b"{}",
        b"\xef\xbb\xbf",
        b"\xff",
        b"null",
        b"{\"choices\":[{\"finish_reason\":\"stop\"}]}",
        b"id: 1\n",
        b"retry: 1\n",
        b"{\"usage\":{\"total_tokens\":-5}}",
        b"\0",
        b"{\"choices\":[{\"index\":4294967296}]}",
    ];
    let mut dice = Dice(1);
    for _ in 0..3_000 {
        let length = dice.roll(12);
        let body: Vec<u8> =
            (0..length).flat_map(|_| words[dice.roll(words.len())]).copied().collect();
        for way in BOTH {
            match outcome(way, Reply::status(200).body(body.clone())) {
                Ok(text) => assert!(text.bytes().all(|byte| byte == b'a'), "{text}"),
                Err(kind) => assert_ne!(kind, ErrorKind::Config),
            }
        }
    }
}

#[test]
fn comments_without_end_do_not_put_off_the_first_token() {
    for comment in [": keep-alive\n\n", ":\n", "data:\n\n", "\n"] {
        let reply = Reply::status(200).pieces([comment; 1_000]).pace(seconds(1.0));
        let scene = Scene::new(1, [reply]);
        let error = scene.ask_with(Way::Stream, ChatOptions::default().max_retries(0)).unwrap_err();
        assert_eq!((error.clock(), scene.elapsed()), (Some(Clock::FirstToken), 120.0), "{error}");
    }
}

/// A clock of which a millisecond passes at each look: time passes for those who never sleep too.
struct Ticking(AtomicU64, VirtualClock);

impl Runtime for Ticking {
    fn now(&self) -> Timestamp {
        Timestamp::new(Duration::from_millis(self.0.fetch_add(1, Relaxed)))
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.1.runtime().sleep(duration)
    }

    fn unix_time(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }

    fn random_seed(&self) -> u64 {
        1
    }
}

/// Sends this, then comments as fast as they are read, for ever.
struct Flood(&'static str);

impl Transport for Flood {
    fn send(&self, _: HttpRequest) -> BoxFuture<'static, Result<HttpResponse, TransportError>> {
        let comments = stream::repeat_with(|| Ok(": flood\n\n".into()));
        let comments = stream::iter([Ok(self.0.into())]).chain(comments).boxed();
        async { Ok(HttpResponse::new(200, Headers::new(), comments)) }.boxed()
    }
}

#[test]
fn a_flood_of_comments_ends_with_the_clock_too() {
    let clock = VirtualClock::new();
    let after = |start, options: ChatOptions| {
        let llm = OpenAiCompatible::builder(settings(1))
            .runtime(Arc::new(Ticking(AtomicU64::new(0), clock.clone())))
            .transport(Arc::new(Flood(start)))
            .build()
            .unwrap();
        let outcome = clock.block_on(ask(&llm, Way::Stream, options.max_retries(0)));
        outcome.map_err(|error| error.clock())
    };
    let nine_seconds = ChatOptions::default().timeout(seconds(9.0));
    assert_eq!(after("", ChatOptions::default()), Err(Some(Clock::FirstToken)));
    assert_eq!(after("", nine_seconds.clone()), Err(Some(Clock::Total)));
    let text = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n";
    assert_eq!(after(text, nine_seconds.clone()), Err(Some(Clock::Total)));
    let end =
        "data: {\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}\n\n";
    assert_eq!(after(end, nine_seconds.clone()), Ok("a".to_owned()));
    let done = format!("{text}data: [DONE]\n\n").leak();
    assert_eq!(after(done, nine_seconds), Ok("a".to_owned()));
}

#[test]
fn what_is_never_visible_is_not_held_back_for_ever() {
    let mut small = settings(1);
    small.max_event_bytes = 10_000;
    let chunk = r#"{"choices":[{"delta":{"content":""}}]}"#;
    let scene = Scene::with(small, [Reply::events(std::iter::repeat_n(chunk, 1_000))]);
    let error = scene.ask_with(Way::Stream, ChatOptions::default().max_retries(0)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Decode);
}
