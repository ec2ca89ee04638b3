//! The two clients of these tests, and what they read.

use std::error::Error;
use std::time::Duration;

use futures_util::StreamExt;
use mock_provider::{Fault, MockProvider, Settings};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// What every test returns.
pub type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// A provider with default settings.
pub async fn provider() -> Outcome<MockProvider> {
    Ok(MockProvider::start(Settings::default()).await?)
}

/// A small chat request.
pub fn prompt(stream: bool) -> Value {
    let messages = json!([{"role": "user", "content": "Tell me about canal locks."}]);
    json!({"model": "mock", "stream": stream, "messages": messages})
}

/// Posts a body with a key.
pub async fn post(
    provider: &MockProvider,
    key: &str,
    body: &Value,
) -> reqwest::Result<reqwest::Response> {
    let url = format!("{}/chat/completions", provider.base_url());
    reqwest::Client::new().post(url).bearer_auth(key).json(body).send().await
}

/// Posts a body and reads the JSON that comes back.
pub async fn ask(provider: &MockProvider, body: &Value) -> Outcome<(u16, Value)> {
    let response = post(provider, "sk-test-abcd", body).await?;
    Ok((response.status().as_u16(), response.json().await?))
}

/// Posts a body and reads the events that come back, `[DONE]` as a string.
pub async fn events(provider: &MockProvider, body: &Value) -> Outcome<Vec<Value>> {
    let response = post(provider, "sk-test-abcd", body).await?;
    let text = response.text().await?;
    let data = text.split("\n\n").filter_map(|event| event.strip_prefix("data: "));
    Ok(data.map(|data| serde_json::from_str(data).unwrap_or_else(|_| json!(data))).collect())
}

/// The text of a stream's first choice.
pub fn text_of(events: &[Value]) -> String {
    let first = |event: &&Value| event["choices"][0]["index"] == 0;
    let text = |event: &Value| event["choices"][0]["delta"]["content"].as_str().map(str::to_owned);
    events.iter().filter(first).filter_map(text).collect()
}

/// Sends a chat request under a fault and reads what arrives until the end or an error.
pub async fn under(fault: Fault, stream: bool) -> Outcome<(String, Option<reqwest::Error>)> {
    let provider = provider().await?;
    provider.script([fault]);
    let response = post(&provider, "sk-test-abcd", &prompt(stream)).await?;
    let mut body = response.bytes_stream();
    let mut bytes = Vec::new();
    while let Some(piece) = body.next().await {
        match piece {
            Ok(piece) => bytes.extend_from_slice(&piece),
            Err(error) => return Ok((String::from_utf8(bytes)?, Some(error))),
        }
    }
    Ok((String::from_utf8(bytes)?, None))
}

/// A bare socket that has sent one chat request.
pub async fn raw_request(provider: &MockProvider, body: &Value) -> Outcome<TcpStream> {
    let mut socket = TcpStream::connect(provider.address()).await?;
    let body = body.to_string();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: mock\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    socket.write_all((head + &body).as_bytes()).await?;
    Ok(socket)
}

/// Reads from a bare socket until `wanted` has been seen.
pub async fn read_until(socket: &mut TcpStream, wanted: &str) -> Outcome<String> {
    read_while(socket, |text| !text.contains(wanted)).await
}

/// Reads from a bare socket until so many events have been seen.
pub async fn read_events(socket: &mut TcpStream, count: usize) -> Outcome<String> {
    read_while(socket, |text| text.matches("\ndata: ").count() < count).await
}

async fn read_while(socket: &mut TcpStream, unsatisfied: impl Fn(&str) -> bool) -> Outcome<String> {
    let mut bytes = Vec::new();
    while unsatisfied(&String::from_utf8_lossy(&bytes)) {
        // A bound for broken servers only: it fails a test that would hang.
        let read = timeout(Duration::from_secs(20), socket.read_buf(&mut bytes)).await?;
        if read? == 0 {
            return Err("the connection ended".into());
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
