//! Which request goes where, and what all of them go through: the log, the key, the client's leaving.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::api_error::ApiError;
use crate::clock::{calendar, unix_millis};
use crate::completion;
use crate::exchange::Exchange;
use crate::limits::{Admission, Quota};
use crate::record::{Finished, RequestRecord, key_label};
use crate::request::{Reader, Request};
use crate::retry_after::RetryAfter;
use crate::settings::Settings;
use crate::state::State;
use crate::wire::{After, Wire};
use crate::{control, cors};

/// Headers whose values are secret.
const SECRET: [&str; 5] =
    ["authorization", "api-key", "x-api-key", "proxy-authorization", "cookie"];

/// Answers one request. Preflights and control calls stay out of the log.
pub(crate) async fn handle(
    request: &Request,
    reader: &mut Reader<'_>,
    wire: &mut Wire<'_>,
    state: &Arc<State>,
) -> After {
    let aside = if request.method == "OPTIONS" {
        // Browsers send a request again by themselves whose connection is lost when it was used
        // before: as they would not without a preflight, a fault must reach the client.
        wire.close_after_this();
        Some((cors::preflight(request), String::new()))
    } else {
        control::answer(request, state)
    };
    if let Some((head, body)) = aside {
        let bytes = wire.whole(&head, body.as_bytes());
        return if wire.raw(&bytes).await.is_ok() { After::KeepAlive } else { After::Close };
    }
    let settings = state.settings();
    let body = read_body(&request.body);
    let request_id = state.next_request_id();
    let draft = draft(request, &body, &request_id, state);
    let key = request.key().map(str::to_owned);
    let visit = state.log.open(draft, key, &request.body, settings.log_capacity);
    let mut exchange = Exchange::new(wire, visit, &request_id, settings.expose_headers);
    let outcome = tokio::select! {
        biased;
        outcome = answer(&mut exchange, request, &body, &settings, state) => Some(outcome),
        () = reader.closed() => None,
    };
    match outcome {
        Some(Ok(after)) => after,
        // The client has gone, or its socket takes no more, which is the same.
        Some(Err(_)) | None => {
            exchange.visit.finish(Finished::ClientClosed);
            After::Close
        }
    }
}

async fn answer(
    exchange: &mut Exchange<'_, '_>,
    request: &Request,
    body: &Value,
    settings: &Settings,
    state: &State,
) -> io::Result<After> {
    let path = request.path().trim_end_matches('/');
    let (chat, models) = (path.ends_with("/chat/completions"), path.ends_with("/models"));
    match request.method.as_str() {
        "POST" if chat => {
            if let Err(refusal) = admit(exchange, settings, state) {
                return exchange.refuse(&refusal).await;
            }
            completion::complete(exchange, body, settings, state).await
        }
        "GET" if models && state.knows(request.key()) => {
            exchange.send_json(200, &model_list(settings)).await
        }
        "GET" if models => exchange.refuse(&unknown_key(request.key())).await,
        method if chat || models => {
            exchange.add_header("allow", if chat { "POST" } else { "GET" });
            let message = format!("Not allowed to {method} on {path}.");
            exchange.refuse(&ApiError::of_status(405).saying(message)).await
        }
        method => {
            let message = format!("Invalid URL ({method} {path})");
            exchange.refuse(&ApiError::of_status(404).coded(None).saying(message)).await
        }
    }
}

/// Takes a permit from the key's bucket and tells in the headers what is left.
fn admit(
    exchange: &mut Exchange<'_, '_>,
    settings: &Settings,
    state: &State,
) -> Result<(), ApiError> {
    match state.admit(exchange.visit.key()) {
        Admission::UnknownKey => Err(unknown_key(exchange.visit.key())),
        Admission::Granted(None) => Ok(()),
        Admission::Granted(Some(quota)) => {
            tell_quota(exchange, settings, quota);
            Ok(())
        }
        Admission::TooMany { quota, retry_after } => {
            tell_quota(exchange, settings, quota);
            let spelled: &[RetryAfter] = match settings.retry_after_as_date {
                _ if !settings.send_retry_after => &[],
                true => &[RetryAfter::Date],
                false => &[RetryAfter::Seconds, RetryAfter::Millis],
            };
            for (name, value) in spelled.iter().flat_map(|how| how.headers(retry_after, calendar()))
            {
                exchange.add_header(name, value);
            }
            let millis = retry_after.as_nanos().div_ceil(1_000_000);
            Err(ApiError::of_status(429).saying(format!(
                "Rate limit reached for requests. Limit: {}. Please try again in {millis}ms.",
                quota.limit
            )))
        }
    }
}

fn tell_quota(exchange: &mut Exchange<'_, '_>, settings: &Settings, quota: Quota) {
    if settings.send_ratelimit_headers {
        for (name, value) in quota.headers() {
            exchange.add_header(name, value);
        }
    }
}

fn unknown_key(key: Option<&str>) -> ApiError {
    let error = ApiError::of_status(401);
    match key {
        Some(_) => error.saying(format!("Incorrect API key provided: {}.", key_label(key))),
        None => error.coded(None).saying(
            "You didn't provide an API key. Send it as `Authorization: Bearer KEY` or `api-key: KEY`.",
        ),
    }
}

fn model_list(settings: &Settings) -> Value {
    let fallback = ["mock-model".to_owned()];
    let names = if settings.models.is_empty() { &fallback[..] } else { &settings.models };
    let model =
        |id| json!({"id": id, "object": "model", "created": 0, "owned_by": "mock-provider"});
    json!({"object": "list", "data": names.iter().map(model).collect::<Vec<_>>()})
}

/// JSON, or a string of what is not.
fn read_body(bytes: &[u8]) -> Value {
    if bytes.is_empty() {
        return Value::Null;
    }
    serde_json::from_slice(bytes)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(bytes).into_owned()))
}

fn draft(request: &Request, body: &Value, request_id: &str, state: &State) -> RequestRecord {
    let key = request.key();
    RequestRecord {
        index: 0,
        method: request.method.clone(),
        path: request.target.clone(),
        request_id: request_id.to_owned(),
        started: state.clock.elapsed(),
        started_unix_ms: unix_millis(),
        key_label: key_label(key),
        key_index: state.key_index(key),
        attempt: 0,
        model: body["model"].as_str().map(str::to_owned),
        stream: body["stream"] == true,
        status: None,
        fault: None,
        chunks_sent: 0,
        finished: Finished::Open,
        ended: None,
        in_flight: 0,
        headers: redacted(request),
        body: body.clone(),
    }
}

fn redacted(request: &Request) -> BTreeMap<String, String> {
    let mut headers = BTreeMap::<String, String>::new();
    for (name, value) in &request.headers {
        let shown = match request.key() {
            _ if !SECRET.contains(&name.as_str()) => value.clone(),
            Some(key) if value.contains(key) => value.replace(key, &key_label(Some(key))),
            _ => "…".into(),
        };
        headers
            .entry(name.clone())
            .and_modify(|all| *all += &format!(", {shown}"))
            .or_insert(shown);
    }
    headers
}
