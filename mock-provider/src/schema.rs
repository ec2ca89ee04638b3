//! Sample values that fit a JSON schema, as far as its plain words go.

use serde_json::{Map, Value, json};

/// How deep a value may nest; recursive schemas end here.
const DEEPEST: usize = 12;
/// How many values one sample may hold; schemas that branch at every level end here.
const MOST_VALUES: usize = 2000;

/// A value for `schema`, with `text` wherever a free string is wanted.
pub(crate) fn sample(schema: &Value, text: &str) -> Value {
    Sampler { root: schema, text, left: MOST_VALUES }.value(schema, 0)
}

struct Sampler<'a> {
    root: &'a Value,
    text: &'a str,
    left: usize,
}

impl<'a> Sampler<'a> {
    fn value(&mut self, schema: &'a Value, depth: usize) -> Value {
        if depth > DEEPEST || self.left == 0 {
            return Value::Null;
        }
        self.left -= 1;
        if let Some(fixed) = fixed_value(schema) {
            return fixed;
        }
        if let Some(other) = self.points_elsewhere(schema) {
            return self.value(other, depth + 1);
        }
        match kind(schema) {
            "object" => self.object(schema, depth),
            "array" => self.array(schema, depth),
            "integer" => json!(number(schema, 1.0).ceil() as i64),
            "number" => json!(number(schema, 1.5)),
            "boolean" => json!(true),
            "null" => Value::Null,
            _ => json!(self.string(schema)),
        }
    }

    /// The schema that stands for this one: a `$ref`'s target, or the first alternative.
    fn points_elsewhere(&self, schema: &'a Value) -> Option<&'a Value> {
        if let Some(reference) = schema["$ref"].as_str() {
            return self.root.pointer(reference.strip_prefix('#')?);
        }
        ["anyOf", "oneOf", "allOf"].iter().find_map(|word| schema[*word].get(0))
    }

    /// All required properties; if none is required, all there are.
    fn object(&mut self, schema: &'a Value, depth: usize) -> Value {
        let required: Vec<_> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let mut object = Map::new();
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            if required.is_empty() || required.contains(&name.as_str()) {
                object.insert(name.clone(), self.value(property, depth + 1));
            }
        }
        for name in required {
            object.entry(name).or_insert_with(|| json!(self.text));
        }
        Value::Object(object)
    }

    fn array(&mut self, schema: &'a Value, depth: usize) -> Value {
        let least = schema["minItems"].as_u64().unwrap_or(1).clamp(1, 100);
        (0..least).map(|_| self.value(&schema["items"], depth + 1)).collect()
    }

    fn string(&self, schema: &Value) -> String {
        let text = match schema["format"].as_str() {
            Some("date") => "2024-05-17",
            Some("date-time") => "2024-05-17T12:00:00Z",
            Some("time") => "12:00:00Z",
            Some("email") => "someone@example.com",
            Some("uri") => "https://example.com/",
            Some("uuid") => "00000000-0000-4000-8000-000000000000",
            _ => self.text,
        };
        let most = schema["maxLength"].as_u64().and_then(|most| usize::try_from(most).ok());
        text.chars().take(most.unwrap_or(usize::MAX)).collect()
    }
}

fn fixed_value(schema: &Value) -> Option<Value> {
    let listed = |word: &str| schema[word].get(0);
    let found = schema.get("const").or(schema.get("default")).or(listed("enum"));
    found.or(listed("examples")).cloned()
}

fn kind(schema: &Value) -> &str {
    let named = match &schema["type"] {
        Value::Array(kinds) => kinds.first().and_then(Value::as_str),
        kind => kind.as_str(),
    };
    named.unwrap_or(if schema["properties"].is_object() { "object" } else { "string" })
}

fn number(schema: &Value, usual: f64) -> f64 {
    let least = schema["minimum"].as_f64();
    let above = schema["exclusiveMinimum"].as_f64().map(|bound| bound + 1.0);
    let number = usual.max(least.or(above).unwrap_or(usual));
    schema["maximum"].as_f64().map_or(number, |most| number.min(most))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_hold_what_is_required() {
        let schema = json!({
            "type": "object",
            "properties": {
                "city": {"type": "string"},
                "days": {"type": "integer", "minimum": 3},
                "unit": {"enum": ["celsius", "fahrenheit"]},
                "note": {"type": "string"},
            },
            "required": ["city", "days", "unit"],
        });
        let expected = json!({"city": "Paris", "days": 3, "unit": "celsius"});
        assert_eq!(sample(&schema, "Paris"), expected);
    }

    #[test]
    fn recursive_schemas_end() {
        let branch = json!({"$ref": "#"});
        let schema = json!({
            "type": "object",
            "properties": {"a": branch, "b": branch, "c": branch},
            "required": ["a", "b", "c"],
        });
        assert!(sample(&schema, "x").to_string().len() < 100_000);
    }
}
