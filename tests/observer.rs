//! An observer is told the story of every call, in order.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};

use lockkeeper::testing::{Reply, ScriptedTransport, VirtualClock};
use lockkeeper::{ChatOptions, Event, LlmInterface, Message, ModelSettings, Observer};
use lockkeeper::{OpenAiCompatible, Outcome};

#[derive(Clone, Default)]
struct Story(Arc<Mutex<Vec<String>>>);

impl Observer for Story {
    fn on_event(&self, call: u64, event: &Event<'_>) {
        let told = match event {
            Event::Waits { reason, planned, .. } => format!("waits for {reason:?}, {planned:?}"),
            Event::Sends { key_label, model, .. } => format!("asks {model} with {key_label}"),
            Event::Headers { status, .. } => format!("has headers, {status}"),
            Event::FirstToken { .. } => "has its first token".to_owned(),
            Event::Fails { attempt, retry_after, .. } => {
                format!("fails, {} {retry_after:?}", attempt.kind)
            }
            Event::Ends { outcome, key_label, .. } => format!("ends, {outcome:?} {key_label:?}"),
            other => format!("{other:?}"),
        };
        self.0.lock().unwrap().push(format!("{call} {told}"));
    }
}

fn client(clock: &VirtualClock, story: &Story, replies: Vec<Reply>) -> OpenAiCompatible {
    let transport = ScriptedTransport::replies(clock, replies);
    let keys = ["sk-0123456789aaaa", "sk-0123456789bbbb"];
    let mut settings = ModelSettings::new("observed", "m", keys);
    settings.base_url = "https://api.example.com/v1".into();
    (settings.rate_limit_capacity, settings.rate_limit_refill_rate) = (2.0, 0.5);
    let builder = OpenAiCompatible::builder(settings).transport(Arc::new(transport));
    builder.runtime(clock.runtime()).observer(Arc::new(story.clone())).build().unwrap()
}

#[test]
fn the_story_of_a_call_is_told_in_order() {
    let (clock, story) = (VirtualClock::new(), Story::default());
    let replies = vec![
        Reply::status(429).header("retry-after", "7"),
        Reply::status(503).header("retry-after", "3"),
        Reply::stream(["Hi!"]),
    ];
    let llm = client(&clock, &story, replies);
    let stream = llm.chat_stream(vec![Message::user("Hi!")], ChatOptions::default());
    assert_eq!(clock.block_on(stream.text()).unwrap(), "Hi!");
    assert_eq!(
        *story.0.lock().unwrap(),
        [
            "0 asks m with …aaaa",
            "0 has headers, 429",
            "0 fails, rate_limited Some(7s)",
            "0 asks m with …bbbb",
            "0 has headers, 503",
            "0 fails, server Some(3s)",
            "0 waits for Retry, Some(3s)",
            "0 asks m with …bbbb",
            "0 has headers, 200",
            "0 has its first token",
            "0 ends, Succeeded Some(\"…bbbb\")",
        ]
    );
}

#[test]
fn a_wait_for_a_token_is_told_when_it_begins() {
    let (clock, story) = (VirtualClock::new(), Story::default());
    let llm = client(&clock, &story, vec![Reply::answer("Hi!")]);
    llm.token_bucket().try_acquire(2).unwrap();
    let call = llm.chat(vec![Message::user("Hi!")], ChatOptions::default());
    clock.block_on(call).unwrap();
    let told = story.0.lock().unwrap().clone();
    assert!(told[0].starts_with("0 waits for Token, Some(2"), "{told:?}");
    assert_eq!(told.len(), 4, "{told:?}");
}

#[test]
fn every_call_ends_once() {
    let (clock, story) = (VirtualClock::new(), Story::default());
    let llm = client(&clock, &story, vec![Reply::status(400)]);
    let ask = || vec![Message::user("Hi!")];
    clock.block_on(llm.chat(ask(), ChatOptions::default())).unwrap_err();
    drop(llm.chat_stream(ask(), ChatOptions::default()));
    let told = story.0.lock().unwrap().clone();
    let ends = |outcome: Outcome| {
        told.iter().filter(|event| event.contains(&format!("ends, {outcome:?}"))).count()
    };
    assert_eq!((ends(Outcome::Failed), ends(Outcome::Cancelled)), (1, 1), "{told:?}");
}
