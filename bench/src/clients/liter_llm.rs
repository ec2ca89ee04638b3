//! liter-llm.

use std::any::Any;
use std::sync::Arc;

use futures::StreamExt;
use futures::future::BoxFuture;
use liter_llm::{
    ChatCompletionChunk, ChatCompletionRequest, ClientConfigBuilder, DefaultClient, LlmClient,
    Message, UserContent, UserMessage,
};

use super::{Client, KEY, PROMPT};
use crate::Result;

struct LiterLlm {
    client: DefaultClient,
    model: String,
}

pub fn make(base_url: &str, model: &str) -> Result<Arc<dyn Client>> {
    let config = ClientConfigBuilder::new(KEY).base_url(base_url).build();
    let client = DefaultClient::new(config, None)?;
    Ok(Arc::new(LiterLlm { client, model: model.to_owned() }))
}

impl LiterLlm {
    fn request(&self) -> ChatCompletionRequest {
        let prompt = UserMessage { content: UserContent::Text(PROMPT.into()), name: None };
        let messages = vec![Message::User(prompt)];
        ChatCompletionRequest { model: self.model.clone(), messages, ..Default::default() }
    }
}

fn text(chunk: &ChatCompletionChunk) -> &str {
    chunk.choices.first().and_then(|choice| choice.delta.content.as_deref()).unwrap_or_default()
}

impl Client for LiterLlm {
    fn stream(&self) -> BoxFuture<'_, Result<usize>> {
        Box::pin(async {
            let mut stream = self.client.chat_stream(self.request()).await?;
            let mut length = 0;
            while let Some(chunk) = stream.next().await {
                length += text(&chunk?).len();
            }
            Ok(length)
        })
    }

    fn open(&self) -> BoxFuture<'_, Result<Box<dyn Any + Send>>> {
        Box::pin(async {
            let mut stream = self.client.chat_stream(self.request()).await?;
            while let Some(chunk) = stream.next().await {
                if !text(&chunk?).is_empty() {
                    break;
                }
            }
            Ok(Box::new(stream) as _)
        })
    }

    fn chat(&self) -> BoxFuture<'_, Result<usize>> {
        Box::pin(async {
            let answer = self.client.chat(self.request()).await?;
            let choice = answer.choices.into_iter().next().ok_or("no choice")?;
            Ok(choice
                .message
                .content
                .as_ref()
                .and_then(|content| content.as_text())
                .map_or(0, |text| text.len()))
        })
    }
}
