//! The practical limit: reqwest, lines and serde, as a good engineer writes it for one provider.

use std::any::Any;
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use reqwest::{Client as Http, Response};
use serde_json::{Value, json};

use super::typed::{Answer, Chunk};
use super::{Client, KEY, PROMPT};
use crate::Result;

/// A client by hand.
pub struct Raw {
    http: Http,
    url: String,
    streamed: Value,
    whole: Value,
}

impl Raw {
    /// A client of a model.
    pub fn new(base_url: &str, model: &str) -> Self {
        let messages = json!([{ "role": "user", "content": PROMPT }]);
        let whole = json!({ "model": model, "messages": messages });
        let usage = json!({ "include_usage": true });
        let streamed = json!({ "model": model, "messages": messages, "stream": true, "stream_options": usage });
        Self { http: Http::new(), url: format!("{base_url}/chat/completions"), streamed, whole }
    }

    async fn send(&self, body: &Value) -> Result<Response> {
        let request = self.http.post(&self.url).bearer_auth(KEY).json(body);
        Ok(request.send().await?.error_for_status()?)
    }

    /// The response of a stream.
    pub async fn streamed(&self) -> Result<Response> {
        self.send(&self.streamed).await
    }
}

pub fn make(base_url: &str, model: &str) -> Result<Arc<dyn Client>> {
    Ok(Arc::new(Raw::new(base_url, model)))
}

/// A stream under way.
struct Lines {
    body: BoxStream<'static, reqwest::Result<Bytes>>,
    buffer: Vec<u8>,
    /// How much of the buffer is done with.
    read: usize,
}

impl Lines {
    async fn of(client: &Raw) -> Result<Self> {
        let body = client.streamed().await?.bytes_stream().boxed();
        Ok(Self { body, buffer: Vec::new(), read: 0 })
    }

    /// The next chunk, if there is one.
    async fn next(&mut self) -> Result<Option<Chunk>> {
        loop {
            while let Some(length) = memchr::memchr(b'\n', &self.buffer[self.read..]) {
                let line = &self.buffer[self.read..self.read + length];
                self.read += length + 1;
                match line.strip_prefix(b"data: ") {
                    Some(b"[DONE]") => return Ok(None),
                    Some(data) => return Ok(Some(serde_json::from_slice(data)?)),
                    None => {}
                }
            }
            self.buffer.drain(..self.read);
            self.read = 0;
            let Some(bytes) = self.body.next().await else { return Ok(None) };
            self.buffer.extend_from_slice(&bytes?);
        }
    }
}

impl Client for Raw {
    fn stream(&self) -> BoxFuture<'_, Result<usize>> {
        Box::pin(async {
            let mut lines = Lines::of(self).await?;
            let mut length = 0;
            while let Some(chunk) = lines.next().await? {
                length += chunk.text().len();
            }
            Ok(length)
        })
    }

    fn open(&self) -> BoxFuture<'_, Result<Box<dyn Any + Send>>> {
        Box::pin(async {
            let mut lines = Lines::of(self).await?;
            while lines.next().await?.is_some_and(|chunk| chunk.text().is_empty()) {}
            Ok(Box::new(lines) as _)
        })
    }

    fn chat(&self) -> BoxFuture<'_, Result<usize>> {
        Box::pin(async {
            let body = self.send(&self.whole).await?.bytes().await?;
            Ok(serde_json::from_slice::<Answer>(&body)?.text().len())
        })
    }
}
