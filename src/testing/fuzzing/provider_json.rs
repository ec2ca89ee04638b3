//! `provider.json`: the same text has the same outcome, settings that can be used or problems that
//! say where they stand.

use std::sync::Arc;

use crate::core::json::{Json, NotJson, Value};
use crate::provider_config::parse;
use crate::testing::{Reply, ScriptedTransport, VirtualClock};
use crate::{ChatOptions, ConfigLoader, Error, ErrorKind, LlmInterface, Message, ModelSettings};

/// Checks a file.
pub fn provider_json(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let read = parse(text, &env);
    assert_eq!(read.clone().map_err(said), parse(text, &env).map_err(said), "another time");
    super::json::agrees_with_serde(text.strip_prefix('\u{feff}').unwrap_or(text).as_bytes());
    match read {
        Ok(models) => can_be_used(&models, text),
        Err(error) => says_where(&error, text),
    }
}

/// An environment in which some variables are set.
fn env(name: &str) -> Option<String> {
    (name.len() % 2 == 1).then(|| format!("sk-{name}-0123456789"))
}

fn said(error: Error) -> String {
    format!("{error:?} {:?}", error.problems())
}

/// The models have names of their own, and clients of all of them can be made and asked.
fn can_be_used(models: &[ModelSettings], text: &str) {
    for (at, model) in models.iter().enumerate() {
        assert_eq!(model.validate(), [], "{model:?}");
        let has_its_name = |other: &ModelSettings| {
            (&other.provider, &other.name) == (&model.provider, &model.name)
        };
        assert!(!models[..at].iter().any(has_its_name), "{model:?}");
        let keys = &model.api_keys;
        assert!((1..keys.len()).all(|at| !keys[..at].contains(&keys[at])), "{keys:?}");
    }
    let clock = VirtualClock::new();
    let transport = ScriptedTransport::new(&clock, |_| Reply::answer("Hi!"));
    let loader = ConfigLoader::new().transport(Arc::new(transport)).runtime(clock.runtime());
    let clients = loader.env(env).load_list(text).expect("settings that were found right");
    assert_eq!(clients.len(), models.len());
    for client in clients {
        let call = client.chat(vec![Message::user("Hi?")], ChatOptions::default());
        match clock.block_on(call) {
            Ok(answer) => assert_eq!(answer.text(), "Hi!"),
            // Its bucket may have others in it, and its timeout be short.
            Err(error) => assert!(
                matches!(error.kind(), ErrorKind::RateLimited | ErrorKind::Timeout),
                "{error:?}"
            ),
        }
    }
}

fn says_where(error: &Error, text: &str) {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let json = Json::read(text.as_bytes());
    let lines = text.bytes().filter(|byte| *byte == b'\n').count() + 1;
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(!error.problems().is_empty());
    let mut last = 0;
    for problem in error.problems() {
        assert!((last.max(1)..=lines).contains(&problem.line), "{problem:?}");
        last = problem.line;
        assert!(!problem.message.is_empty(), "{problem:?}");
        assert!(!problem.path.is_empty() || concerns_all(&json), "{problem:?}");
        if let Ok(json) = &json {
            assert!(leads_somewhere(&problem.path, json), "{problem:?}");
            assert!(!holds_a_key(&problem.message, json, text), "{problem:?}");
        }
    }
}

/// Whether a file is wrong as a whole: no object, or no provider in it.
fn concerns_all(file: &Result<Json<'_>, NotJson>) -> bool {
    match file.as_ref().map(|json| &json.value) {
        Ok(Value::Object(members)) => members.iter().all(|(name, _)| name == "$schema"),
        _ => true,
    }
}

/// Whether each step of a path exists in the file; the last may be what is missing there.
fn leads_somewhere(path: &str, file: &Json<'_>) -> bool {
    let (mut rest, mut at) = (path, vec![file]);
    while !rest.is_empty() {
        if at.is_empty() {
            return false;
        }
        let step = match rest.strip_prefix('[') {
            Some(step) if step.starts_with('"') => {
                let mut names = serde_json::Deserializer::from_str(step).into_iter::<String>();
                let name = names.next().and_then(Result::ok).expect("a path's name is a JSON text");
                rest = step[names.byte_offset()..]
                    .strip_prefix(']')
                    .expect("and then the bracket ends");
                Step::Name(name)
            }
            Some(step) => {
                let (index, after) = step.split_once(']').expect("an index ends in a bracket");
                rest = after;
                Step::Index(index.parse().expect("an index is a number"))
            }
            None => {
                let step = rest.strip_prefix('.').unwrap_or(rest);
                let end = step.find(['.', '[']).unwrap_or(step.len());
                rest = &step[end..];
                Step::Name(step[..end].to_owned())
            }
        };
        at = at.iter().flat_map(|json| children(json, &step)).collect();
    }
    true
}

enum Step {
    Name(String),
    Index(usize),
}

/// Where a step leads; a name may stand twice.
fn children<'a>(json: &'a Json<'a>, step: &Step) -> Vec<&'a Json<'a>> {
    match (&json.value, step) {
        (Value::Object(members), Step::Name(name)) => {
            members.iter().filter(|(known, _)| known == name).map(|(_, value)| value).collect()
        }
        (Value::List(elements), Step::Index(index)) => elements.get(*index).into_iter().collect(),
        _ => Vec::new(),
    }
}

/// Whether a message holds a key that stands nowhere else in the file.
fn holds_a_key(message: &str, json: &Json<'_>, text: &str) -> bool {
    let is_key = |key: &str| {
        let is_long = key.starts_with("sk-") && key.len() >= 12;
        is_long && text.matches(key).count() == 1 && message.contains(key)
    };
    match &json.value {
        Value::Object(members) => members.iter().any(|(name, value)| match &value.value {
            Value::List(keys) if name == "api_keys" => {
                keys.iter().filter_map(Json::text).any(is_key)
            }
            _ => holds_a_key(message, value, text),
        }),
        Value::List(elements) => elements.iter().any(|json| holds_a_key(message, json, text)),
        _ => false,
    }
}
