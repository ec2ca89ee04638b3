//! rig, by its part for Chat Completions.

use std::any::Any;
use std::sync::Arc;

use futures::StreamExt;
use futures::future::BoxFuture;
use rig_core::completion::CompletionRequest;
use rig_core::driver::Model;
use rig_core::providers::openai::OpenAIConfig;
use rig_core::providers::openai::wire::Chat;
use rig_core::streaming::{Item, StreamEvent};

use super::{Client, KEY, PROMPT};
use crate::Result;

struct Rig(Model<Chat>);

pub fn make(base_url: &str, model: &str) -> Result<Arc<dyn Client>> {
    let config = OpenAIConfig::new(KEY).with_base_url(base_url);
    Ok(Arc::new(Rig(config.client().chat(model))))
}

fn text(item: &Item<StreamEvent>) -> &str {
    match item {
        Item::Event(StreamEvent::Text { text, .. }) => text,
        _ => "",
    }
}

impl Client for Rig {
    fn stream(&self) -> BoxFuture<'_, Result<usize>> {
        Box::pin(async {
            let mut stream = self.0.stream(CompletionRequest::new(PROMPT))?;
            let mut length = 0;
            while let Some(item) = stream.next().await {
                length += text(&item?).len();
            }
            Ok(length)
        })
    }

    fn open(&self) -> BoxFuture<'_, Result<Box<dyn Any + Send>>> {
        Box::pin(async {
            let mut stream = self.0.stream(CompletionRequest::new(PROMPT))?;
            while let Some(item) = stream.next().await {
                if !text(&item?).is_empty() {
                    break;
                }
            }
            Ok(Box::new(stream) as _)
        })
    }

    fn chat(&self) -> BoxFuture<'_, Result<usize>> {
        Box::pin(async { Ok(self.0.call(CompletionRequest::new(PROMPT)).await?.text().len()) })
    }
}
