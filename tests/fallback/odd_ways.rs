//! Odd company and odd moments: fallbacks within fallbacks, wrappers, old news, and what is passed on.

use std::sync::Arc;

use super::Target;
use super::scripted::{Way, ask, events, question, seconds, settings};
use futures::StreamExt;
use futures::future::{Either, select};
use lockkeeper::codec::CircuitBreaker;
use lockkeeper::testing::{Reply, ScriptedTransport, VirtualClock};
use lockkeeper::{
    BoxFuture, ChatChunk, ChatOptions, ChatResponse, ChatStream, CircuitState, ConfigLoader, Error,
    ErrorKind, Fallback, HttpRequest, LlmInterface, Message, ModelInfo, OnInterrupt,
    OpenAiCompatible,
};

fn by(
    clock: &VirtualClock,
    name: &str,
    script: impl Fn(&HttpRequest) -> Reply + Send + Sync + 'static,
) -> Target {
    super::by(clock, name, None, script)
}

fn arc(llm: impl LlmInterface + 'static) -> Arc<dyn LlmInterface> {
    Arc::new(llm)
}

fn good(way: Way, text: &'static str) -> impl Fn(&HttpRequest) -> Reply {
    move |_| way.answer(text)
}

/// The second target of a nested fallback gets its share of what the outer one grants.
#[test]
fn a_nested_fallback_shares_what_it_is_given() {
    for way in super::scripted::BOTH {
        let clock = VirtualClock::new();
        let silent = by(&clock, "silent", |_| Reply::silence());
        let well = by(&clock, "well", move |_| way.answer("inner").after(seconds(0.5)));
        let other = by(&clock, "other", good(way, "outer"));
        let inner = Fallback::new([silent.llm.clone(), well.llm.clone()]);
        let outer = Fallback::new([arc(inner), arc(other.llm.clone())]).runtime(clock.runtime());
        let options = ChatOptions::default()
            .timeout(seconds(40.0))
            .headers_timeout(seconds(39.0))
            .first_token_timeout(seconds(39.0));
        let answer = clock.block_on(ask(&outer, way, options));
        assert_eq!(answer.as_deref(), Ok("inner"), "{way:?}");
    }
}

/// A silent one is not retried where the outer fallback has another.
#[test]
fn the_last_of_a_nested_fallback_has_somebody_behind_it() {
    let clock = VirtualClock::new();
    let silent = by(&clock, "silent", |_| Reply::silence());
    let other = by(&clock, "other", good(Way::Stream, "outer"));
    let inner = Fallback::new([silent.llm.clone()]);
    let outer = Fallback::new([arc(inner), arc(other.llm.clone())]).runtime(clock.runtime());
    let answer = clock.block_on(ask(&outer, Way::Stream, ChatOptions::default()));
    assert_eq!((answer.as_deref(), silent.sent()), (Ok("outer"), 1));
}

/// After a restart inside a nested fallback, it is the later target that has answered.
#[test]
fn who_answers_after_a_restart_within() {
    let clock = VirtualClock::new();
    let cut = by(&clock, "cut", |_| Reply::stream(["Half ", "an ", "answer"]).cut_after(2));
    let well = by(&clock, "well", good(Way::Stream, "whole"));
    let other = by(&clock, "other", good(Way::Stream, "outer"));
    let inner =
        Fallback::new([cut.llm.clone(), well.llm.clone()]).on_interrupt(OnInterrupt::Restart);
    let outer = Fallback::new([arc(inner), arc(other.llm.clone())]).runtime(clock.runtime());
    let answer =
        clock.block_on(outer.chat_stream(question(), ChatOptions::default()).result()).unwrap();
    assert_eq!(answer.text(), "whole");
    assert_eq!(answer.answered_by.unwrap().provider, "well");
}

/// Attempts at the targets of a nested fallback name those.
#[test]
fn attempts_within_name_whom_they_were_at() {
    let clock = VirtualClock::new();
    let a = by(&clock, "a", |_| Reply::status(402));
    let b = by(&clock, "b", |_| Reply::status(401));
    let c = by(&clock, "c", |_| Reply::status(403));
    let inner = Fallback::new([a.llm.clone(), b.llm.clone()]);
    let outer = Fallback::new([arc(inner), arc(c.llm.clone())]).runtime(clock.runtime());
    let error = clock.block_on(ask(&outer, Way::Chat, ChatOptions::default())).unwrap_err();
    let of: Vec<_> = error
        .attempts()
        .iter()
        .map(|it| format!("{} {}", it.target.clone().unwrap(), it.kind))
        .collect();
    assert!(of.iter().any(|it| it == "b/m authentication"), "{of:?}");
}

/// The stream's attempts hold those of the target that answers.
#[test]
fn attempts_of_a_stream_hold_those_of_the_target_that_answers() {
    let clock = VirtualClock::new();
    let count = std::sync::atomic::AtomicUsize::new(0);
    let flaky = by(&clock, "flaky", move |_| {
        match count.fetch_add(1, std::sync::atomic::Ordering::SeqCst) % 2 {
            0 => Reply::status(503),
            _ => Reply::stream(["fine"]),
        }
    });
    let other = by(&clock, "other", good(Way::Stream, "outer"));
    let mut plain = flaky.llm.chat_stream(question(), ChatOptions::default());
    clock.block_on(plain.next()).unwrap().unwrap();
    let llm = Fallback::new([flaky.llm.clone(), other.llm.clone()]);
    let mut stream = llm.chat_stream(question(), ChatOptions::default());
    clock.block_on(stream.next()).unwrap().unwrap();
    assert_eq!(plain.attempts().len(), stream.attempts().len());
}

/// A model that a call names for the first is not what the backup calls its own.
#[test]
fn a_model_that_a_call_names() {
    let clock = VirtualClock::new();
    let a = by(&clock, "a", |_| Reply::status(503));
    let b = by(&clock, "b", good(Way::Chat, "b"));
    let llm = Fallback::new([a.llm.clone(), b.llm.clone()]);
    let answer =
        clock.block_on(llm.chat(question(), ChatOptions::default().model("gpt-4-turbo"))).unwrap();
    assert_eq!(a.provider.requests()[0].json()["model"], "gpt-4-turbo");
    assert_eq!(b.provider.requests()[0].json()["model"], "model-a");
    assert_eq!(answer.answered_by.unwrap().model, "m");
}

/// A silent primary opens its circuit, with the default clocks.
#[test]
fn silence_opens_the_circuit() {
    let clock = VirtualClock::new();
    let silent = by(&clock, "silent", |_| Reply::silence());
    let other = by(&clock, "other", |_| Reply::stream(["fine"]).after(seconds(1.0)));
    let llm = Fallback::new([silent.llm.clone(), other.llm.clone()]);
    for _ in 0..20 {
        clock.block_on(ask(&llm, Way::Stream, ChatOptions::default())).unwrap();
    }
    assert!(silent.sent() < 20);
}

/// The end of a stream that was once a probe closes no circuit that has opened since.
#[test]
fn a_probe_closes_the_circuit_once() {
    let clock = VirtualClock::new();
    let breaker = CircuitBreaker::with_runtime(clock.runtime());
    let fail = || {
        (0..5).for_each(|_| breaker.enter().unwrap().ended(Some((ErrorKind::Server, Some(503)))))
    };
    fail();
    clock.advance(seconds(5.0));
    let probe = breaker.enter().unwrap();
    probe.answered(); // a stream has begun
    assert_eq!(breaker.state(), CircuitState::Closed);
    fail();
    assert_eq!(breaker.state(), CircuitState::Open);
    clock.advance(seconds(1.0));
    probe.ended(None); // and has come to its end
    assert_eq!(breaker.state(), CircuitState::Open);
}

/// A probe that has failed goes on at once: it may not send again anyway.
#[test]
fn a_failed_probe_does_not_wait_for_a_retry_that_may_not_be() {
    let clock = VirtualClock::new();
    let a = {
        let provider = ScriptedTransport::new(&clock, |_| Reply::status(503));
        let mut settings = settings(2);
        settings.max_retries = 5;
        settings.retry_delay = seconds(5.0);
        let llm = OpenAiCompatible::builder(settings)
            .transport(Arc::new(provider.clone()))
            .runtime(clock.runtime())
            .build()
            .unwrap();
        Target { provider, llm }
    };
    let b = by(&clock, "b", good(Way::Chat, "b"));
    let llm = Fallback::new([a.llm.clone(), b.llm.clone()]);
    let calls = (0..5).map(|_| ask(&llm, Way::Chat, ChatOptions::default()));
    clock.block_on(futures::future::join_all(calls));
    clock.advance(seconds(20.0));
    let (before, sent) = (clock.elapsed(), a.sent());
    clock.block_on(ask(&llm, Way::Chat, ChatOptions::default())).unwrap();
    assert_eq!((clock.elapsed(), a.sent()), (before, sent + 1));
}

/// A wrapper that tells of its client, as wrappers do, and hangs.
struct Hangs(OpenAiCompatible);

impl LlmInterface for Hangs {
    fn chat(
        &self,
        _: Vec<Message>,
        _: ChatOptions,
    ) -> BoxFuture<'static, Result<ChatResponse, Error>> {
        Box::pin(futures::future::pending())
    }
    fn chat_stream(&self, messages: Vec<Message>, _: ChatOptions) -> ChatStream {
        ChatStream::new(messages, futures::stream::pending())
    }
    fn model_info(&self) -> ModelInfo {
        self.0.model_info()
    }
}

/// A call comes to its end, whatever that is.
fn ends_within(clock: &VirtualClock, longest: f64, call: impl Future) {
    let ended = select(Box::pin(call), clock.runtime().sleep(seconds(longest)));
    assert!(matches!(clock.block_on(ended), Either::Left(_)), "hangs");
}

/// The deadline holds for a wrapper that passes on `model_info`.
#[test]
fn a_wrapper_is_held_to_the_deadline() {
    for way in super::scripted::BOTH {
        let clock = VirtualClock::new();
        let a = by(&clock, "a", good(way, "a"));
        let b = by(&clock, "b", good(way, "b"));
        let llm = Fallback::new([arc(Hangs(a.llm.clone())), arc(b.llm.clone())]);
        let call = ask(&llm, way, ChatOptions::default().timeout(seconds(4.0)));
        ends_within(&clock, 100.0, call);
    }
}

/// Where no other target lets the call in, the stream begins anew on the same.
#[test]
fn a_stream_begins_anew_on_the_same_where_the_others_are_open() {
    let clock = VirtualClock::new();
    let count = std::sync::atomic::AtomicUsize::new(0);
    let down = std::sync::atomic::AtomicBool::new(true);
    let down = Arc::new(down);
    let is_down = down.clone();
    let a = by(&clock, "a", move |_| {
        if is_down.load(std::sync::atomic::Ordering::SeqCst) {
            return Reply::status(402);
        }
        match count.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
            0 => Reply::stream(["Half ", "an ", "answer"]).cut_after(2),
            _ => Reply::stream(["whole"]),
        }
    });
    let b = by(&clock, "b", |_| Reply::status(503));
    let llm = Fallback::new([a.llm.clone(), b.llm.clone()]).on_interrupt(OnInterrupt::Restart);
    for _ in 0..3 {
        clock.block_on(ask(&llm, Way::Stream, ChatOptions::default())).unwrap_err();
    }
    down.store(false, std::sync::atomic::Ordering::SeqCst);
    let keys = a.llm.key_pool();
    for k in 1..=2 {
        keys.remove_key(&super::scripted::key(k));
        keys.add_key(&format!("sk-other-{k:04}")).unwrap();
    }
    let text = clock.block_on(ask(&llm, Way::Stream, ChatOptions::default()));
    assert_eq!(text.as_deref(), Ok("whole"));
}

/// A client of a file keeps its own fallbacks where it is put behind another.
#[test]
fn the_fallbacks_of_a_file_hold_behind_a_fallback() {
    let clock = VirtualClock::new();
    let provider = ScriptedTransport::new(&clock, |request| {
        if request.url.contains("second") { Reply::answer("second") } else { Reply::status(402) }
    });
    let text = r#"{
        "one": { "a": { "api_keys": ["k"], "base_url": "https://first.test/v1", "fallbacks": ["two/b"] } },
        "two": { "b": { "api_keys": ["k"], "base_url": "https://second.test/v1" } },
        "three": { "c": { "api_keys": ["k"], "base_url": "https://third.test/v1" } }
    }"#;
    let loader = ConfigLoader::new().runtime(clock.runtime());
    let providers = loader.transport(Arc::new(provider.clone())).load_str(text).unwrap();
    let llm = Fallback::new([providers["one"]["a"].clone(), providers["three"]["c"].clone()]);
    let answer = clock.block_on(ask(&llm, Way::Chat, ChatOptions::default()));
    assert_eq!(answer.as_deref(), Ok("second"));
}

/// A passed-on restart voids what the reader knows of the choices: else a cut is passed as whole.
#[test]
fn a_restart_that_is_passed_on_voids_which_choices_have_ended() {
    let clock = VirtualClock::new();
    let delta = |index, text: &str, end: Option<&str>| {
        events::choice(index, &serde_json::json!({"content": text}), end)
    };
    let list = vec![
        delta(0, "old zero", Some("stop")),
        delta(1, "old o", None),
        serde_json::json!({"choices": [], "restart": {"target": "b/m", "reason": "cut"}})
            .to_string(),
        delta(0, "new ze", None),
        delta(1, "new one", Some("stop")),
        // and here the connection is lost: choice 0 is half
    ];
    let a = by(&clock, "a", move |_| Reply::events(&list));
    let answer = clock.block_on(a.llm.chat_stream(question(), ChatOptions::default()).result());
    assert!(answer.is_err(), "a cut is passed as whole");
}

/// The clocks of a stream hold for interfaces of one's own, too.
struct Silent;
impl LlmInterface for Silent {
    fn chat(
        &self,
        _: Vec<Message>,
        _: ChatOptions,
    ) -> BoxFuture<'static, Result<ChatResponse, Error>> {
        Box::pin(futures::future::pending())
    }
    fn chat_stream(&self, messages: Vec<Message>, _: ChatOptions) -> ChatStream {
        ChatStream::new(
            messages,
            futures::stream::iter([Ok(ChatChunk::default())]).chain(futures::stream::pending()),
        )
    }
}

#[test]
fn a_silent_interface_of_ones_own_is_left() {
    let clock = VirtualClock::new();
    let b = by(&clock, "b", good(Way::Stream, "b"));
    let llm = Fallback::new([arc(Silent), arc(b.llm.clone())]).runtime(clock.runtime());
    let options = ChatOptions::default()
        .first_token_timeout(seconds(2.0))
        .headers_timeout(seconds(2.0))
        .idle_timeout(seconds(2.0));
    ends_within(&clock, 10_000.0, ask(&llm, Way::Stream, options));
}

/// What was shown last is what there is of an answer, where nobody can begin it anew.
#[test]
fn attempts_and_partial_when_restart_finds_nobody() {
    let clock = VirtualClock::new();
    let a = by(&clock, "a", |_| Reply::stream(["Half ", "an ", "answer"]).cut_after(2));
    let b = by(&clock, "b", |_| Reply::stream(["Other ", "half ", "x"]).cut_after(2));
    let c = by(&clock, "c", |_| Reply::status(503));
    let llm = Fallback::new([a.llm.clone(), b.llm.clone(), c.llm.clone()])
        .on_interrupt(OnInterrupt::Restart);
    let error = clock.block_on(ask(&llm, Way::Stream, ChatOptions::default())).unwrap_err();
    assert_eq!(error.partial().unwrap().text, "Other half ");
}

/// What waits inside a nested fallback does not reach a target that the outer has closed off.
#[test]
fn an_outer_circuit_holds_within() {
    let clock = VirtualClock::new();
    let a = by(&clock, "a", |_| Reply::status(503));
    let b = by(&clock, "b", good(Way::Chat, "b"));
    let inner = Fallback::new([a.llm.clone()]);
    let outer = Fallback::new([arc(inner), arc(b.llm.clone())]).runtime(clock.runtime());
    let calls = (0..50).map(|_| ask(&outer, Way::Chat, ChatOptions::default()));
    clock.block_on(futures::future::join_all(calls));
    assert!(a.sent() <= 55);
}

/// A text stream that has ended holds nothing.
#[test]
fn a_text_stream_that_has_ended_holds_nothing() {
    let clock = VirtualClock::new();
    let a = by(&clock, "a", |_| Reply::stream(["Half ", "an ", "answer"]).cut_after(2));
    let b = by(&clock, "b", |_| Reply::stream(["wh", "ole"]).pace(seconds(1.0)));
    let llm = Fallback::new([a.llm.clone(), b.llm.clone()]).on_interrupt(OnInterrupt::Restart);
    let mut texts = Box::pin(llm.chat_stream(question(), ChatOptions::default()).text_stream());
    let mut failed = false;
    while let Some(text) = clock.block_on(texts.next()) {
        failed |= text.is_err();
    }
    assert!(failed);
    assert_eq!(b.llm.key_pool().in_flight(), 0);
}

/// A probe that is never answered makes way for the next after 20 s: no more are under way than that.
#[test]
fn one_probe_at_a_time_even_where_answers_take_long() {
    let clock = VirtualClock::new();
    let (began, runtime) = (clock.runtime().now(), clock.runtime());
    let a = by(&clock, "a", move |_| {
        if (runtime.now() - began).as_secs() < 5 { Reply::status(503) } else { Reply::silence() }
    });
    let b = by(&clock, "b", good(Way::Chat, "b"));
    let llm = Fallback::new([a.llm.clone(), b.llm.clone()]);
    clock.block_on(async {
        for _ in 0..3 {
            ask(&llm, Way::Chat, ChatOptions::default()).await.unwrap();
        }
        clock.runtime().sleep(seconds(10.0)).await;
        let before = a.sent();
        let many = futures::future::join_all((0..60).map(|i| {
            let (llm, clock) = (&llm, &clock);
            async move {
                clock.runtime().sleep(seconds(f64::from(i) * 2.0)).await;
                ask(llm, Way::Chat, ChatOptions::default()).await
            }
        }));
        let _ = select(Box::pin(many), clock.runtime().sleep(seconds(121.0))).await;
        let probes = a.sent() - before;
        assert!((4..=7).contains(&probes), "{probes}");
    });
}
