//! How calls get their turn: who is first, how many at once, and what their LLM tokens allow.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used)] // in helpers too, a failure is the test's

#[path = "admission/budgets.rs"]
mod budgets;
#[path = "admission/crowds.rs"]
mod crowds;
#[path = "admission/limits_of_keys.rs"]
mod limits_of_keys;
#[path = "admission/priorities.rs"]
mod priorities;
mod scripted;

use std::cell::RefCell;
use std::rc::Rc;

use lockkeeper::testing::{Executor, Reply};
use lockkeeper::{ChatOptions, ModelSettings};
use scripted::{Scene, Way, ask, seconds};

/// When each request was sent, and by which call, in order.
type Sent = Vec<(usize, f64)>;

/// A call: when it comes, and its options.
type Arrival = (f64, ChatOptions);

/// Lets calls come to a provider that answers after `latency`, and tells what was sent.
fn sent(settings: ModelSettings, way: Way, latency: f64, calls: Vec<Arrival>) -> Sent {
    let scene = Scene::by(settings, move |_| way.answer("yes").after(seconds(latency)));
    let mut executor = Executor::new(&scene.clock);
    let ends = all(&scene, &mut executor, way, calls);
    executor.run().unwrap();
    assert!(ends.borrow().iter().all(|(_, end)| end.is_ok()), "{ends:?}");
    order(&scene)
}

/// How each call ended, in the order in which they did.
type Ends = Rc<RefCell<Vec<(usize, Result<String, lockkeeper::Error>)>>>;

/// Starts all these calls.
fn all(scene: &Scene, executor: &mut Executor, way: Way, calls: Vec<Arrival>) -> Ends {
    let ends = Ends::default();
    for (call, (at, options)) in calls.into_iter().enumerate() {
        let (llm, runtime, ends) = (scene.llm.clone(), scene.clock.runtime(), ends.clone());
        let options = options.extra("user", call as u64);
        executor.spawn(async move {
            runtime.sleep(seconds(at)).await;
            let end = ask(&llm, way, options).await;
            ends.borrow_mut().push((call, end));
        });
    }
    ends
}

/// Which call sent each request, and when.
fn order(scene: &Scene) -> Sent {
    let calls = scene.provider.requests().into_iter().map(|sent| {
        let body: serde_json::Value = serde_json::from_slice(&sent.request.body).unwrap();
        body["user"].as_u64().unwrap() as usize
    });
    calls.zip(scene.sent_at()).collect()
}

fn calls(sent: &Sent) -> Vec<usize> {
    sent.iter().map(|(call, _)| *call).collect()
}

fn priority(priority: i8) -> ChatOptions {
    ChatOptions::default().priority(priority)
}

/// An answer that costs so much, in and out.
fn costs(input: u32, output: u32) -> Reply {
    Reply::status(200).body(format!(
        r#"{{"choices":[{{"message":{{"content":"yes"}},"finish_reason":"stop"}}],
        "usage":{{"prompt_tokens":{input},"completion_tokens":{output}}}}}"#
    ))
}

fn at_most(tokens: u64) -> ChatOptions {
    ChatOptions::default().max_completion_tokens(tokens)
}
