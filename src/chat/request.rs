//! The body of a request: checked as a whole, then written in one pass.

use std::time::Duration;

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Value, json};

use super::message::{Message, Role};
use super::options::ChatOptions;
use crate::core::rank::HIGHEST;
use crate::error::{Error, Problem};

/// The JSON body that asks for an answer to `messages`.
///
/// `stream` is what the called method does; `include_usage` asks a stream for its usage, unless the
/// caller gave `stream_options` of their own.
///
/// # Errors
/// [`ErrorKind::Config`](crate::ErrorKind::Config), with every problem found: no messages, a
/// message without a role, a number that is not finite, a timeout of zero, a field given twice, or
/// a `stream` that contradicts the method.
pub(crate) fn request_body(
    messages: &[Message],
    options: &ChatOptions,
    default_model: &str,
    stream: bool,
    include_usage: bool,
) -> Result<Vec<u8>, Error> {
    let problems = problems(messages, options, stream);
    if !problems.is_empty() {
        return Err(Error::config(problems));
    }
    let model = options.model.as_deref().unwrap_or(default_model);
    serde_json::to_vec(&Body { model, messages, options, stream, include_usage })
        .map_err(|error| Error::config(vec![Problem::new("", 0, error.to_string())]))
}

struct Body<'a> {
    model: &'a str,
    messages: &'a [Message],
    options: &'a ChatOptions,
    stream: bool,
    include_usage: bool,
}

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let extra = &self.options.extra;
        let mut body = to.serialize_map(None)?;
        body.serialize_entry("model", self.model)?;
        body.serialize_entry("messages", self.messages)?;
        self.options.write_known(&mut body)?;
        if self.stream {
            body.serialize_entry("stream", &true)?;
            if self.include_usage && !extra.contains_key("stream_options") {
                body.serialize_entry("stream_options", &json!({"include_usage": true}))?;
            }
        }
        for (name, value) in extra.iter().filter(|(name, _)| *name != "stream") {
            body.serialize_entry(name, value)?;
        }
        body.end()
    }
}

/// Everything that is wrong with a request.
fn problems(messages: &[Message], options: &ChatOptions, stream: bool) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut report = |path: &str, message: String| problems.push(Problem::new(path, 0, message));

    if messages.is_empty() {
        report("messages", "there are none: a chat needs at least one message".into());
    }
    for (index, _) in messages.iter().enumerate().filter(|(_, m)| m.role == Role::default()) {
        let message = "is missing: it is system, user, assistant or tool";
        report(&format!("messages[{index}].role"), message.into());
    }
    for (name, value) in [("temperature", options.temperature), ("top_p", options.top_p)] {
        if let Some(value) = value.filter(|value| !value.is_finite()) {
            report(name, format!("{value} is not a finite number"));
        }
    }
    for (name, duration) in clocks(options) {
        if duration.is_some_and(|duration| duration.is_zero()) {
            report(name, "must be longer than 0 seconds".into());
        }
    }
    if options.priority.is_some_and(|priority| !(-HIGHEST..=HIGHEST).contains(&priority)) {
        report("priority", format!("must be a whole number from -{HIGHEST} to {HIGHEST}"));
    }
    for name in options.extra.keys().filter(|name| is_given_twice(options, name)) {
        report(name, "is given in `extra`, and as a field of its own".into());
    }
    if contradicts(options, stream) {
        let method = if stream { "streams" } else { "does not stream" };
        report("stream", format!("is {}, but the method that was called {method}", !stream));
    }
    problems
}

fn clocks(options: &ChatOptions) -> [(&'static str, Option<Duration>); 4] {
    [
        ("timeout", options.timeout),
        ("headers_timeout", options.headers_timeout),
        ("first_token_timeout", options.first_token_timeout),
        ("idle_timeout", options.idle_timeout),
    ]
}

/// The model and the messages are always fields of their own.
fn is_given_twice(options: &ChatOptions, name: &str) -> bool {
    matches!(name, "model" | "messages") || options.writes(name)
}

fn contradicts(options: &ChatOptions, stream: bool) -> bool {
    let extra = options.extra.get("stream").filter(|extra| !extra.is_null());
    options.stream.is_some_and(|wish| wish != stream)
        || extra.is_some_and(|wish| *wish != Value::Bool(stream))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{Stop, Tool, ToolChoice};
    use crate::error::ErrorKind;

    fn body(options: &ChatOptions, stream: bool, include_usage: bool) -> Value {
        let body = request_body(&[Message::user("hi")], options, "default", stream, include_usage);
        serde_json::from_slice(&body.unwrap()).unwrap()
    }

    fn refused(options: &ChatOptions, stream: bool) -> String {
        let error = request_body(&[Message::user("hi")], options, "m", stream, true).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        error.message().to_owned()
    }

    #[test]
    fn only_what_is_set_is_written() {
        let messages = json!([{"role": "user", "content": "hi"}]);
        assert_eq!(
            body(&ChatOptions::default(), false, true),
            json!({"model": "default", "messages": messages})
        );
        let options = ChatOptions::default()
            .model("m")
            .temperature(0.5)
            .stop("end")
            .seed(-7)
            .n(2)
            .tool(Tool::function("f", "d", json!({})))
            .tool_choice(ToolChoice::Function("f".into()))
            .timeout(Duration::from_secs(1))
            .max_retries(3)
            .priority(-5)
            .extra("top_k", 40);
        let tool = json!({"type": "function",
            "function": {"name": "f", "description": "d", "parameters": {}}});
        assert_eq!(
            body(&options, false, true),
            json!({"model": "m", "messages": messages, "temperature": 0.5, "stop": "end",
                "seed": -7, "n": 2, "tools": [tool], "top_k": 40,
                "tool_choice": {"type": "function", "function": {"name": "f"}}})
        );
    }

    #[test]
    fn a_stream_asks_for_its_usage() {
        let options = ChatOptions::default();
        assert_eq!(body(&options, true, true)["stream_options"], json!({"include_usage": true}));
        let without = body(&options, true, false);
        assert_eq!((&without["stream"], without.get("stream_options")), (&json!(true), None));
        let own = options.extra("stream_options", json!({"chunk": 1}));
        assert_eq!(body(&own, true, true)["stream_options"], json!({"chunk": 1}));
    }

    #[test]
    fn the_method_decides_whether_to_stream() {
        let wish = |stream: bool| ChatOptions::default().stream(stream);
        let extra = |stream: bool| ChatOptions::default().extra("stream", stream);
        assert!(refused(&wish(true), false).contains("does not stream"));
        assert!(refused(&extra(false), true).contains("stream: is false, but"));
        assert_eq!(body(&wish(true), true, false)["stream"], true);
        let text = request_body(&[Message::user("hi")], &extra(true), "m", true, true).unwrap();
        assert_eq!(String::from_utf8(text).unwrap().matches(r#""stream":"#).count(), 1);
        assert_eq!(body(&extra(false), false, false).get("stream"), None);
    }

    #[test]
    fn a_field_given_twice_is_named() {
        let twice = ChatOptions::default().temperature(1.0).extra("temperature", 0.5);
        assert!(refused(&twice, false).starts_with("temperature: is given in `extra`"));
        assert!(refused(&ChatOptions::default().extra("model", "x"), false).starts_with("model:"));
        let once = ChatOptions::default().extra("stop", json!([]));
        assert_eq!(body(&once, false, false)["stop"], json!([]));
    }

    #[test]
    fn every_problem_is_listed() {
        let options = ChatOptions::default()
            .temperature(f64::NAN)
            .top_p(f64::INFINITY)
            .timeout(Duration::ZERO)
            .priority(101);
        let error = request_body(&[], &options, "m", false, false).unwrap_err();
        let paths: Vec<_> = error.problems().iter().map(|problem| problem.path.as_str()).collect();
        assert_eq!(paths, ["messages", "temperature", "top_p", "timeout", "priority"]);
        let error = request_body(&[Message::default()], &ChatOptions::default(), "m", false, false);
        assert!(error.unwrap_err().message().starts_with("messages[0].role: is missing"));
    }

    #[test]
    fn stop_takes_one_or_many() {
        assert_eq!(Stop::from("a"), Stop::One("a".into()));
        let many = ChatOptions::default().stop(vec!["a".to_owned()]);
        assert_eq!(body(&many, false, false)["stop"], json!(["a"]));
    }
}
