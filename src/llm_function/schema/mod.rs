//! The contract of a function: its return type as a JSON schema, as the model is shown it and as answers are
//! checked against it.

mod check;
mod describe;
mod example;
mod simplify;
mod sketch;
mod wire;

use serde_json::{Map, Value, json};

pub(super) use check::check;
use example::{EMPTY_WORD, example};
pub(super) use simplify::simplify;
use sketch::sketch;
use wire::close;

/// The return type of a function.
#[derive(Clone, Debug)]
pub(super) struct Contract {
    /// What its values are checked against.
    pub schema: Value,
    /// Whether it goes over the wire as the member `result` of an object, since it is none itself.
    pub wrapped: bool,
    /// What the model is shown: an object, closed, with all members required.
    pub wire: Value,
    /// Whether `wire` says all that `schema` does, so that a provider may hold the model to it.
    pub strict: bool,
    /// Whether it is plain text, for which no structure is asked.
    pub is_text: bool,
}

impl Contract {
    /// The contract of a type with this schema.
    pub fn new(schema: &Value) -> Self {
        let schema = simplify(schema);
        let is_text = schema["type"] == "string" && !has_any(&schema, &["enum", "const", "format"]);
        let wrapped = schema["type"] != "object" && schema.get("properties").is_none();
        let (wire, strict) = close(&if wrapped { wrap(schema.clone()) } else { schema.clone() });
        Self { schema, wrapped, wire, strict, is_text }
    }

    /// Whether a value is the example that the model has been shown, its empty words included.
    pub fn is_example(&self, value: &Value) -> bool {
        let example = example(&self.wire);
        let example = if self.wrapped { &example["result"] } else { &example };
        value == example && example.to_string().contains(&Value::from(EMPTY_WORD).to_string())
    }

    /// The form of the answer, in words and by an example.
    pub fn form(&self) -> String {
        let (form, example) = (sketch(&self.wire), example(&self.wire));
        format!("JSON alone, in this form:\n{form}\nFor example: {example}")
    }
}

fn wrap(mut schema: Value) -> Value {
    let definitions = schema.as_object_mut().and_then(|words| words.remove("$defs"));
    let mut wrapping = Map::new();
    wrapping.insert("type".into(), "object".into());
    wrapping.insert("properties".into(), json!({"result": schema}));
    wrapping.insert("required".into(), json!(["result"]));
    wrapping.extend(definitions.map(|definitions| ("$defs".to_owned(), definitions)));
    wrapping.into()
}

fn has_any(schema: &Value, words: &[&str]) -> bool {
    words.iter().any(|word| schema.get(word).is_some())
}

/// The schema that a reference within `root` points to.
fn target<'a>(root: &'a Value, reference: &str) -> Option<&'a Value> {
    root.pointer(reference.strip_prefix('#')?)
}

/// The types that a schema names; none where it names none.
fn types(schema: &Value) -> Vec<&str> {
    match &schema["type"] {
        Value::String(only) => vec![only],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// The members that a schema requires.
fn required(schema: &Value) -> Vec<&str> {
    schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_is_no_other_string() {
        assert!(Contract::new(&json!({"type": "string", "title": "String"})).is_text);
        for other in [json!({"type": "string", "enum": ["a"]}), json!({"type": "integer"})] {
            assert!(!Contract::new(&other).is_text, "{other}");
        }
    }

    #[test]
    fn only_objects_go_as_they_are() {
        let list = Contract::new(&json!({"type": "array", "items": {"type": "string"}}));
        assert_eq!(
            list.wire,
            json!({"type": "object", "additionalProperties": false, "required": ["result"],
                "properties": {"result": {"type": "array", "items": {"type": "string"}}}})
        );
        let form = "JSON alone, in this form:\n{\n  \"result\": [\"text\", ...]\n}\nFor example: {\"result\":[\"text\",\"text\"]}";
        assert_eq!(list.form(), form);
        let object = json!({"type": "object", "properties": {"a": {"type": "integer"}}});
        assert!(!Contract::new(&object).wrapped);
    }
}
