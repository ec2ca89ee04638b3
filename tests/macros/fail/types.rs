#![allow(unused_imports)] // by what does not compile

use lockkeeper::{LlmFunctionError, OpenAiCompatible, llm_function};

fn my_llm() -> OpenAiCompatible {
    unreachable!("it does not compile")
}

struct Opaque;

/// Summarise the text.
#[llm_function(llm = my_llm())]
async fn takes(text: Opaque) -> Result<String, LlmFunctionError>;

/// Summarise the text.
#[llm_function(llm = my_llm())]
async fn returns(text: &str) -> Result<Opaque, LlmFunctionError>;

fn main() {}
