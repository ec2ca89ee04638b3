//! What goes over the border in lists: errors, attempts, problems. `../api/errors.js` knows the places.

use std::time::{Duration, SystemTime};

use js_sys::Array;
use lockkeeper::{Attempt, Error, Problem};
use wasm_bindgen::JsValue;

/// A list of these.
pub fn list<const N: usize>(values: [JsValue; N]) -> JsValue {
    values.into_iter().collect::<Array>().into()
}

/// A duration in seconds.
pub fn seconds(duration: Duration) -> JsValue {
    duration.as_secs_f64().into()
}

/// An error.
pub fn error(error: &Error) -> JsValue {
    let text = |text: Option<&str>| text.map_or(JsValue::UNDEFINED, JsValue::from_str);
    let problems = error.problems().iter().map(problem).collect::<Array>();
    list([
        error.kind().as_str().into(),
        error.message().into(),
        error.status().into(),
        text(error.code()),
        text(error.request_id()),
        error.retry_at().map(milliseconds).into(),
        text(error.key_label()),
        attempts(error.attempts()),
        text(error.clock().map(lockkeeper::Clock::setting)),
        problems.into(),
    ])
}

/// Failed attempts.
pub fn attempts(attempts: &[Attempt]) -> JsValue {
    attempts.iter().map(attempt).collect::<Array>().into()
}

/// A failed attempt.
pub fn attempt(attempt: &Attempt) -> JsValue {
    list([
        attempt.key_label.as_str().into(),
        attempt.kind.as_str().into(),
        attempt.status.into(),
        attempt.message.as_str().into(),
        seconds(attempt.started_after),
        seconds(attempt.took),
    ])
}

fn problem(problem: &Problem) -> JsValue {
    let line = problem.line as f64;
    list([problem.path.as_str().into(), line.into(), problem.message.as_str().into()])
}

/// What `Date` counts.
fn milliseconds(time: SystemTime) -> f64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    since.as_secs_f64() * 1000.0
}
