//! The short version: a provider of our own on this machine, one answer in a piece, one streamed.
//!
//! `cargo run --example chat`

use std::io::Write;

use futures::StreamExt;
use lockkeeper::{ChatOptions, LlmInterface, Message, OpenAiCompatible};
use mock_provider::{MockProvider, Settings};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let provider = MockProvider::start(Settings::default()).await?;
    let config = format!(
        r#"{{ "mock": {{ "small": {{ "base_url": "{}", "api_keys": ["sk-example-key-0001"] }} }} }}"#,
        provider.base_url()
    );
    let providers = OpenAiCompatible::load_from_json_str(&config)?;
    let llm = &providers["mock"]["small"];

    let question = vec![Message::user("Tell me about lock keepers.")];
    let answer = llm.chat(question, ChatOptions::default().temperature(0.2)).await?;
    println!("{}\n", answer.text());

    let question = vec![Message::user("And about canals at night?")];
    let mut stream = llm.chat_stream(question, ChatOptions::default());
    while let Some(chunk) = stream.next().await {
        print!("{}", chunk?.text());
        std::io::stdout().flush()?;
    }
    println!("\n\n{} LLM tokens in, {} out", llm.input_token_count(), llm.output_token_count());
    Ok(())
}
