//! The library, with everything on: four keys, a bucket that never empties, retries.

use std::any::Any;
use std::sync::Arc;

use futures::StreamExt;
use futures::future::BoxFuture;
use lockkeeper::{ChatOptions, ChatStream, LlmInterface, Message, ModelSettings, OpenAiCompatible};

use super::{Client, KEY, PROMPT};
use crate::Result;

/// More requests than any machine starts in a second.
const NO_LIMIT: f64 = 1e9;

struct ByChunks(OpenAiCompatible);
struct ByText(OpenAiCompatible);

/// One that is read chunk by chunk.
pub fn make(base_url: &str, model: &str) -> Result<Arc<dyn Client>> {
    Ok(Arc::new(ByChunks(client(base_url, model)?)))
}

/// One whose streams are read by `text()`.
pub fn make_for_text(base_url: &str, model: &str) -> Result<Arc<dyn Client>> {
    Ok(Arc::new(ByText(client(base_url, model)?)))
}

fn client(base_url: &str, model: &str) -> Result<OpenAiCompatible> {
    let keys = (0..4).map(|number| format!("{KEY}-{number}"));
    let mut settings = ModelSettings::new("bench", model, keys);
    settings.base_url = base_url.to_owned();
    settings.rate_limit_capacity = NO_LIMIT;
    settings.rate_limit_refill_rate = NO_LIMIT;
    Ok(OpenAiCompatible::new(settings)?)
}

fn ask(llm: &OpenAiCompatible) -> ChatStream {
    llm.chat_stream(vec![Message::user(PROMPT)], ChatOptions::default())
}

async fn open(llm: &OpenAiCompatible) -> Result<Box<dyn Any + Send>> {
    let mut stream = ask(llm);
    while let Some(chunk) = stream.next().await {
        if !chunk?.text().is_empty() {
            break;
        }
    }
    Ok(Box::new(stream))
}

async fn chat(llm: &OpenAiCompatible) -> Result<usize> {
    let answer = llm.chat(vec![Message::user(PROMPT)], ChatOptions::default()).await?;
    Ok(answer.text().len())
}

impl Client for ByChunks {
    fn stream(&self) -> BoxFuture<'_, Result<usize>> {
        Box::pin(async {
            let mut stream = ask(&self.0);
            let mut length = 0;
            while let Some(chunk) = stream.next().await {
                length += chunk?.text().len();
            }
            Ok(length)
        })
    }

    fn open(&self) -> BoxFuture<'_, Result<Box<dyn Any + Send>>> {
        Box::pin(open(&self.0))
    }

    fn chat(&self) -> BoxFuture<'_, Result<usize>> {
        Box::pin(chat(&self.0))
    }
}

impl Client for ByText {
    fn stream(&self) -> BoxFuture<'_, Result<usize>> {
        Box::pin(async { Ok(ask(&self.0).text().await?.len()) })
    }

    fn open(&self) -> BoxFuture<'_, Result<Box<dyn Any + Send>>> {
        Box::pin(open(&self.0))
    }

    fn chat(&self) -> BoxFuture<'_, Result<usize>> {
        Box::pin(chat(&self.0))
    }
}
