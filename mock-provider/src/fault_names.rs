//! Faults chosen by the model's name, so that any client can meet them without a control call.

use std::time::Duration;

use crate::fault::Fault;

/// The names and what they mean, for `--help` and the docs. `N` may be left out.
pub const FAULT_MODELS: &[(&str, &str)] = &[
    ("fault-STATUS", "that status with its usual error, e.g. fault-503; also fault-status-418"),
    ("fault-429", "a 429 with Retry-After: 1"),
    ("fault-quota", "a 429 with the code insufficient_quota"),
    ("fault-reset", "TCP RST before any answer"),
    ("fault-close", "FIN before any answer"),
    ("fault-silence", "no answer, ever"),
    ("fault-slow-headers-N", "headers after N ms (3000)"),
    ("fault-slow-first-token-N", "headers at once, the first token after N ms (3000)"),
    ("fault-cut-N", "connection closed in mid-body after N events (3)"),
    ("fault-end-early-N", "clean end after N events (3), no finish_reason, no [DONE]"),
    ("fault-stall-N", "silence after N events (3), connection open"),
    ("fault-malformed-N", "broken JSON after N events (3)"),
    ("fault-error-in-stream-N", "an error object after N events (3)"),
    ("fault-no-done", "a stream without [DONE]"),
    ("fault-empty-body", "a 200 with nothing in it"),
    ("fault-html-N", "an HTML page with status N (200)"),
    ("fault-redirect", "a 307 to http://127.0.0.1:9/"),
    ("fault-refuse-stream-options", "a 400 if the request has stream_options"),
    ("fault-refuse-prefill", "a 400 if the last message is the assistant's"),
    ("fault-echo-key-N", "status N (401), the message repeats the key"),
    ("fault-comments-N", "3 keep-alive comments, N ms (100) apart, before the answer"),
    ("fault-comments-for-ever-N", "keep-alive comments N ms (100) apart, and nothing else"),
    ("fault-huge-body-N", "a 500 whose message is N bytes (64 MiB)"),
    ("fault-huge-event-N", "an event with N bytes (64 MiB) of text"),
    ("fault-endless-header", "a header that never ends"),
    ("fault-gzip", "a compressed answer"),
    ("fault-content-type", "an answer that calls itself text/plain"),
    ("fault-old-http", "an answer in HTTP/1.0, ended by the connection's end"),
    ("fault-once-…", "any of the above on odd attempts with the same body; even ones go well"),
];

/// 64 MiB: more than any client should hold in memory for one event or error.
const HUGE: u64 = 64 << 20;

/// The fault that a model's name asks for. `attempt` is 1 for the first request with this body.
/// An unknown `fault-…` name asks for nothing.
pub(crate) fn fault_for_model(model: &str, attempt: u32) -> Option<Fault> {
    let name = model.strip_prefix("fault-")?;
    match name.strip_prefix("once-") {
        Some(_) if attempt.is_multiple_of(2) => Some(Fault::None),
        Some(name) => named(name),
        None => named(name),
    }
}

fn named(name: &str) -> Option<Fault> {
    let (word, number) = split_number(name);
    let chunks = number.map_or(3, |n| usize::try_from(n).unwrap_or(usize::MAX));
    let delay = Duration::from_millis(number.unwrap_or(3000));
    let every = Duration::from_millis(number.unwrap_or(100).max(1));
    let bytes = number.unwrap_or(HUGE);
    let status = |default| number.and_then(valid_status).unwrap_or(default);
    Some(match word {
        "" | "status" => match number.and_then(valid_status)? {
            429 => Fault::rate_limited(1),
            status => Fault::status(status),
        },
        "quota" => Fault::quota_exhausted(),
        "reset" => Fault::Reset,
        "close" => Fault::Close,
        "silence" => Fault::Silence,
        "slow-headers" => Fault::SlowHeaders { delay },
        "slow-first-token" => Fault::SlowFirstToken { delay },
        "cut" => Fault::cut(chunks),
        "end-early" => Fault::EndEarly { after_chunks: chunks },
        "stall" => Fault::Stall { after_chunks: chunks },
        "malformed" => Fault::Malformed { after_chunks: chunks },
        "error-in-stream" => Fault::error_in_stream(chunks),
        "no-done" => Fault::NoDone,
        "empty-body" => Fault::EmptyBody,
        "html" => Fault::Html { status: status(200) },
        "redirect" => Fault::Redirect { location: "http://127.0.0.1:9/".into() },
        "refuse-stream-options" => Fault::RefuseStreamOptions,
        "refuse-prefill" => Fault::RefusePrefill,
        "echo-key" => Fault::EchoKey { status: status(401) },
        "comments" => Fault::Comments { every, count: 3, for_ever: false },
        "comments-for-ever" => Fault::Comments { every, count: 3, for_ever: true },
        "huge-body" => Fault::HugeBody { status: 500, bytes },
        "huge-event" => Fault::HugeEvent { bytes },
        "endless-header" => Fault::EndlessHeader,
        "gzip" => Fault::Gzip,
        "content-type" => Fault::ContentType { value: "text/plain".into() },
        "old-http" => Fault::OldHttp,
        _ => return None,
    })
}

/// `cut-12` is `cut` and 12; `503` is nothing and 503.
fn split_number(name: &str) -> (&str, Option<u64>) {
    let (word, digits) = name.rsplit_once('-').unwrap_or(("", name));
    match digits.parse() {
        Ok(number) => (word, Some(number)),
        Err(_) => (name, None),
    }
}

/// A final status that HTTP knows: 1xx would only announce another one.
pub(crate) fn valid_status(number: u64) -> Option<u16> {
    u16::try_from(number).ok().filter(|status| (200..=999).contains(status))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_name_is_understood() {
        for (name, _) in FAULT_MODELS {
            let name = name.replace("STATUS", "503").replace("-N", "").replace('…', "reset");
            assert!(fault_for_model(&name, 1).is_some(), "{name}");
        }
    }

    #[test]
    fn numbers_are_read_from_the_end() {
        assert_eq!(fault_for_model("fault-503", 1), Some(Fault::status(503)));
        assert_eq!(fault_for_model("fault-status-418", 1), Some(Fault::status(418)));
        assert_eq!(fault_for_model("fault-cut-12", 1), Some(Fault::cut(12)));
        assert_eq!(fault_for_model("fault-7", 1), None);
        assert_eq!(fault_for_model("gpt-4", 1), None);
    }

    #[test]
    fn once_strikes_on_odd_attempts() {
        assert_eq!(fault_for_model("fault-once-503", 1), Some(Fault::status(503)));
        assert_eq!(fault_for_model("fault-once-503", 2), Some(Fault::None));
    }
}
