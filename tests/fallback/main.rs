//! Several interfaces behind one: who is asked when, what the caller sees, and what it costs.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used)] // in helpers too, a failure is the test's

mod at_random;
mod circuits;
mod interrupted;
mod odd_ways;
#[path = "../sim/random.rs"]
#[allow(dead_code)]
mod random;
#[path = "../scripted/mod.rs"]
mod scripted;

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::future::join_all;
use lockkeeper::testing::{Reply, ScriptedTransport, VirtualClock};
use lockkeeper::{
    BoxFuture, ChatChunk, ChatOptions, ChatResponse, ChatStream, CircuitState, Clock, ConfigLoader,
    Error, ErrorKind, Fallback, HttpRequest, LlmInterface, Message, OnInterrupt, OpenAiCompatible,
    StreamState,
};
use scripted::{BOTH, Way, ask, question, seconds, settings};

/// A target and its provider.
struct Target {
    provider: ScriptedTransport,
    llm: OpenAiCompatible,
}

impl Target {
    fn sent(&self) -> usize {
        self.provider.requests().len()
    }
}

/// A client of this name whose provider decides by the request.
fn by(
    clock: &VirtualClock,
    name: &str,
    window: Option<u64>,
    script: impl Fn(&HttpRequest) -> Reply + Send + Sync + 'static,
) -> Target {
    let provider = ScriptedTransport::new(clock, script);
    let mut settings = settings(2);
    (settings.provider, settings.name) = (name.to_owned(), "m".to_owned());
    settings.base_url = format!("https://{name}.scripted.test/v1");
    settings.context_window = window;
    settings.max_retries = 1;
    let builder = OpenAiCompatible::builder(settings).transport(Arc::new(provider.clone()));
    Target { provider, llm: builder.runtime(clock.runtime()).build().unwrap() }
}

fn target(clock: &VirtualClock, name: &str, replies: impl IntoIterator<Item = Reply>) -> Target {
    let replies = std::sync::Mutex::new(replies.into_iter().collect::<Vec<_>>().into_iter());
    by(clock, name, None, move |_| replies.lock().unwrap().next().unwrap_or(Reply::reset()))
}

/// A clock, a primary that answers so, and a backup that answers well.
fn pair(way: Way, primary: impl IntoIterator<Item = Reply>) -> (VirtualClock, Target, Target) {
    let clock = VirtualClock::new();
    let primary = target(&clock, "primary", primary);
    let backup = target(&clock, "backup", vec![way.answer("from the backup"); 50]);
    (clock, primary, backup)
}

fn behind_one(targets: &[&Target]) -> Fallback {
    Fallback::new(targets.iter().map(|target| target.llm.clone()))
}

fn ask_both(
    way: Way,
    primary: impl IntoIterator<Item = Reply>,
) -> (Result<String, Error>, usize, f64) {
    let (clock, primary, backup) = pair(way, primary);
    let llm = behind_one(&[&primary, &backup]);
    let answer = clock.block_on(ask(&llm, way, ChatOptions::default()));
    assert_eq!(primary.llm.key_pool().in_flight() + backup.llm.key_pool().in_flight(), 0);
    (answer, backup.sent(), clock.elapsed().as_secs_f64())
}

#[test]
fn what_the_primary_cannot_answer_the_backup_does() {
    let limited = |after: &str| Reply::status(429).header("retry-after", after);
    for way in BOTH {
        for (what, replies, within) in [
            ("an outage", vec![Reply::status(503); 9], 1.0),
            ("resets", vec![Reply::reset(); 9], 1.0),
            ("keys that are refused", vec![Reply::status(401); 9], 0.0),
            ("no right to the model", vec![Reply::status(403); 9], 0.0),
            ("no quota", vec![Reply::status(402); 9], 0.0),
            ("no such model", vec![Reply::status(404); 9], 0.0),
            ("too long a text", vec![Reply::error(400, "context_length_exceeded", "long"); 9], 0.0),
            ("a long limit", vec![limited("60"); 9], 0.0),
            ("an absurd limit", vec![limited("999999"); 9], 0.0),
            ("a page", vec![Reply::status(200).body("<html>down</html>"); 9], 1.0),
            ("nothing at all", vec![Reply::status(200); 9], 1.0),
        ] {
            let (answer, backup, elapsed) = ask_both(way, replies);
            assert_eq!(answer.as_deref(), Ok("from the backup"), "{way:?} {what}");
            assert_eq!(backup, 1, "{way:?} {what}");
            assert!(elapsed <= within, "{way:?} {what}: {elapsed}");
        }
    }
}

#[test]
fn what_the_backup_would_refuse_too_goes_nowhere() {
    for way in BOTH {
        for (reply, kind) in [
            (Reply::error(400, "content_filter", "no"), ErrorKind::ContentPolicy),
            (Reply::error(400, "invalid_value", "no"), ErrorKind::InvalidRequest),
            (Reply::status(422), ErrorKind::InvalidRequest),
        ] {
            let (answer, backup, _) = ask_both(way, [reply]);
            let error = answer.unwrap_err();
            assert_eq!((error.kind(), backup), (kind, 0), "{way:?}");
            assert_eq!(error.attempts()[0].target.as_deref(), Some("primary/m"));
        }
    }
    let (clock, primary, backup) = pair(Way::Chat, []);
    let llm = behind_one(&[&primary, &backup]);
    let error = clock.block_on(llm.chat(vec![], ChatOptions::default())).unwrap_err();
    assert_eq!((error.kind(), primary.sent() + backup.sent()), (ErrorKind::Config, 0));
}

#[test]
fn short_waits_are_waited_out() {
    let limited = Reply::status(429).header("retry-after", "3");
    for way in BOTH {
        let replies = [limited.clone(), limited.clone(), way.answer("from the primary")];
        let (answer, backup, elapsed) = ask_both(way, replies);
        assert_eq!((answer.as_deref(), backup, elapsed), (Ok("from the primary"), 0, 3.0));
    }
}

#[test]
fn a_silent_primary_is_asked_once() {
    for (way, within) in [(Way::Chat, 300.0), (Way::Stream, 60.0)] {
        let (clock, primary, backup) = pair(way, vec![Reply::silence(); 9]);
        let llm = behind_one(&[&primary, &backup]);
        let answer = clock.block_on(ask(&llm, way, ChatOptions::default()));
        assert_eq!(answer.as_deref(), Ok("from the backup"), "{way:?}");
        assert_eq!((primary.sent(), clock.elapsed().as_secs_f64()), (1, within), "{way:?}");
    }
}

#[test]
fn the_clocks_of_a_call_hold_at_each_target() {
    for (options, within) in [
        (ChatOptions::default().headers_timeout(seconds(2.0)), 2.0),
        (ChatOptions::default().timeout(seconds(8.0)), 4.0), // half of it is left for the backup
    ] {
        for way in BOTH {
            let (clock, primary, backup) = pair(way, vec![Reply::silence(); 9]);
            let llm = behind_one(&[&primary, &backup]);
            let answer = clock.block_on(ask(&llm, way, options.clone()));
            assert_eq!(answer.as_deref(), Ok("from the backup"), "{way:?}");
            assert_eq!((primary.sent(), clock.elapsed().as_secs_f64()), (1, within), "{way:?}");
        }
    }
    let slow = Reply::stream(["late"]).pace(seconds(3.0));
    let (clock, primary, backup) = pair(Way::Stream, vec![slow; 9]);
    let options = ChatOptions::default().first_token_timeout(seconds(2.0));
    let llm = behind_one(&[&primary, &backup]);
    let answer = clock.block_on(ask(&llm, Way::Stream, options));
    assert_eq!((answer.as_deref(), primary.sent()), (Ok("from the backup"), 1));
}

#[test]
fn one_deadline_spans_all_targets() {
    for way in BOTH {
        let clock = VirtualClock::new();
        let silent = |name| target(&clock, name, vec![Reply::silence(); 9]);
        let targets = [silent("a"), silent("b"), silent("c")];
        let llm = behind_one(&targets.each_ref());
        let options = ChatOptions::default().timeout(seconds(9.0));
        let error = clock.block_on(ask(&llm, way, options)).unwrap_err();
        assert_eq!((error.kind(), error.clock()), (ErrorKind::Timeout, Some(Clock::Total)));
        assert_eq!(clock.elapsed().as_secs_f64(), 9.0, "{way:?}");
        let of = |attempt: &lockkeeper::Attempt| {
            (attempt.target.clone().unwrap(), attempt.started_after.as_secs())
        };
        let attempts: Vec<_> = error.attempts().iter().map(of).collect();
        let expected = [("a/m", 0), ("b/m", 3), ("c/m", 6)].map(|(a, b)| (a.to_owned(), b));
        assert_eq!(attempts, expected, "{way:?}");
    }
}

#[test]
fn the_error_of_a_full_failure_lists_every_attempt() {
    for way in BOTH {
        let clock = VirtualClock::new();
        let primary = target(&clock, "primary", vec![Reply::error(503, "busy", "overloaded"); 9]);
        let backup = target(&clock, "backup", vec![Reply::error(401, "bad_key", "who?"); 9]);
        let llm = behind_one(&[&primary, &backup]);
        let error = clock.block_on(ask(&llm, way, ChatOptions::default())).unwrap_err();
        let of = |attempt: &lockkeeper::Attempt| {
            format!("{} {} {}", attempt.target.clone().unwrap(), attempt.kind, attempt.key_label)
        };
        let attempts: Vec<_> = error.attempts().iter().map(of).collect();
        assert_eq!(
            attempts,
            [
                "primary/m server …0001",
                "primary/m server …0002",
                "backup/m authentication …0001",
                "backup/m authentication …0002"
            ]
        );
        assert_eq!((error.kind(), error.status()), (ErrorKind::Authentication, Some(401)));
        let says = "no target answered: primary/m: server: overloaded; backup/m: authentication: ";
        assert!(error.message().starts_with(says), "{error}");
    }
}

#[test]
fn a_longer_text_goes_only_to_a_larger_window() {
    let clock = VirtualClock::new();
    let too_long = |_: &HttpRequest| Reply::error(400, "context_length_exceeded", "too long");
    let small = by(&clock, "small", Some(8_000), too_long);
    let same = by(&clock, "same", Some(8_000), too_long);
    let large = by(&clock, "large", Some(128_000), |_| Reply::answer("all of it"));
    let llm = behind_one(&[&small, &same, &large]);
    let answer = clock.block_on(ask(&llm, Way::Chat, ChatOptions::default()));
    assert_eq!((answer.as_deref(), same.sent(), large.sent()), (Ok("all of it"), 0, 1));
    let llm = behind_one(&[&small, &same]);
    let error = clock.block_on(ask(&llm, Way::Chat, ChatOptions::default())).unwrap_err();
    assert_eq!((error.kind(), same.sent()), (ErrorKind::ContextLengthExceeded, 0));
    assert_eq!(error.message(), "too long");
}

#[test]
fn the_answer_says_who_gave_it() {
    let (clock, primary, backup) = pair(Way::Chat, vec![Reply::status(503); 9]);
    let llm = behind_one(&[&primary, &backup]);
    let answer = clock.block_on(llm.chat(question(), ChatOptions::default())).unwrap();
    let by = answer.answered_by.clone().unwrap();
    assert_eq!((&*by.provider, &*by.model, &*by.key_label), ("backup", "m", "…0001"));
    let usage = answer.usage.unwrap();
    assert_eq!(backup.llm.output_token_count(), usage.completion_tokens);
    assert_eq!(primary.llm.output_token_count(), 0);

    let (clock, primary, backup) = pair(Way::Stream, vec![Reply::status(503); 9]);
    let mut stream =
        behind_one(&[&primary, &backup]).chat_stream(question(), ChatOptions::default());
    assert_eq!(stream.answered_by(), None);
    clock.block_on(stream.next()).unwrap().unwrap();
    assert_eq!(stream.answered_by().unwrap().provider, "backup");
    assert_eq!((stream.key_label().as_deref(), stream.attempts().len()), (Some("…0001"), 2));
    let answer = clock.block_on(stream.result()).unwrap();
    assert_eq!(answer.answered_by.unwrap().provider, "backup");
    assert_eq!(backup.llm.stats().succeeded, 1);
}

/// An interface of somebody's own: it answers, or it never does.
struct Own(Option<&'static str>);

impl LlmInterface for Own {
    fn chat(
        &self,
        _messages: Vec<Message>,
        _options: ChatOptions,
    ) -> BoxFuture<'static, Result<ChatResponse, Error>> {
        let text = self.0;
        Box::pin(async move {
            match text {
                Some(text) => Ok(ChatResponse::from_text(text)),
                None => futures::future::pending().await,
            }
        })
    }

    fn chat_stream(&self, messages: Vec<Message>, _options: ChatOptions) -> ChatStream {
        let role = futures::stream::iter([Ok(ChatChunk::default())]);
        match self.0 {
            Some(text) => {
                let chunks = [ChatChunk::from_text(text), ChatChunk::finish("stop")].map(Ok);
                ChatStream::new(messages, role.chain(futures::stream::iter(chunks)))
            }
            None => ChatStream::new(messages, role.chain(futures::stream::pending())),
        }
    }
}

#[test]
fn interfaces_of_ones_own_are_targets_too() {
    for way in BOTH {
        let clock = VirtualClock::new();
        let targets: Vec<Arc<dyn LlmInterface>> =
            vec![Arc::new(Own(None)), Arc::new(Own(Some("own")))];
        let llm = Fallback::new(targets).runtime(clock.runtime());
        let options = ChatOptions::default().timeout(seconds(10.0));
        assert_eq!(clock.block_on(ask(&llm, way, options)).as_deref(), Ok("own"), "{way:?}");
        assert_eq!(clock.elapsed().as_secs_f64(), 5.0);
        let silent = Fallback::new([Own(None), Own(None)]).runtime(clock.runtime());
        let options = ChatOptions::default().timeout(seconds(10.0));
        let error = clock.block_on(ask(&silent, way, options)).unwrap_err();
        assert_eq!((error.kind(), error.attempts().len()), (ErrorKind::Timeout, 2));
        assert_eq!(error.attempts()[1].target.as_deref(), Some("target 2"));
        let fallbacks: Vec<Arc<dyn LlmInterface>> = vec![Arc::new(silent), Arc::new(llm)];
        let nested = Fallback::new(fallbacks).runtime(clock.runtime());
        let options = ChatOptions::default().timeout(seconds(40.0));
        assert_eq!(clock.block_on(ask(&nested, way, options)).as_deref(), Ok("own"), "{way:?}");
    }
    let none = Fallback::new(Vec::<Own>::new());
    let error = futures::executor::block_on(none.chat(question(), ChatOptions::default()));
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Config);
}

#[test]
fn a_configuration_names_the_fallbacks_of_an_entry() {
    let clock = VirtualClock::new();
    let provider = ScriptedTransport::new(&clock, |request| {
        if request.url.contains("first") { Reply::status(503) } else { Reply::answer("second") }
    });
    let text = r#"{
        "one": { "a": { "api_keys": ["k"], "base_url": "https://first.test/v1", "max_retries": 0,
                        "fallbacks": ["two/meta/b"] } },
        "two": { "meta/b": { "api_keys": ["k"], "base_url": "https://second.test/v1" } }
    }"#;
    let load = |text: &str| {
        let loader = ConfigLoader::new().runtime(clock.runtime());
        loader.transport(Arc::new(provider.clone())).load_str(text)
    };
    let providers = load(text).unwrap();
    let answer = clock.block_on(ask(&providers["one"]["a"], Way::Chat, ChatOptions::default()));
    assert_eq!(answer.as_deref(), Ok("second"));
    for (names, problem) in [
        (
            r#"["two/meta/c"]"#,
            "names no entry of this file as `provider/model`; did you mean `two/meta/b`?",
        ),
        (r#"["one/a"]"#, "is the entry itself"),
        (r#"["two/meta/b", "two/meta/b"]"#, "stands twice here"),
        (r#"[5]"#, "expected a string, found a number"),
        (r#""two/meta/b""#, "expected a list, found a string"),
    ] {
        let error = load(&text.replace(r#"["two/meta/b"]"#, names)).unwrap_err();
        let problem_found = error.problems()[0].to_string();
        assert!(problem_found.starts_with("line 3: one.a.fallbacks"), "{problem_found}");
        assert!(problem_found.ends_with(problem), "{problem_found}");
    }
}
