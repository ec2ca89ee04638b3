//! A value made from a schema, to show its form.

use serde_json::{Map, Value, json};

use super::target;

/// How deep it goes; what holds itself ends here.
const DEEPEST: usize = 8;

/// What stands for any text.
pub(super) const EMPTY_WORD: &str = "text";

/// A value that a schema describes, as plain as it can be.
pub(super) fn example(schema: &Value) -> Value {
    value(schema, schema, 0)
}

fn value(root: &Value, schema: &Value, depth: usize) -> Value {
    let fixed = schema.get("const").or(schema["enum"].get(0));
    if let Some(fixed) = fixed {
        return fixed.clone();
    }
    if depth > DEEPEST {
        return Value::Null;
    }
    let elsewhere = schema["$ref"].as_str().and_then(|reference| target(root, reference));
    if let Some(other) = elsewhere.or_else(|| first_alternative(schema)) {
        return value(root, other, depth + 1);
    }
    match super::types(schema).into_iter().find(|kind| *kind != "null") {
        Some("object") => object(root, schema, depth),
        Some("array") => list(root, schema, depth),
        Some("integer" | "number") => number(schema),
        Some("boolean") => Value::Bool(true),
        None if schema["type"] == "null" => Value::Null,
        _ if schema.get("properties").is_some() => object(root, schema, depth),
        _ => Value::from(EMPTY_WORD),
    }
}

/// The first alternative that is more than null.
fn first_alternative(schema: &Value) -> Option<&Value> {
    let mut words = ["anyOf", "oneOf", "allOf"].iter();
    let alternatives = words.find_map(|word| schema[*word].as_array())?;
    alternatives.iter().find(|one| one["type"] != "null").or(alternatives.first())
}

fn object(root: &Value, schema: &Value, depth: usize) -> Value {
    let members = schema["properties"].as_object().into_iter().flatten();
    let mut members: Map<String, Value> =
        members.map(|(name, member)| (name.clone(), value(root, member, depth + 1))).collect();
    let others = &schema["additionalProperties"];
    if members.is_empty() && others.is_object() {
        members.insert("name".into(), value(root, others, depth + 1));
    }
    members.into()
}

fn list(root: &Value, schema: &Value, depth: usize) -> Value {
    if depth >= DEEPEST {
        return json!([]);
    }
    if let Some(places) = schema["prefixItems"].as_array() {
        return places.iter().map(|place| value(root, place, depth + 1)).collect();
    }
    let item = value(root, &schema["items"], depth + 1);
    json!([item, item]) // of two it is seen that they are a list
}

fn number(schema: &Value) -> Value {
    let above = |bound: &Value| bound.as_f64().map(|bound| json!(bound.floor() as i64 + 1));
    let least = schema.get("minimum").cloned().or(above(&schema["exclusiveMinimum"]));
    least.or(schema.get("maximum").cloned()).unwrap_or(json!(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::llm_function::schema::check;

    #[test]
    fn an_example_fits_its_schema() {
        let schema = json!({
            "type": "object", "required": ["a", "b", "c", "d", "e", "f"],
            "properties": {
                "a": {"type": "string"},
                "b": {"type": "array", "items": {"type": "integer", "minimum": 3}},
                "c": {"type": "string", "enum": ["x", "y"]},
                "d": {"anyOf": [{"type": "number", "exclusiveMinimum": 1}, {"type": "null"}]},
                "e": {"type": "array", "prefixItems": [{"type": "boolean"}, {"const": 7}]},
                "f": {"$ref": "#/$defs/Node"},
            },
            "$defs": {"Node": {"type": "object", "properties":
                {"next": {"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}]}}}},
        });
        let mut value = example(&schema);
        assert_eq!(value["b"], json!([3, 3]));
        assert_eq!(check(&schema, &mut value).problems, Vec::<String>::new());
    }
}
