//! A schema as providers take it where they hold the model to it: every object closed, every member required.

use serde_json::{Map, Value, json};

use super::{required, types};

/// What OpenAI refuses in a schema that it is to hold the model to.
const LOOSE_WORDS: [&str; 7] =
    ["allOf", "prefixItems", "patternProperties", "not", "minLength", "maxLength", "uniqueItems"];

/// The schema closed, and whether it can be kept to strictly. What was optional may be null instead.
pub(super) fn close(schema: &Value) -> (Value, bool) {
    let mut strict = true;
    (closed(schema, &mut strict), strict)
}

fn closed(schema: &Value, strict: &mut bool) -> Value {
    let Value::Object(words) = schema else {
        *strict = false; // anything at all
        return schema.clone();
    };
    if words.is_empty() {
        *strict = false;
    }
    let mut result = Map::new();
    for (word, value) in words {
        match (word.as_str(), value) {
            ("properties" | "$defs", Value::Object(members)) => {
                let close_member = |(name, member): (&String, &Value)| {
                    let optional = word == "properties" && !required(schema).contains(&&**name);
                    let member = closed(member, strict);
                    (name.clone(), if optional { or_null(member) } else { member })
                };
                result.insert(word.clone(), members.iter().map(close_member).collect());
            }
            ("anyOf" | "oneOf", Value::Array(schemas)) => {
                let schemas = schemas.iter().map(|schema| closed(schema, strict)).collect();
                result.insert("anyOf".into(), schemas);
            }
            ("items", items) => {
                result.insert("items".into(), closed(items, strict));
            }
            ("required" | "additionalProperties", _) => {}
            (_, value) => {
                *strict &= !LOOSE_WORDS.contains(&word.as_str());
                result.insert(word.clone(), value.clone());
            }
        }
    }
    close_object(&mut result, words, strict);
    result.into()
}

fn close_object(result: &mut Map<String, Value>, words: &Map<String, Value>, strict: &mut bool) {
    let names = words.get("properties").and_then(Value::as_object);
    let others = words.get("additionalProperties").filter(|others| others.is_object());
    match (names, others) {
        (Some(names), None) => {
            result.insert("required".into(), names.keys().cloned().collect());
            result.insert("additionalProperties".into(), false.into());
        }
        (_, Some(others)) => {
            *strict = false; // a map, whose members' names nobody knows
            result.insert("additionalProperties".into(), others.clone());
            result
                .extend(words.get("required").map(|names| ("required".to_owned(), names.clone())));
        }
        (None, None) => {
            *strict &= words.get("type").is_none_or(|kind| kind != "object");
        }
    }
}

/// The schema, or null.
fn or_null(mut schema: Value) -> Value {
    let nothing = json!({"type": "null"});
    let kinds = types(&schema);
    if kinds.contains(&"null") {
        return schema;
    }
    let is_plain = schema.get("enum").is_none() && schema.get("const").is_none();
    if let ([kind], true) = (kinds.as_slice(), is_plain) {
        schema["type"] = json!([kind, "null"]);
        return schema;
    }
    match schema.get_mut("anyOf").and_then(Value::as_array_mut) {
        Some(alternatives) if alternatives.contains(&nothing) => schema,
        Some(alternatives) => {
            alternatives.push(nothing);
            schema
        }
        None => json!({"anyOf": [schema, nothing]}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_closed_and_members_required() {
        let schema = json!({"type": "object", "required": ["a"], "properties": {
            "a": {"type": "string"},
            "b": {"type": "integer"},
            "c": {"type": "string", "enum": ["x"]},
            "d": {"oneOf": [{"type": "string"}, {"type": "integer"}]},
        }});
        let (wire, strict) = close(&schema);
        assert!(strict);
        assert_eq!(wire["required"], json!(["a", "b", "c", "d"]));
        assert_eq!(wire["additionalProperties"], false);
        let member = |name: &str| wire["properties"][name].clone();
        assert_eq!(member("a"), json!({"type": "string"}));
        assert_eq!(member("b"), json!({"type": ["integer", "null"]}));
        let nothing = json!({"type": "null"});
        assert_eq!(member("c"), json!({"anyOf": [{"type": "string", "enum": ["x"]}, nothing]}));
        let alternatives = json!([{"type": "string"}, {"type": "integer"}, nothing]);
        assert_eq!(member("d"), json!({"anyOf": alternatives}));
    }

    #[test]
    fn what_providers_can_not_hold_a_model_to_is_not_strict() {
        for loose in [
            json!({"type": "object", "additionalProperties": {"type": "integer"}}),
            json!({"type": "object", "properties": {"a": true}}),
            json!({"type": "object"}),
            json!({"type": "array", "prefixItems": [{"type": "integer"}]}),
            json!({"type": "object", "properties": {"a": {"type": "string", "maxLength": 9}}}),
        ] {
            assert!(!close(&loose).1, "{loose}");
        }
    }
}
