#![allow(unused_imports)] // by what does not compile

use lockkeeper::{LlmFunctionError, OpenAiCompatible, llm_function};

fn my_llm() -> OpenAiCompatible {
    unreachable!("it does not compile")
}

/// Summarise the text.
#[llm_function(llm = my_llm())]
async fn summarise<T: serde::Serialize>(text: T) -> Result<String, LlmFunctionError>;

fn main() {}
