//! The server for benches.

use std::time::Duration;

use futures_util::StreamExt;
use mock_provider::prerendered::Prerendered;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::client::Outcome;

async fn ask(
    server: &Prerendered,
    model: &str,
    stream: bool,
) -> reqwest::Result<reqwest::Response> {
    let url = format!("{}/chat/completions", server.base_url());
    let body = json!({ "model": model, "messages": [], "stream": stream });
    reqwest::Client::new().post(url).json(&body).send().await?.error_for_status()
}

async fn server() -> std::io::Result<Prerendered> {
    Prerendered::start(([127, 0, 0, 1], 0).into()).await
}

/// The data of all events.
fn events(text: &str) -> Vec<&str> {
    text.split("\n\n").filter_map(|event| event.strip_prefix("data: ")).collect()
}

#[tokio::test]
async fn a_stream_has_as_many_chunks_as_its_name_says() -> Outcome {
    let server = server().await?;
    let text = ask(&server, "stream-1000", true).await?.text().await?;
    let (last, chunks) = events(&text).split_last().map(|(l, c)| (*l, c.to_vec())).ok_or("none")?;
    assert_eq!(last, "[DONE]");
    let chunks: Vec<Value> =
        chunks.into_iter().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let said = |chunk: &&Value| chunk["choices"][0]["delta"]["content"].as_str() > Some("");
    assert_eq!(chunks.iter().filter(said).count(), 1000);
    assert_eq!(chunks[1001]["choices"][0]["finish_reason"], "stop");
    assert_eq!(chunks[1002]["usage"]["completion_tokens"], 1000);
    // One by one it says the same.
    assert_eq!(ask(&server, "stream-1000-by-1", true).await?.text().await?, text);
    Ok(())
}

#[tokio::test]
async fn an_answer_is_as_long_as_its_name_says() -> Outcome {
    let server = server().await?;
    for (model, length) in [("any", 70), ("body-1000000", 1_000_000)] {
        let text = ask(&server, model, false).await?.text().await?;
        let answer: Value = serde_json::from_str(&text)?;
        let content = answer["choices"][0]["message"]["content"].as_str().ok_or("no content")?;
        assert_eq!(content.len(), length);
    }
    Ok(())
}

#[tokio::test]
async fn an_idle_stream_says_one_thing_and_stays() -> Outcome {
    let server = server().await?;
    let mut body = ask(&server, "idle", true).await?.bytes_stream();
    let first = body.next().await.ok_or("nothing")??;
    assert_eq!(events(std::str::from_utf8(&first)?).len(), 2);
    assert!(timeout(Duration::from_millis(50), body.next()).await.is_err(), "it went on");
    Ok(())
}

#[tokio::test]
async fn what_is_no_chat_request_is_refused() -> Outcome {
    let server = server().await?;
    let client = reqwest::Client::new();
    let url = format!("{}/chat/completions", server.base_url());
    assert_eq!(client.post(&url).body("{}").send().await?.status(), 400);
    assert_eq!(client.get(&url).send().await?.status(), 404);
    let preflight = client.request(reqwest::Method::OPTIONS, &url).send().await?;
    assert_eq!(preflight.headers()["access-control-allow-origin"], "*");
    Ok(())
}
