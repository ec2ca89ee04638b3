#![allow(unused_imports)] // by what does not compile

use lockkeeper::{LlmFunctionError, OpenAiCompatible, llm_function};

fn my_llm() -> OpenAiCompatible {
    unreachable!("it does not compile")
}

/// Summarise the text.
#[llm_function(llm = my_llm(), stream)]
async fn awaited(text: &str) -> lockkeeper::FunctionStream<String>;

/// Summarise the text.
#[llm_function(llm = my_llm(), stream)]
fn result(text: &str) -> Result<String, LlmFunctionError>;

fn main() {}
