//! A type in few words, as a form to be filled in: small models copy a JSON schema in place of an answer.

use serde_json::Value;

use super::{target, types};

/// How deep it goes; what holds itself ends here.
const DEEPEST: usize = 6;
const ANYTHING: &str = "any JSON";

/// The form of the values that a schema describes: JSON, with words where values go.
pub(in crate::llm_function) fn sketch(schema: &Value) -> String {
    value(schema, schema, 0)
}

fn value(root: &Value, schema: &Value, depth: usize) -> String {
    if depth > DEEPEST {
        return ANYTHING.to_owned();
    }
    if let Some(other) = schema["$ref"].as_str().and_then(|reference| target(root, reference)) {
        return value(root, other, depth + 1);
    }
    if let Some(only) = schema.get("const") {
        return only.to_string();
    }
    if let Some(options) = schema["enum"].as_array() {
        return any_of(options.iter().map(Value::to_string));
    }
    if let Some(schemas) = schema["anyOf"].as_array().or(schema["oneOf"].as_array()) {
        return any_of(schemas.iter().map(|schema| value(root, schema, depth + 1)));
    }
    match types(schema).as_slice() {
        [] if schema.get("properties").is_some() => object(root, schema, depth),
        [] => ANYTHING.to_owned(),
        kinds => any_of(kinds.iter().map(|kind| of_type(kind, root, schema, depth))),
    }
}

fn any_of(words: impl Iterator<Item = String>) -> String {
    words.collect::<Vec<_>>().join(" or ")
}

fn of_type(kind: &str, root: &Value, schema: &Value, depth: usize) -> String {
    match kind {
        "object" => object(root, schema, depth),
        "array" => list(root, schema, depth),
        "string" => Value::from(schema["format"].as_str().unwrap_or("text")).to_string(),
        "integer" => format!("whole number{}", bounds(schema)),
        "number" => format!("number{}", bounds(schema)),
        "boolean" => "true or false".to_owned(),
        "null" => "null".to_owned(),
        _ => ANYTHING.to_owned(),
    }
}

fn bounds(schema: &Value) -> String {
    let bound = |word: &str, says: &str| {
        schema.get(word).map(|bound| format!(" {says} {bound}")).unwrap_or_default()
    };
    bound("minimum", "from") + &bound("maximum", "to")
}

fn object(root: &Value, schema: &Value, depth: usize) -> String {
    let mut lines = Vec::new();
    for (name, member) in schema["properties"].as_object().into_iter().flatten() {
        let note = member["description"].as_str().map(|note| format!(" ({note})"));
        let member = value(root, member, depth + 1);
        lines.push(format!("{}: {member}{}", Value::from(name.as_str()), note.unwrap_or_default()));
    }
    let others = &schema["additionalProperties"];
    if others.is_object() {
        lines.push(format!("name: {}, ...", value(root, others, depth + 1)));
    }
    let margin = format!("\n{}", "  ".repeat(depth + 1));
    format!("{{{margin}{}\n{}}}", lines.join(&format!(",{margin}")), "  ".repeat(depth))
}

fn list(root: &Value, schema: &Value, depth: usize) -> String {
    if let Some(places) = schema["prefixItems"].as_array() {
        let places: Vec<_> = places.iter().map(|place| value(root, place, depth)).collect();
        return format!("[{}]", places.join(", "));
    }
    format!("[{}, ...]", value(root, &schema["items"], depth))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_type_is_told_as_a_form() {
        let schema = json!({"type": "object", "properties": {
            "name": {"type": "string", "description": "as written"},
            "mood": {"type": "string", "enum": ["good", "bad"]},
            "stars": {"type": ["integer", "null"], "minimum": 1, "maximum": 5},
            "items": {"type": "array", "items": {"type": "object", "properties": {"price": {"type": "number"}}}},
            "next": {"$ref": "#/$defs/Node"},
            "counts": {"type": "object", "additionalProperties": {"type": "boolean"}},
        }, "$defs": {"Node": {"anyOf": [{"const": 7}, {}]}}});
        let expected = r#"{
  "name": "text" (as written),
  "mood": "good" or "bad",
  "stars": whole number from 1 to 5 or null,
  "items": [{
    "price": number
  }, ...],
  "next": 7 or any JSON,
  "counts": {
    name: true or false, ...
  }
}"#;
        assert_eq!(sketch(&schema), expected);
    }

    #[test]
    fn what_holds_itself_comes_to_an_end() {
        let schema = json!({"type": "array", "items": {"$ref": "#"}});
        assert!(sketch(&schema).len() < 200);
    }
}
