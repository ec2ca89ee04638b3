#![allow(unused_imports)] // by what does not compile

use lockkeeper::{LlmChatStream, Message, OpenAiCompatible, llm_chat};

fn my_llm() -> OpenAiCompatible {
    unreachable!("it does not compile")
}

/// You are a host.
#[llm_chat(llm = my_llm())]
fn without_input(history: Vec<Message>) -> LlmChatStream;

/// You are a host.
#[llm_chat(llm = my_llm())]
async fn awaited(history: Vec<Message>, text: &str) -> LlmChatStream;

/// You are a host.
#[llm_chat(llm = my_llm())]
fn whole(history: Vec<Message>, text: &str) -> String;

fn main() {}
