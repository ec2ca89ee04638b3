//! Faults inside an answer, streamed and plain, and what the log says of them.

use std::time::Duration;

use mock_provider::{Fault, Finished, MockProvider};
use serde_json::Value;
use tokio::io::AsyncReadExt;

use crate::client::{
    Outcome, events, post, prompt, provider, raw_request, read_events, read_until, text_of, under,
};

fn data(text: &str) -> Vec<&str> {
    text.split("\n\n").filter_map(|event| event.strip_prefix("data: ")).collect()
}

#[tokio::test]
async fn a_cut_leaves_the_body_unfinished() -> Outcome {
    let (text, error) = under(Fault::cut(4), true).await?;
    assert!(error.is_some());
    assert_eq!(data(&text).len(), 4);
    let (text, error) = under(Fault::cut(4), false).await?;
    assert!(error.is_some() && text.starts_with('{'));
    Ok(())
}

#[tokio::test]
async fn an_early_end_looks_clean() -> Outcome {
    let (text, error) = under(Fault::EndEarly { after_chunks: 4 }, true).await?;
    assert!(error.is_none());
    assert_eq!(data(&text).len(), 4);
    assert!(!text.contains("\"finish_reason\":\"stop\"") && !text.contains("[DONE]"));
    let (text, error) = under(Fault::EndEarly { after_chunks: 4 }, false).await?;
    assert!(error.is_none() && serde_json::from_str::<Value>(&text).is_err());
    Ok(())
}

#[tokio::test]
async fn a_late_strike_comes_before_done() -> Outcome {
    let (text, error) = under(Fault::cut(usize::MAX), true).await?;
    assert!(error.is_some());
    assert!(text.contains("\"finish_reason\":\"stop\"") && !text.contains("[DONE]"));
    Ok(())
}

#[tokio::test]
async fn broken_events_stand_between_good_ones() -> Outcome {
    let (text, error) = under(Fault::Malformed { after_chunks: 2 }, true).await?;
    assert!(error.is_none() && text.ends_with("[DONE]\n\n"));
    let readable = |data: &&str| serde_json::from_str::<Value>(data).is_ok();
    let readable: Vec<_> = data(&text).iter().map(readable).collect();
    assert_eq!(readable[..4], [true, true, false, true]);
    let (text, _) = under(Fault::Malformed { after_chunks: 2 }, false).await?;
    assert!(serde_json::from_str::<Value>(&text).is_err());
    Ok(())
}

#[tokio::test]
async fn errors_come_inside_a_200() -> Outcome {
    let (text, error) = under(Fault::error_in_stream(2), true).await?;
    assert!(error.is_none());
    let last: Value = serde_json::from_str(data(&text)[2])?;
    assert_eq!(last["error"]["type"], "server_error");
    assert_eq!(data(&text).len(), 3);
    let (text, _) = under(Fault::error_in_stream(2), false).await?;
    assert!(serde_json::from_str::<Value>(&text)?["error"].is_object());
    Ok(())
}

#[tokio::test]
async fn done_may_be_left_out() -> Outcome {
    let (text, error) = under(Fault::NoDone, true).await?;
    assert!(error.is_none());
    assert!(text.contains("\"finish_reason\":\"stop\"") && !text.contains("[DONE]"));
    Ok(())
}

#[tokio::test]
async fn comments_come_first() -> Outcome {
    let fault = |for_ever| Fault::Comments { every: Duration::from_millis(1), count: 2, for_ever };
    let (text, error) = under(fault(false), true).await?;
    assert!(error.is_none() && text.starts_with(": keep-alive\n\n: keep-alive\n\ndata: "));
    let (text, _) = under(fault(false), false).await?;
    assert!(text.starts_with("\n\n{") && serde_json::from_str::<Value>(&text).is_ok());

    let provider = provider().await?;
    provider.script([fault(true)]);
    let mut socket = raw_request(&provider, &prompt(true)).await?;
    for _ in 0..5 {
        let text = read_until(&mut socket, ": keep-alive\n\n").await?;
        assert!(!text.contains("data:"));
    }
    drop(socket);
    assert_eq!(ended(&provider).await?, Finished::ClientClosed);
    Ok(())
}

#[tokio::test]
async fn slow_first_tokens_come_after_the_headers() -> Outcome {
    let provider = provider().await?;
    let delay = Duration::from_millis(60);
    provider.script([Fault::SlowFirstToken { delay }, Fault::SlowFirstToken { delay }]);
    for stream in [true, false] {
        let response = post(&provider, "k", &prompt(stream)).await?;
        assert!(response.text().await?.contains("canal"));
    }
    let slow = |record: &mock_provider::RequestRecord| {
        record.ended.is_some_and(|ended| ended - record.started >= delay)
    };
    assert!(provider.log().iter().all(slow));
    Ok(())
}

#[tokio::test]
async fn huge_events_arrive_whole() -> Outcome {
    let provider = provider().await?;
    provider.script([Fault::HugeEvent { bytes: 200_000 }, Fault::HugeEvent { bytes: 200_000 }]);
    let streamed = events(&provider, &prompt(true)).await?;
    assert_eq!(text_of(&streamed).len(), 200_000);
    let plain: Value = post(&provider, "k", &prompt(false)).await?.json().await?;
    let text = plain["choices"][0]["message"]["content"].as_str();
    assert_eq!(text.map(str::len), Some(200_000));
    Ok(())
}

#[tokio::test]
async fn gzip_is_told_and_readable() -> Outcome {
    let provider = provider().await?;
    provider.script([Fault::Gzip, Fault::Gzip]);
    let mut socket = raw_request(&provider, &prompt(true)).await?;
    read_until(&mut socket, "content-encoding: gzip\r\n").await?;
    drop(socket);
    let plain: Value = post(&provider, "k", &prompt(false)).await?.json().await?;
    assert!(plain["usage"]["total_tokens"].is_u64());
    let (text, error) = under(Fault::Gzip, true).await?;
    assert!(error.is_none() && text.ends_with("[DONE]\n\n"));
    Ok(())
}

#[tokio::test]
async fn the_log_knows_who_closed() -> Outcome {
    let provider = provider().await?;
    provider.script([Fault::Stall { after_chunks: 3 }]);
    let mut socket = raw_request(&provider, &prompt(true)).await?;
    read_events(&mut socket, 3).await?;
    drop(socket);
    let record = provider.wait_for_close(0).await.ok_or("no record")?;
    assert_eq!((record.finished, record.chunks_sent), (Finished::ClientClosed, 3));
    assert_eq!((record.status, record.stream), (Some(200), true));

    provider.clear_log();
    let streamed = events(&provider, &prompt(true)).await?;
    let record = &provider.log()[0];
    assert_eq!((record.index, record.finished), (0, Finished::Completed));
    assert_eq!(record.chunks_sent, streamed.len() - 1);
    Ok(())
}

#[tokio::test]
async fn stopping_ends_what_is_open() -> Outcome {
    let provider = provider().await?;
    provider.script([Fault::Stall { after_chunks: 1 }]);
    let mut socket = raw_request(&provider, &prompt(true)).await?;
    read_until(&mut socket, "data: ").await?;
    provider.stop().await;
    assert!(read_until(&mut socket, "never").await.is_err());
    Ok(())
}

async fn ended(provider: &MockProvider) -> Outcome<Finished> {
    Ok(provider.wait_for_close(0).await.ok_or("no record")?.finished)
}

#[tokio::test]
async fn content_types_may_be_wrong() -> Outcome {
    let provider = provider().await?;
    for stream in [true, false] {
        provider.script([Fault::ContentType { value: "text/plain".into() }]);
        let response = post(&provider, "k", &prompt(stream)).await?;
        assert_eq!(response.headers()["content-type"], "text/plain");
        assert!(response.text().await?.contains("canal"));
    }
    Ok(())
}

#[tokio::test]
async fn old_http_ends_with_the_connection() -> Outcome {
    for (stream, end) in [(true, "data: [DONE]\n\n"), (false, "}")] {
        let provider = provider().await?;
        provider.script([Fault::OldHttp]);
        let mut socket = raw_request(&provider, &prompt(stream)).await?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await?;
        let (head, body) = answer.split_once("\r\n\r\n").ok_or("no head")?;
        assert!(head.starts_with("HTTP/1.0 200 OK\r\n"), "{head}");
        assert!(!head.contains("content-length") && !head.contains("chunked"), "{head}");
        assert!(body.ends_with(end));
    }
    Ok(())
}
