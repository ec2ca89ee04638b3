//! What an answer's text means: the value that it holds, or the errors to show to the model; and what may
//! be shown of an answer that is still arriving.

mod lenient;
mod scan;
mod string;

use serde_json::Value;

pub(super) use lenient::read_number;
use scan::{candidates, without_fence, without_reasoning};

use super::schema::{Contract, check};

/// What keeps an answer from being a value.
#[derive(Debug, PartialEq)]
pub(super) struct Misfit {
    /// Every error, with its path.
    pub problems: Vec<String>,
    /// Whether there was no JSON in it at all.
    pub is_prose: bool,
}

impl Misfit {
    fn prose(problem: &str) -> Self {
        Self { problems: vec![format!("$: {problem}")], is_prose: true }
    }
}

/// The text of an answer that need not be JSON.
pub(super) fn plain_text(text: &str) -> &str {
    without_reasoning(text)
}

/// The arguments of a tool call, checked.
pub(super) fn read_arguments(text: &str, schema: &Value) -> Result<Value, Vec<String>> {
    let text = if text.trim().is_empty() { "{}" } else { text };
    let Some(mut value) = lenient::read_whole(text) else {
        return Err(vec!["$: expected a JSON object".to_owned()]);
    };
    let problems = check(schema, &mut value).problems;
    if problems.is_empty() { Ok(value) } else { Err(problems) }
}

/// The value that an answer holds. Of several, the one that fits best; of these, the first.
pub(super) fn read(text: &str, contract: &Contract) -> Result<Value, Misfit> {
    let found = candidates(text);
    let mut fewest: Option<Vec<String>> = None;
    let readings = found.iter().filter(|it| it.closed).flat_map(|it| readings(&it.value, contract));
    for (reading, counts) in readings {
        let mut value = reading.clone();
        let problems = check(&contract.schema, &mut value).problems;
        if problems.is_empty() {
            return Ok(value);
        }
        if counts && fewest.as_ref().is_none_or(|fewest| problems.len() < fewest.len()) {
            fewest = Some(problems);
        }
    }
    if let Some(problems) = fewest {
        return Err(Misfit { problems, is_prose: false });
    }
    if found.iter().any(|it| !it.closed) {
        let problems = vec!["$: the JSON is not closed".to_owned()];
        return Err(Misfit { problems, is_prose: false });
    }
    read_bare(without_reasoning(text), contract)
}

/// What a value may mean, since models leave out the wrapping, or add one of their own; and whether the
/// errors of that reading count.
fn readings<'a>(value: &'a Value, contract: &Contract) -> Vec<(&'a Value, bool)> {
    let result = value.get("result").filter(|_| contract.wrapped);
    let only = value.as_object().filter(|members| members.len() == 1);
    let only = only.and_then(|members| members.values().next());
    let inner = only.filter(|only| contract.wrapped || only.is_object());
    let outer = result.into_iter().chain([value]).map(|value| (value, true));
    outer.chain(inner.map(|value| (value, false))).collect()
}

/// The value of an answer that is no list and no object.
fn read_bare(text: &str, contract: &Contract) -> Result<Value, Misfit> {
    if text.is_empty() {
        return Err(Misfit::prose("the answer is empty"));
    }
    let bare = without_fence(text);
    let bare = bare.strip_suffix('.').unwrap_or(bare);
    let readings = [lenient::read_whole(bare), Some(bare.into())];
    let fits = |mut value: Value| check(&contract.schema, &mut value).fits().then_some(value);
    let value = readings.into_iter().flatten().find_map(fits).filter(|_| contract.wrapped);
    value.ok_or_else(|| Misfit::prose("expected JSON, found text without any"))
}

/// What may be shown of an answer so far.
pub(super) fn partial(text: &str, contract: &Contract) -> Option<Value> {
    let mut found = candidates(text);
    found.retain(|it| it.value.is_object() || contract.wrapped);
    let fits = |value: &Value| check(&contract.schema, &mut value.clone()).fits();
    let is_it = |it: &scan::Candidate| {
        !it.closed || readings(&it.value, contract).into_iter().any(|(value, _)| fits(value))
    };
    let best = found.iter().position(is_it);
    let value = match best {
        Some(index) => found.swap_remove(index).value,
        None => found.pop()?.value,
    };
    if !contract.wrapped {
        return Some(value);
    }
    match value {
        Value::Object(mut members) => members.remove("result"),
        other => Some(other),
    }
}
