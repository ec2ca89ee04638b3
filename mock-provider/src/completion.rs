//! The story of one chat request that was let in: fault, check, wait, answer.

use std::io;
use std::time::Duration;

use serde_json::Value;

use crate::answer::Answer;
use crate::chat::ChatRequest;
use crate::exchange::Exchange;
use crate::fault::Fault;
use crate::fingerprint::fingerprint;
use crate::settings::Settings;
use crate::state::State;
use crate::wire::After;
use crate::{plain, sabotage, stream};

/// Answers a chat request.
pub(crate) async fn complete(
    exchange: &mut Exchange<'_, '_>,
    body: &Value,
    settings: &Settings,
    state: &State,
) -> io::Result<After> {
    let model = body["model"].as_str().unwrap_or_default();
    let fault = state.next_fault(model, exchange.visit.key(), exchange.visit.attempt());
    exchange.visit.note_fault(&fault);
    if let Some(after) = sabotage::instead_of_answer(exchange, &fault, body).await? {
        return Ok(after);
    }
    let request = match ChatRequest::read(body, settings) {
        Ok(request) => request,
        Err(error) => return exchange.refuse(&error).await,
    };
    pause(settings.latency).await;
    if let Fault::SlowHeaders { delay } = fault {
        pause(delay).await;
    }
    // With a seed the same request gets the same id, else every attempt its own.
    let attempt = request.seed.map_or(exchange.visit.attempt(), |_| 0);
    let id = fingerprint(format!("{attempt} {body}").as_bytes());
    let answer = Answer::compose(&request, id);
    if fault == Fault::OldHttp {
        exchange.wire.speak_http_1_0();
    }
    if request.stream {
        stream::send(exchange, &answer, &fault, settings.token_pace).await
    } else {
        plain::send(exchange, &answer, &fault).await
    }
}

/// Waits; not at all for zero, which a timer would round up.
pub(crate) async fn pause(duration: Duration) {
    if !duration.is_zero() {
        tokio::time::sleep(duration).await;
    }
}
