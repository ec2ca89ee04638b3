//! Unknown fields of many chunks, folded into those of one answer.

use serde_json::{Map, Value};

/// Folds the unknown fields of a later chunk into those known so far: the last value wins, but
/// `null` tells nothing, and the lists that providers send in pieces grow.
pub(super) fn merge(into: &mut Map<String, Value>, later: &Map<String, Value>) {
    for (key, value) in later {
        match into.get_mut(key) {
            None => {
                into.insert(key.clone(), value.clone());
            }
            Some(known) => merge_field(key, known, value),
        }
    }
}

fn merge_field(key: &str, known: &mut Value, later: &Value) {
    match (key, &mut *known, later) {
        (_, _, Value::Null) => {}
        ("reasoning_details", Value::Array(known), Value::Array(later)) => {
            known.extend_from_slice(later);
        }
        ("logprobs", Value::Object(known), Value::Object(later)) => merge_logprobs(known, later),
        // Most fields are the same in every chunk: to compare is cheaper than to copy.
        (_, known, later) if known == later => {}
        (_, known, later) => *known = later.clone(),
    }
}

/// The probabilities of the tokens of `content` and `refusal` come a few at a time.
fn merge_logprobs(into: &mut Map<String, Value>, later: &Map<String, Value>) {
    for (key, value) in later {
        match (into.get_mut(key), value) {
            (Some(Value::Array(known)), Value::Array(later)) => known.extend_from_slice(later),
            (Some(_), Value::Null) => {}
            _ => {
                into.insert(key.clone(), value.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn merged(values: &[Value]) -> Value {
        let mut all = Map::new();
        for value in values {
            merge(&mut all, value.as_object().unwrap());
        }
        Value::Object(all)
    }

    #[test]
    fn the_last_value_wins_but_null_does_not() {
        let chunks = [json!({"a": 1, "b": null}), json!({"a": 2, "b": 3}), json!({"a": null})];
        assert_eq!(merged(&chunks), json!({"a": 2, "b": 3}));
    }

    #[test]
    fn lists_that_come_in_pieces_grow() {
        let chunks = [
            json!({"logprobs": null, "reasoning_details": [1]}),
            json!({"logprobs": {"content": [1], "refusal": null}, "reasoning_details": [2]}),
            json!({"logprobs": {"content": [2, 3], "refusal": [9]}}),
            json!({"logprobs": {"content": null}, "reasoning_details": null}),
        ];
        assert_eq!(
            merged(&chunks),
            json!({"logprobs": {"content": [1, 2, 3], "refusal": [9]}, "reasoning_details": [1, 2]})
        );
    }
}
