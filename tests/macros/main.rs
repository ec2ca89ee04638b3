//! The attributes: what they make of signatures, and what they say of wrong ones.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used)] // in helpers too, a failure is the test's

#[path = "../scripted/mod.rs"]
mod scripted;

use std::cell::RefCell;

use futures::StreamExt;
use lockkeeper::testing::Reply;
use lockkeeper::{
    Answer, ChatProgress, FunctionStream, LlmChatStream, LlmFunctionError, LlmFunctionErrorKind,
    LlmTool, Message, OpenAiCompatible, Progress, llm_chat, llm_function, schemars, tool,
};
use schemars::JsonSchema;
use scripted::{Scene, seconds};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

thread_local! {
    /// The client of the test that runs on this thread.
    static LLM: RefCell<Option<OpenAiCompatible>> = const { RefCell::new(None) };
}

fn my_llm() -> OpenAiCompatible {
    LLM.with(|llm| llm.borrow().clone().unwrap())
}

fn scene(replies: impl IntoIterator<Item = Reply>) -> Scene {
    let scene = Scene::new(1, replies);
    LLM.set(Some(scene.llm.clone()));
    scene
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Summary {
    title: String,
    tags: Vec<String>,
}

/// Summarise the text in at most {max_words} words, in the text's own language.
///
/// Answer in JSON such as {"title": "…"}, or {{}}.
#[llm_function(llm = my_llm())]
async fn summarise(text: &str, max_words: u32) -> Result<Summary, LlmFunctionError>;

#[test]
fn the_comment_is_the_prompt_and_the_types_are_the_contract() {
    let scene = scene([Reply::answer(r#"{"title": "Eggs", "tags": []}"#)]);
    let summary = scene.clock.block_on(summarise("Two eggs.", 7)).unwrap();
    assert_eq!(summary, Summary { title: "Eggs".to_owned(), tags: Vec::new() });
    let body = scene.provider.requests()[0].json();
    let says = "Summarise the text in at most 7 words, in the text's own language.\n\nAnswer in JSON such as {\"title\": \"…\"}, or {}.\n\nAnswer with JSON only.";
    assert_eq!(body["messages"][0]["content"], says);
    assert_eq!(body["messages"][1]["content"], r#"{"text":"Two eggs.","max_words":7}"#);
    assert_eq!(body["response_format"]["json_schema"]["name"], "summarise");
}

/// Say {r#type}.
#[llm_function(llm = my_llm(), max_repairs = 0, timeout = seconds(3.0))]
pub(crate) async fn say(
    r#type: Option<Vec<&'static str>>,
) -> Result<Answer<bool>, Box<dyn std::error::Error>>;

#[test]
fn settings_are_those_of_the_builder() {
    let scene = scene([Reply::answer("perhaps"), Reply::answer("true").after(seconds(9.0))]);
    let kind =
        |error: Box<dyn std::error::Error>| error.downcast::<LlmFunctionError>().unwrap().kind();
    let error = scene.clock.block_on(say(Some(vec!["a"]))).unwrap_err();
    assert_eq!(kind(error), LlmFunctionErrorKind::InvalidAnswer);
    let error = scene.clock.block_on(say(None)).unwrap_err();
    assert_eq!((kind(error), scene.elapsed()), (LlmFunctionErrorKind::Timeout, 3.0));
}

/// Name canals in {country}.
#[llm_function(llm = my_llm(), stream)]
fn canals(country: String) -> FunctionStream<Vec<String>>;

#[test]
fn a_function_may_stream() {
    let scene = scene([Reply::stream([r#"{"result": ["Erie"#, r#""]}"#])]);
    let told = scene.clock.block_on(canals("France".to_owned()).collect::<Vec<_>>());
    assert!(
        matches!(&told[0], Ok(Progress::Partial(value)) if *value == json!(["Erie"])),
        "{told:?}"
    );
    assert!(
        matches!(told.last(), Some(Ok(Progress::Whole(answer))) if **answer == ["Erie"]),
        "{told:?}"
    );
}

/// The weather now.
#[tool]
async fn get_weather(
    /// The city, in English.
    city: String,
    #[serde(default)] days: Option<u32>,
) -> Result<String, String> {
    match days {
        Some(0) => Err("no days".to_owned()),
        days => Ok(format!("{city}, {days:?}")),
    }
}

/// The time.
#[tool]
fn time() -> u32 {
    12
}

/// What to wear?
#[llm_function(llm = my_llm(), tools = [get_weather, time], max_steps = 1)]
async fn dress(place: &str) -> Result<String, LlmFunctionError>;

#[test]
fn a_function_becomes_a_tool() {
    let call = |name: &str, arguments: Value| json!({"id": name, "function": {"name": name, "arguments": arguments.to_string()}});
    let calls =
        [call("get_weather", json!({"city": "Paris", "days": "2"})), call("time", json!({}))];
    let message = json!({"role": "assistant", "tool_calls": calls});
    let first = Reply::status(200).body(json!({"choices": [{"message": message}]}).to_string());
    let scene = scene([first, Reply::answer("A coat.")]);
    assert_eq!(scene.clock.block_on(dress("Paris")).unwrap(), "A coat.");
    let body = scene.provider.requests()[1].json();
    assert_eq!(body["messages"][3]["content"], "Paris, Some(2)");
    assert_eq!(body["messages"][4]["content"], "12");
    let tool = &body["tools"][0]["function"];
    assert_eq!(
        (&tool["name"], &tool["description"]),
        (&json!("get_weather"), &json!("The weather now."))
    );
    assert_eq!(tool["parameters"]["properties"]["city"]["description"], "The city, in English.");
    assert_eq!(tool["parameters"]["required"], json!(["city"]));
    // It can be called as ever, too.
    let plain = scene.clock.block_on(get_weather::run("Rome".to_owned(), Some(0)));
    assert_eq!((plain, time::run(), time.name()), (Err("no days".to_owned()), 12, "time"));
}

/// You are the host of {museum}.
#[llm_chat(llm = my_llm())]
fn host(history: Vec<Message>, text: &str, museum: &str) -> LlmChatStream;

#[test]
fn a_conversation_takes_its_history() {
    let scene = scene([Reply::stream(["Wel", "come."])]);
    let before = vec![Message::user("Hi."), Message::assistant("Hi!")];
    let told = scene.clock.block_on(host(before, "I am Ada.", "the canal").collect::<Vec<_>>());
    let Some(Ok(ChatProgress::Whole(reply))) = told.last() else { panic!("{told:?}") };
    assert_eq!((reply.text.as_str(), reply.history.len()), ("Welcome.", 4));
    let body = scene.provider.requests()[0].json();
    assert_eq!(body["messages"][0]["content"], "You are the host of the canal.");
    assert_eq!(body["messages"][3]["content"], r#"{"text":"I am Ada.","museum":"the canal"}"#);
}
