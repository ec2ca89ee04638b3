//! genai.

use std::any::Any;
use std::sync::Arc;

use futures::StreamExt;
use futures::future::BoxFuture;
use genai::adapter::AdapterKind;
use genai::chat::{ChatMessage, ChatRequest, ChatStreamEvent};
use genai::resolver::{AuthData, Endpoint};
use genai::{ModelIden, ServiceTarget};

use super::{Client, KEY, PROMPT};
use crate::Result;

struct GenAi {
    client: genai::Client,
    model: String,
}

pub fn make(base_url: &str, model: &str) -> Result<Arc<dyn Client>> {
    let base_url = format!("{base_url}/");
    let target = move |target: ServiceTarget| -> genai::resolver::Result<ServiceTarget> {
        Ok(ServiceTarget {
            endpoint: Endpoint::from_owned(base_url.clone()),
            auth: AuthData::from_single(KEY),
            model: ModelIden::new(AdapterKind::OpenAI, target.model.model_name),
        })
    };
    let client = genai::Client::builder().with_service_target_resolver_fn(target).build()?;
    Ok(Arc::new(GenAi { client, model: model.to_owned() }))
}

fn request() -> ChatRequest {
    ChatRequest::new(vec![ChatMessage::user(PROMPT)])
}

impl Client for GenAi {
    fn stream(&self) -> BoxFuture<'_, Result<usize>> {
        Box::pin(async {
            let mut stream =
                self.client.exec_chat_stream(&self.model, request(), None).await?.stream;
            let mut length = 0;
            while let Some(event) = stream.next().await {
                if let ChatStreamEvent::Chunk(chunk) = event? {
                    length += chunk.content.len();
                }
            }
            Ok(length)
        })
    }

    fn open(&self) -> BoxFuture<'_, Result<Box<dyn Any + Send>>> {
        Box::pin(async {
            let mut stream =
                self.client.exec_chat_stream(&self.model, request(), None).await?.stream;
            while let Some(event) = stream.next().await {
                if let ChatStreamEvent::Chunk(chunk) = event?
                    && !chunk.content.is_empty()
                {
                    break;
                }
            }
            Ok(Box::new(stream) as _)
        })
    }

    fn chat(&self) -> BoxFuture<'_, Result<usize>> {
        Box::pin(async {
            let answer = self.client.exec_chat(&self.model, request(), None).await?;
            Ok(answer.first_text().unwrap_or_default().len())
        })
    }
}
