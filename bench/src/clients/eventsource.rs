//! By hand, but for the events, which eventsource-stream finds.

use std::any::Any;
use std::sync::Arc;

use eventsource_stream::Eventsource;
use futures::StreamExt;
use futures::future::BoxFuture;

use super::Client;
use super::raw::Raw;
use super::typed::Chunk;
use crate::Result;

struct WithEvents(Raw);

pub fn make(base_url: &str, model: &str) -> Result<Arc<dyn Client>> {
    Ok(Arc::new(WithEvents(Raw::new(base_url, model))))
}

impl Client for WithEvents {
    fn stream(&self) -> BoxFuture<'_, Result<usize>> {
        Box::pin(async {
            let mut events = self.0.streamed().await?.bytes_stream().eventsource();
            let mut length = 0;
            while let Some(event) = events.next().await {
                let event = event?;
                if event.data == "[DONE]" {
                    break;
                }
                length += serde_json::from_str::<Chunk>(&event.data)?.text().len();
            }
            Ok(length)
        })
    }

    fn open(&self) -> BoxFuture<'_, Result<Box<dyn Any + Send>>> {
        self.0.open()
    }

    fn chat(&self) -> BoxFuture<'_, Result<usize>> {
        self.0.chat()
    }
}
