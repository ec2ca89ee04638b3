//! The rows on a virtual clock, against a scripted provider: all times are exact.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use lockkeeper::testing::{Reply, ScriptedTransport, SentRequest, VirtualClock};
use lockkeeper::{ConfigLoader, HttpRequest};
use mock_provider::{Fault, Script};
use serde_json::{Value, json};

use crate::ask::{Asked, ask};
use crate::check::{Request, Seen, Slack, complaints};
use crate::row::{Row, Way, key_number, table};
use crate::scripted::{BASE_URL, BOTH};

const HOST: &str = "simulation";

/// A body is read on for 50 ms after `[DONE]`.
const SLACK: Slack = Slack { late: 0.051, early: 1e-6, lag: 0.0 };

const WORDS: [&str; 6] = ["Down ", "the ", "towpath, ", "past ", "the ", "willows."];

/// Runs all rows that have no need of a socket, and gives back every complaint.
pub fn run() -> Vec<String> {
    let rows = table().into_iter().flat_map(|theme| theme.rows);
    let mut complaints = Vec::new();
    for row in rows.filter(|row| !row.is_about_bytes()) {
        for way in BOTH.into_iter().filter(|way| row.expected(*way, HOST).is_some()) {
            complaints.extend(run_row(&row, way));
        }
    }
    complaints
}

fn run_row(row: &Row, way: Way) -> Vec<String> {
    let clock = VirtualClock::new();
    let runtime = clock.runtime();
    let model = row.model(way);
    let scripts = Mutex::new(row.scripts(way, "https://elsewhere.test"));
    let timer = runtime.clone();
    let provider = ScriptedTransport::new(&clock, move |request| {
        let fault = next_fault(&mut scripts.lock().unwrap(), request);
        reply(&fault, request, timer.unix_time())
    });
    let loader = ConfigLoader::new().transport(Arc::new(provider.clone())).runtime(runtime.clone());
    let began = runtime.now();
    let asked = match loader.load_str(&row.config(way, BASE_URL)) {
        Err(error) => Asked::not_at_all(&error),
        Ok(providers) => clock.block_on(ask(row, way, &providers)),
    };
    let sent = provider.requests();
    let request = |sent: &SentRequest| Request {
        at: (sent.at - began).as_secs_f64(),
        key: key_number(sent.key().unwrap().rsplit('-').next().unwrap()),
        hung_up: None,
    };
    let (primary, backup): (Vec<_>, Vec<_>) =
        sent.iter().partition(|sent| sent.json()["model"] == *model);
    let seen = Seen {
        outcomes: asked.outcomes,
        whole: WORDS.concat(),
        took: clock.elapsed().as_secs_f64(),
        now: runtime.unix_time(),
        requests: primary.into_iter().map(request).collect(),
        backup: backup.len(),
        counted: asked.counted,
        in_flight: asked.in_flight + provider.open_requests() as u32,
    };
    let complaints = complaints(&row.expected(way, HOST).unwrap(), &seen, &SLACK);
    complaints.into_iter().map(|complaint| format!("{model}: {complaint}")).collect()
}

fn next_fault(scripts: &mut [Script], request: &HttpRequest) -> Fault {
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    let model = body["model"].as_str().unwrap();
    let key = request.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
    scripts.iter_mut().find_map(|script| script.take(model, key)).unwrap_or_default()
}

/// What the mock provider would answer under this fault.
fn reply(fault: &Fault, request: &HttpRequest, now: SystemTime) -> Reply {
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    let streams = body["stream"] == true;
    match fault {
        Fault::Status { headers, body: None, .. } => {
            headers.iter().fold(error(fault), |reply, (name, value)| reply.header(name, value))
        }
        Fault::Limited { wait, says } => {
            let headers = says.headers(*wait, now);
            headers.iter().fold(error(fault), |reply, (name, value)| reply.header(name, value))
        }
        Fault::Reset | Fault::Close => Reply::reset(),
        Fault::Silence => Reply::silence(),
        Fault::EmptyBody => Reply::status(200),
        Fault::Html { status } => Reply::status(*status).body("<!DOCTYPE html>\n<html></html>\n"),
        Fault::Redirect { location } => Reply::status(307).header("location", location),
        Fault::RefuseStreamOptions if !body["stream_options"].is_null() => {
            let message = "Unrecognized request argument supplied: stream_options";
            Reply::error(400, "invalid_request_error", message)
        }
        Fault::RefusePrefill if body["messages"].as_array().unwrap().len() > 1 => Reply::error(
            400,
            "invalid_request_error",
            "The conversation must end with a user message.",
        ),
        Fault::EchoKey { status } => {
            let key = request.header("authorization").unwrap().trim_start_matches("Bearer ");
            let message = format!("Incorrect API key provided: {key}.");
            Reply::error(*status, "invalid_api_key", &message)
        }
        Fault::SlowHeaders { delay } => answer(streams, &Fault::None).after(*delay),
        _ => answer(streams, fault),
    }
}

fn error(fault: &Fault) -> Reply {
    let (status, body) = fault.error().unwrap();
    Reply::status(status).body(body.to_string())
}

/// A good answer, or what the fault makes of it.
fn answer(streams: bool, fault: &Fault) -> Reply {
    if streams { streamed(fault) } else { in_one_piece(fault) }
}

fn in_one_piece(fault: &Fault) -> Reply {
    let body = json!({"choices": [{"index": 0, "message": {"content": WORDS.concat()}, "finish_reason": "stop"}]});
    let body = body.to_string();
    let (half, _) = body.split_at(body.len() / 2);
    let reply = Reply::status(200).header("content-type", "application/json");
    match fault {
        Fault::None | Fault::NoDone | Fault::RefuseStreamOptions | Fault::RefusePrefill => {
            reply.body(body)
        }
        Fault::ContentType { value } => Reply::status(200).header("content-type", value).body(body),
        Fault::SlowFirstToken { delay } => reply.body(body).after(*delay),
        Fault::Comments { every, for_ever: true, .. } => blank_for_ever(reply, *every, "\n"),
        Fault::Comments { every, count, .. } => {
            let lines = std::iter::repeat_n("\n".to_owned(), *count as usize);
            reply.pieces(lines.chain([body])).pace(*every)
        }
        // The wait comes before the half of the body rather than after it.
        Fault::Cut { pause, .. } => reply.body(half.to_owned()).cut_after(1).after(*pause),
        Fault::EndEarly { .. } => reply.body(half.to_owned()),
        Fault::Stall { .. } => reply.body(half.to_owned()).stall_after(1),
        Fault::Malformed { .. } => reply.body(format!("{half}\"broken")),
        Fault::ErrorInStream { .. } => reply.body(fault.error().unwrap().1.to_string()),
        other => panic!("no simulation of {other:?}"),
    }
}

fn streamed(fault: &Fault) -> Reply {
    let chunk = |delta: Value, finish: Value| {
        json!({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}).to_string()
    };
    let mut events = vec![chunk(json!({"role": "assistant", "content": ""}), Value::Null)];
    events.extend(WORDS.map(|word| chunk(json!({"content": word}), Value::Null)));
    events.push(chunk(json!({}), json!("stop")));
    let done = "[DONE]".to_owned();
    let whole = |events: Vec<String>| Reply::events(events.into_iter().chain([done.clone()]));
    match fault {
        Fault::None | Fault::RefuseStreamOptions | Fault::RefusePrefill => whole(events),
        Fault::ContentType { value } => whole(events).header("content-type", value),
        Fault::NoDone => Reply::events(events),
        // Its end is told by `[DONE]`, so that only the wait before the one piece counts.
        Fault::SlowFirstToken { delay } => {
            let text: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
            Reply::status(200).body(text + "data: [DONE]\n\n").pace(*delay)
        }
        Fault::Comments { every, for_ever: true, .. } => {
            blank_for_ever(Reply::status(200), *every, ": keep-alive\n\n")
        }
        Fault::Comments { every, count, .. } => {
            let comments = ": keep-alive\n\n".repeat(*count as usize);
            let text: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
            Reply::status(200).body(comments + &text + "data: [DONE]\n\n").pace(*every * *count)
        }
        Fault::Cut { after_chunks, pause } => {
            Reply::events(events).cut_after(*after_chunks).after(*pause)
        }
        Fault::EndEarly { after_chunks } => Reply::events(events).end_after(*after_chunks),
        Fault::Stall { after_chunks } => Reply::events(events).stall_after(*after_chunks),
        Fault::Malformed { after_chunks } => {
            events.insert(*after_chunks, r#"{"choices":[{"index":0,"delta":{"cont"#.to_owned());
            whole(events)
        }
        Fault::ErrorInStream { after_chunks, then_done, .. } => {
            events.truncate(*after_chunks);
            events.push(fault.error().unwrap().1.to_string());
            if *then_done { whole(events) } else { Reply::events(events) }
        }
        other => panic!("no simulation of {other:?}"),
    }
}

/// Signs of life and nothing else; more than any clock here waits for.
fn blank_for_ever(reply: Reply, every: Duration, sign: &str) -> Reply {
    reply.pieces(std::iter::repeat_n(sign.to_owned(), 1000)).pace(every)
}
