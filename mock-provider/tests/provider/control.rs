//! The control endpoints, CORS, and HTTP's corners.

use mock_provider::{KeySettings, MockProvider, Settings};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{Outcome, ask, prompt, provider, read_until};

#[tokio::test]
async fn faults_and_settings_are_set_over_http() -> Outcome {
    let keys = vec![KeySettings::unlimited("sk-test-abcd")];
    let provider = MockProvider::start(Settings { keys, ..Settings::default() }).await?;
    let client = reqwest::Client::new();
    let at = |path: &str| format!("{}/_control/{path}", provider.origin());

    let faults = json!({"faults": ["503", {"kind": "status", "status": 500}, "none"]});
    let answer: Value = client.post(at("faults")).json(&faults).send().await?.json().await?;
    assert_eq!(answer["queued_faults"], 3);
    for status in [503, 500, 200] {
        assert_eq!(ask(&provider, &prompt(false)).await?.0, status);
    }
    let wrong = json!({"faults": ["typo"]});
    assert_eq!(client.post(at("faults")).json(&wrong).send().await?.status(), 400);

    let changes = json!({"latency_ms": 20, "models": ["other"]});
    let shown: Value = client.post(at("settings")).json(&changes).send().await?.json().await?;
    assert_eq!((&shown["latency_ms"], &shown["keys"][0]["key"]), (&json!(20.0), &json!("…abcd")));
    assert_eq!(ask(&provider, &prompt(false)).await?.0, 404);

    let some = json!({"faults": ["401"], "model": "other", "key": "sk-else", "for_ever": true});
    client.post(at("faults")).json(&some).send().await?;
    let log: Value = reqwest::get(at("log?model=other")).await?.json().await?;
    assert_eq!(log["requests"], json!([]));
    let log: Value = reqwest::get(at("log?model=mock")).await?.json().await?;
    assert_eq!(log["requests"].as_array().map(Vec::len), Some(4));
    assert_eq!(log["requests"][1]["attempt"], 2);
    assert!(!log.to_string().contains("sk-test-abcd"));
    client.delete(at("log")).send().await?;
    assert!(provider.log().is_empty());
    let overview: Value = reqwest::get(at("")).await?.json().await?;
    assert_eq!(overview["open"], 0);
    Ok(())
}

#[tokio::test]
async fn open_connections_are_counted() -> Outcome {
    let provider = provider().await?;
    let mut sockets = Vec::new();
    for _ in 0..3 {
        let mut socket = TcpStream::connect(provider.address()).await?;
        socket.write_all(b"GET /_control HTTP/1.1\r\n\r\n").await?;
        let overview = read_until(&mut socket, "}").await?;
        sockets.push(socket);
        assert!(overview.contains(&format!("\"connections\":{}", sockets.len())), "{overview}");
    }
    sockets.truncate(1);
    while provider.connections() > 1 {
        tokio::task::yield_now().await;
    }
    let overview: Value =
        reqwest::get(format!("{}/_control", provider.origin())).await?.json().await?;
    assert_eq!(overview["connections_accepted"], 4);
    Ok(())
}

#[tokio::test]
async fn browsers_are_let_in() -> Outcome {
    let provider = provider().await?;
    let url = format!("{}/chat/completions", provider.base_url());
    let request = reqwest::Client::new().request(reqwest::Method::OPTIONS, &url);
    let answer = request.header("access-control-request-headers", "x-own").send().await?;
    assert_eq!(answer.headers()["connection"], "close");
    let allowed = answer.headers()["access-control-allow-headers"].to_str()?;
    assert!(
        ["authorization", "content-type", "api-key", "x-own"].iter().all(|h| allowed.contains(h))
    );
    let answer = reqwest::Client::new().post(&url).json(&prompt(false)).send().await?;
    assert_eq!(answer.headers()["access-control-allow-origin"], "*");
    let exposed = answer.headers()["access-control-expose-headers"].to_str()?;
    assert!(exposed.contains("retry-after-ms") && exposed.contains("x-ratelimit-reset-requests"));
    assert_eq!(provider.log().len(), 1, "a preflight is no request");
    Ok(())
}

async fn say(provider: &MockProvider, bytes: &[u8]) -> Outcome<String> {
    let mut socket = TcpStream::connect(provider.address()).await?;
    socket.write_all(bytes).await?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await?;
    Ok(answer)
}

#[tokio::test]
async fn http_has_corners() -> Outcome {
    let provider = provider().await?;
    assert!(say(&provider, b"nonsense\r\n\r\n").await?.starts_with("HTTP/1.1 400 "));
    let two = b"GET /v1/models HTTP/1.1\r\n\r\nGET /nowhere HTTP/1.1\r\nconnection: close\r\n\r\n";
    let answer = say(&provider, two).await?;
    assert!(answer.contains("mock-model") && answer.contains("HTTP/1.1 404 "), "{answer}");
    let wrong = b"PUT /v1/chat/completions HTTP/1.0\r\n\r\n";
    assert!(say(&provider, wrong).await?.contains("allow: POST"));

    let body = prompt(true).to_string();
    let (half, rest) = body.split_at(10);
    let chunked = format!(
        "POST /chat/completions HTTP/1.1\r\nexpect: 100-continue\r\ntransfer-encoding: chunked\r\n\
         connection: close\r\n\r\na\r\n{half}\r\n{:x}\r\n{rest}\r\n0\r\ntrailer: x\r\n\r\n",
        rest.len()
    );
    let answer = say(&provider, chunked.as_bytes()).await?;
    assert!(answer.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK"));
    assert!(answer.ends_with("data: [DONE]\n\n\r\n0\r\n\r\n"));

    let old =
        format!("POST /chat/completions HTTP/1.0\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let answer = say(&provider, old.as_bytes()).await?;
    assert!(!answer.contains("transfer-encoding") && answer.ends_with("data: [DONE]\n\n"));
    Ok(())
}
