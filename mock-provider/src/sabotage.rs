//! The faults that come in place of an answer.

use std::io;

use serde_json::Value;

use crate::api_error::ApiError;
use crate::clock::calendar;
use crate::exchange::Exchange;
use crate::fault::Fault;
use crate::huge;
use crate::wire::After;

const HTML: &str = "<!DOCTYPE html>\n<html><head><title>Gateway</title></head>\n\
    <body><h1>Something is in the way</h1><p>This page comes from a proxy.</p></body></html>\n";

/// Carries the fault out, if it is one that leaves no room for an answer.
pub(crate) async fn instead_of_answer(
    exchange: &mut Exchange<'_, '_>,
    fault: &Fault,
    body: &Value,
) -> io::Result<Option<After>> {
    let after = match fault {
        Fault::Status { headers, body, .. } => {
            let (status, error) = fault.error().unwrap_or_default();
            let body = body.clone().unwrap_or_else(|| error.to_string());
            let head = exchange.json_head(status).set_all(headers);
            exchange.send(&head, body.as_bytes()).await
        }
        Fault::Limited { wait, says } => {
            for (name, value) in says.headers(*wait, calendar()) {
                exchange.add_header(name, value);
            }
            exchange.refuse(&ApiError::of_status(429)).await
        }
        Fault::Reset => exchange.break_off(After::Reset),
        Fault::Close => exchange.break_off(After::Close),
        Fault::Silence => exchange.fall_silent().await,
        Fault::EmptyBody => {
            let streamed = body["stream"] == true;
            let kind = if streamed { "text/event-stream" } else { "application/json" };
            let head = exchange.head(200).set("content-type", kind);
            exchange.send(&head, b"").await
        }
        Fault::Html { status } => {
            let head = exchange.head(*status).set("content-type", "text/html; charset=utf-8");
            exchange.send(&head, HTML.as_bytes()).await
        }
        Fault::Redirect { location } => {
            let head = exchange.head(307).set("location", location);
            exchange.send(&head, b"").await
        }
        Fault::RefuseStreamOptions if !body["stream_options"].is_null() => {
            let message = "Unrecognized request argument supplied: stream_options";
            exchange.refuse(&ApiError::invalid("stream_options", message)).await
        }
        Fault::RefusePrefill if ends_with_the_assistant(body) => {
            let message = "This model does not support assistant message prefill. The conversation \
                           must end with a user message.";
            exchange.refuse(&ApiError::invalid("messages", message)).await
        }
        Fault::EchoKey { status } => {
            let key = exchange.visit.key().unwrap_or_default();
            let message = format!("Incorrect API key provided: {key}. Check your key.");
            exchange.refuse(&ApiError::of_status(*status).saying(message)).await
        }
        Fault::HugeBody { status, bytes } => {
            let error = ApiError::of_status(*status).saying(huge::PLACE).body();
            let head = exchange.json_head(*status);
            huge::send_whole(exchange, &head, &error, *bytes).await
        }
        Fault::EndlessHeader => send_endless_header(exchange).await,
        Fault::Raw { bytes, then_close } => send_raw(exchange, bytes, *then_close).await,
        _ => return Ok(None),
    };
    after.map(Some)
}

fn ends_with_the_assistant(body: &Value) -> bool {
    body["messages"].as_array().and_then(|all| all.last()).is_some_and(|m| m["role"] == "assistant")
}

/// Ends when the client closes its socket.
async fn send_endless_header(exchange: &mut Exchange<'_, '_>) -> io::Result<After> {
    exchange.wire.raw(b"HTTP/1.1 200 OK\r\nx-endless: ").await?;
    loop {
        for piece in huge::pieces(huge::PIECE_BYTES) {
            exchange.wire.raw(piece).await?;
        }
        tokio::task::yield_now().await;
    }
}

async fn send_raw(
    exchange: &mut Exchange<'_, '_>,
    bytes: &str,
    then_close: bool,
) -> io::Result<After> {
    if let Some(status) = bytes.split(' ').nth(1).and_then(|status| status.parse().ok()) {
        exchange.visit.note_status(status);
    }
    exchange.send_last(bytes.as_bytes()).await?;
    Ok(if then_close { After::Close } else { After::KeepAlive })
}
