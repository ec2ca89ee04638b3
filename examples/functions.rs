//! Typed functions: the description is the prompt, the types are the contract. Carried out by a provider of our
//! own on this machine, whose answers fit the types and make no further sense.
//!
//! `cargo run --example functions --features macros`

use std::io::Write;
use std::sync::OnceLock;

use futures::StreamExt;
use lockkeeper::{
    Answer, ChatProgress, FunctionStream, LlmChatStream, LlmFunctionError, Message, ModelSettings,
    OpenAiCompatible, Progress, llm_chat, llm_function, schemars, tool,
};
use mock_provider::{MockProvider, Settings};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

static LLM: OnceLock<OpenAiCompatible> = OnceLock::new();

/// The client that carries the functions out: one for all, so that what is learned of it is shared.
fn llm() -> OpenAiCompatible {
    LLM.get().cloned().expect("`main` has set it")
}

/// A summary.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Summary {
    /// A headline of at most six words.
    headline: String,
    /// The points that matter most.
    points: Vec<String>,
    mood: Mood,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Mood {
    Glad,
    Calm,
    Worried,
}

/// Translate the text into {language}.
#[llm_function(llm = llm())]
async fn translate(text: &str, language: &str) -> Result<String, LlmFunctionError>;

/// Summarise the text in at most {max_words} words, in the text's own language.
#[llm_function(llm = llm())]
async fn summarise(text: &str, max_words: u32) -> Result<Summary, LlmFunctionError>;

/// Name canals in the country.
#[llm_function(llm = llm(), stream)]
fn canals(country: &str) -> FunctionStream<Vec<String>>;

/// The weather now.
#[tool]
async fn get_weather(
    /// The city, in English.
    city: String,
) -> String {
    format!("Rain in {city}, 11 °C.")
}

/// Say in one word what to wear.
#[llm_function(llm = llm(), tools = [get_weather], max_steps = 3)]
async fn dress(question: &str) -> Result<Answer<String>, LlmFunctionError>;

/// You are the host of a canal museum.
#[llm_chat(llm = llm())]
fn host(history: Vec<Message>, text: &str) -> LlmChatStream;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let provider = MockProvider::start(Settings::default()).await?;
    let mut settings = ModelSettings::new("mock", "small", ["sk-example-key-0001"]);
    settings.base_url = provider.base_url();
    LLM.set(OpenAiCompatible::new(settings)?).ok();

    println!("translate: {}\n", translate("Good morning!", "French").await?);
    println!("summarise: {:#?}\n", summarise("The lock keeper opened the gate.", 30).await?);

    let mut stream = canals("France");
    while let Some(progress) = stream.next().await {
        match progress? {
            Progress::Partial(value) => println!("canals so far: {value}"),
            Progress::Whole(answer) => println!("canals: {:?}\n", *answer),
            _ => {}
        }
    }

    let answer = dress("Call get_weather for Paris: what should I wear?").await?;
    for run in answer.trace.tool_runs() {
        println!("called: {}({}) = {:?}", run.name, run.arguments, run.outcome);
    }
    println!("dress: {}\n", *answer);

    let mut turn = host(Vec::new(), "What is a lock?");
    while let Some(progress) = turn.next().await {
        match progress? {
            ChatProgress::Text(piece) => print!("{piece}"),
            ChatProgress::Whole(reply) => println!("\n({} messages so far)", reply.history.len()),
            _ => {}
        }
        std::io::stdout().flush()?;
    }
    Ok(())
}
