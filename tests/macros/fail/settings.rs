#![allow(unused_imports)] // by what does not compile

use lockkeeper::{LlmFunctionError, OpenAiCompatible, llm_function};

fn my_llm() -> OpenAiCompatible {
    unreachable!("it does not compile")
}

/// Summarise the text.
#[llm_function]
async fn nobody(text: &str) -> Result<String, LlmFunctionError>;

/// Summarise the text.
#[llm_function(llm = my_llm(), repairs = 3)]
async fn unknown(text: &str) -> Result<String, LlmFunctionError>;

/// Summarise the text.
#[llm_function(llm = my_llm(), max_steps = 3, max_steps = 4)]
async fn twice(text: &str) -> Result<String, LlmFunctionError>;

fn main() {}
