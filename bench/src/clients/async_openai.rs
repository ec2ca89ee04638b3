//! async-openai.

use std::any::Any;
use std::sync::Arc;

use async_openai::config::OpenAIConfig;
use async_openai::types::chat::{
    ChatCompletionRequestUserMessage, CreateChatCompletionRequest,
    CreateChatCompletionStreamResponse,
};
use futures::StreamExt;
use futures::future::BoxFuture;

use super::{Client, KEY, PROMPT};
use crate::Result;

struct AsyncOpenAi {
    client: async_openai::Client<OpenAIConfig>,
    model: String,
}

pub fn make(base_url: &str, model: &str) -> Result<Arc<dyn Client>> {
    let config = OpenAIConfig::new().with_api_base(base_url).with_api_key(KEY);
    let client = async_openai::Client::with_config(config);
    Ok(Arc::new(AsyncOpenAi { client, model: model.to_owned() }))
}

impl AsyncOpenAi {
    fn request(&self) -> CreateChatCompletionRequest {
        let messages = vec![ChatCompletionRequestUserMessage::from(PROMPT).into()];
        CreateChatCompletionRequest { model: self.model.clone(), messages, ..Default::default() }
    }
}

fn text(chunk: &CreateChatCompletionStreamResponse) -> &str {
    chunk.choices.first().and_then(|choice| choice.delta.content.as_deref()).unwrap_or_default()
}

impl Client for AsyncOpenAi {
    fn stream(&self) -> BoxFuture<'_, Result<usize>> {
        Box::pin(async {
            let mut stream = self.client.chat().create_stream(self.request()).await?;
            let mut length = 0;
            while let Some(chunk) = stream.next().await {
                length += text(&chunk?).len();
            }
            Ok(length)
        })
    }

    fn open(&self) -> BoxFuture<'_, Result<Box<dyn Any + Send>>> {
        Box::pin(async {
            let mut stream = self.client.chat().create_stream(self.request()).await?;
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
            let answer = self.client.chat().create(self.request()).await?;
            let choice = answer.choices.into_iter().next().ok_or("no choice")?;
            Ok(choice.message.content.unwrap_or_default().len())
        })
    }
}
