//! Faults that come in place of an answer, as a raw client sees them.

use std::io::ErrorKind;
use std::time::Duration;

use mock_provider::{FAULT_MODELS, Fault, Finished, RetryAfter};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;

use crate::client::{Outcome, ask, post, prompt, provider, raw_request, read_until};

#[tokio::test]
async fn statuses_come_with_their_errors_and_headers() -> Outcome {
    let provider = provider().await?;
    let own = Fault::Status {
        status: 500,
        code: Some("own".into()),
        error_type: None,
        message: Some("Mine.".into()),
        headers: vec![("X-Request-Id".into(), "mine".into())],
        body: None,
    };
    provider.script([own, Fault::rate_limited(7), Fault::quota_exhausted(), Fault::None]);
    let response = post(&provider, "k", &prompt(false)).await?;
    assert_eq!(
        (response.status().as_u16(), response.headers()["x-request-id"].to_str()?),
        (500, "mine")
    );
    let body: Value = response.json().await?;
    assert_eq!(
        (&body["error"]["code"], &body["error"]["message"]),
        (&json!("own"), &json!("Mine."))
    );
    let response = post(&provider, "k", &prompt(false)).await?;
    assert_eq!(
        (response.status().as_u16(), response.headers()["retry-after"].to_str()?),
        (429, "7")
    );
    assert_eq!(ask(&provider, &prompt(false)).await?.1["error"]["code"], "insufficient_quota");
    assert_eq!(ask(&provider, &prompt(false)).await?.0, 200);
    let log = provider.log();
    assert_eq!(log.iter().map(|record| record.attempt).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!(log[1].fault, Some(Fault::rate_limited(7)));
    assert_eq!((log[3].fault.clone(), log[3].finished), (None, Finished::Completed));
    Ok(())
}

#[tokio::test]
async fn reset_is_an_rst_and_close_a_fin() -> Outcome {
    let provider = provider().await?;
    provider.script([Fault::Reset, Fault::Close]);
    let mut socket = raw_request(&provider, &prompt(true)).await?;
    let error = socket.read_u8().await.err().ok_or("not reset")?;
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    let mut socket = raw_request(&provider, &prompt(true)).await?;
    assert_eq!(socket.read(&mut [0; 1]).await?, 0);
    let ends: Vec<_> =
        provider.log().iter().map(|record| (record.finished, record.status)).collect();
    assert_eq!(ends, [(Finished::Faulted, None); 2]);
    Ok(())
}

#[tokio::test]
async fn silence_lasts_until_the_client_leaves() -> Outcome {
    let provider = provider().await?;
    provider.script([Fault::Silence]);
    let mut socket = raw_request(&provider, &prompt(true)).await?;
    provider.wait_for_requests(1).await;
    assert_eq!(provider.in_flight(), 1);
    let read = tokio::time::timeout(Duration::from_millis(50), socket.read_u8()).await;
    assert!(read.is_err(), "it said something");
    drop(socket);
    let record = provider.wait_for_close(0).await.ok_or("no record")?;
    assert_eq!(record.finished, Finished::ClientClosed);
    assert!(record.ended.is_some_and(|ended| ended > record.started));
    assert_eq!(provider.in_flight(), 0);
    Ok(())
}

#[tokio::test]
async fn slow_headers_come_late() -> Outcome {
    let provider = provider().await?;
    let delay = Duration::from_millis(80);
    provider.script([Fault::SlowHeaders { delay }]);
    assert_eq!(post(&provider, "k", &prompt(true)).await?.status(), 200);
    let record = &provider.log()[0];
    provider.wait_for_close(0).await;
    assert!(provider.log()[0].ended.is_some_and(|ended| ended - record.started >= delay));
    Ok(())
}

#[tokio::test]
async fn odd_bodies_come_as_they_are() -> Outcome {
    let provider = provider().await?;
    provider.script([Fault::EmptyBody, Fault::Html { status: 502 }]);
    assert_eq!(post(&provider, "k", &prompt(true)).await?.text().await?, "");
    let response = post(&provider, "k", &prompt(false)).await?;
    assert_eq!(response.status(), 502);
    assert!(response.text().await?.starts_with("<!DOCTYPE html>"));

    provider.script([Fault::HugeBody { status: 500, bytes: 300_000 }]);
    let (status, body) = ask(&provider, &prompt(false)).await?;
    assert_eq!((status, body["error"]["message"].as_str().map(str::len)), (500, Some(300_000)));

    provider.script([Fault::EchoKey { status: 401 }]);
    let (_, body) = ask(&provider, &prompt(false)).await?;
    assert!(body["error"]["message"].as_str().is_some_and(|text| text.contains("sk-test-abcd")));
    assert!(!json!(provider.log()).to_string().contains("sk-test-abcd"));
    Ok(())
}

#[tokio::test]
async fn redirects_name_their_target() -> Outcome {
    let provider = provider().await?;
    provider.script([Fault::Redirect { location: "http://127.0.0.1:9/x".into() }]);
    let mut socket = raw_request(&provider, &prompt(false)).await?;
    let answer = read_until(&mut socket, "\r\n\r\n").await?;
    assert!(answer.starts_with("HTTP/1.1 307 "));
    assert!(answer.contains("location: http://127.0.0.1:9/x\r\n"));
    Ok(())
}

#[tokio::test]
async fn stream_options_may_be_refused() -> Outcome {
    let provider = provider().await?;
    provider.script([Fault::RefuseStreamOptions, Fault::RefuseStreamOptions]);
    let mut body = prompt(true);
    body["stream_options"] = json!({"include_usage": true});
    let (status, error) = ask(&provider, &body).await?;
    assert_eq!((status, &error["error"]["param"]), (400, &json!("stream_options")));
    assert_eq!(post(&provider, "k", &prompt(true)).await?.status(), 200);
    Ok(())
}

#[tokio::test]
async fn raw_bytes_are_the_whole_answer() -> Outcome {
    let provider = provider().await?;
    let bytes = "HTTP/1.0 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: {}\n\n";
    provider.script([Fault::Raw { bytes: bytes.into(), then_close: true }]);
    let mut socket = raw_request(&provider, &prompt(true)).await?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await?;
    assert_eq!(answer, bytes);
    assert_eq!(provider.log()[0].status, Some(200));
    Ok(())
}

#[tokio::test]
async fn model_names_ask_for_faults() -> Outcome {
    let provider = provider().await?;
    let mut body = prompt(false);
    for (model, status) in [("fault-status-418", 418), ("fault-503", 503), ("fault-401", 401)] {
        body["model"] = json!(model);
        assert_eq!(ask(&provider, &body).await?.0, status);
    }
    body["model"] = json!("fault-once-500");
    assert_eq!(ask(&provider, &body).await?.0, 500);
    assert_eq!(ask(&provider, &body).await?.0, 200);
    assert!(FAULT_MODELS.iter().any(|(name, _)| *name == "fault-reset"));
    Ok(())
}

#[test]
fn faults_have_a_plain_json_form() -> Outcome {
    let fault: Fault = serde_json::from_value(json!({"kind": "slow_headers", "delay_ms": 1500}))?;
    assert_eq!(fault, Fault::SlowHeaders { delay: Duration::from_millis(1500) });
    let fault: Fault = serde_json::from_value(json!({"kind": "status", "status": 500}))?;
    assert_eq!(fault, Fault::status(500));
    assert_eq!(
        json!(Fault::EndEarly { after_chunks: 2 }),
        json!({"kind": "end_early", "after_chunks": 2})
    );
    assert!(serde_json::from_value::<Fault>(json!({"kind": "cut", "after": 2})).is_err());
    Ok(())
}

#[tokio::test]
async fn limits_say_when_to_come_back() -> Outcome {
    let provider = provider().await?;
    let wait = Duration::from_millis(1500);
    for (says, header, value) in [
        (RetryAfter::Seconds, "retry-after", "2"),
        (RetryAfter::Millis, "retry-after-ms", "1500"),
        (RetryAfter::Reset, "x-ratelimit-reset-requests", "1500ms"),
    ] {
        provider.script([Fault::Limited { wait, says }]);
        let response = post(&provider, "k", &prompt(true)).await?;
        assert_eq!(response.status(), 429);
        assert_eq!(response.headers()[header], value);
    }
    provider.script([Fault::Limited { wait, says: RetryAfter::Date }]);
    let response = post(&provider, "k", &prompt(true)).await?;
    assert!(response.headers()["retry-after"].to_str()?.ends_with(" GMT"));
    Ok(())
}

#[tokio::test]
async fn a_prefill_may_be_refused() -> Outcome {
    let provider = provider().await?;
    let mut body = prompt(false);
    body["model"] = json!("fault-refuse-prefill");
    assert_eq!(ask(&provider, &body).await?.0, 200);
    let prefill = json!({"role": "assistant", "content": "Canal locks"});
    body["messages"].as_array_mut().ok_or("no messages")?.push(prefill);
    let (status, error) = ask(&provider, &body).await?;
    assert_eq!((status, &error["error"]["param"]), (400, &json!("messages")));
    Ok(())
}

#[tokio::test]
async fn a_header_may_never_end() -> Outcome {
    let provider = provider().await?;
    provider.script([Fault::EndlessHeader]);
    let mut socket = raw_request(&provider, &prompt(true)).await?;
    let mut bytes = vec![0; 1 << 20];
    socket.read_exact(&mut bytes).await?;
    assert!(bytes.starts_with(b"HTTP/1.1 200 OK\r\nx-endless: xxx") && !bytes.ends_with(b"\n"));
    drop(socket);
    let record = provider.wait_for_close(0).await.ok_or("no record")?;
    assert_eq!((record.finished, record.status), (Finished::ClientClosed, None));
    Ok(())
}
