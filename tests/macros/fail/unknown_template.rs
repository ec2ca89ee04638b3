#![allow(unused_imports)] // by what does not compile

use lockkeeper::{LlmFunctionError, OpenAiCompatible, llm_function};

fn my_llm() -> OpenAiCompatible {
    unreachable!("it does not compile")
}

/// Summarise the text.
/// Take at most {max_word} words.
#[llm_function(llm = my_llm())]
async fn summarise(text: &str, max_words: u32) -> Result<String, LlmFunctionError>;

fn main() {}
