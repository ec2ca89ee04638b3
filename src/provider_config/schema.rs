//! The JSON Schema of `provider.json`, for editors: made from the table of settings.

use serde_json::{Map, Value, json};

use super::number_range::NumberRange;
use super::read_entry::MODEL_NAME;
use super::setting::{Setting, Shape};
use crate::core::time::LONGEST_SECONDS;

/// The JSON Schema (draft 2020-12) of `provider.json`, both forms, as in the repository's
/// `provider.schema.json`.
///
/// ```
/// let schema = lockkeeper::provider_schema();
/// assert_eq!(schema["$defs"]["max_retries"]["default"], 5);
/// ```
#[must_use]
pub fn provider_schema() -> Value {
    let mut definitions: Map<String, Value> = Setting::all()
        .map(|setting| (setting.name().to_owned(), setting_schema(setting)))
        .collect();
    definitions.insert("settings".to_owned(), entry_schema(false));
    definitions.insert("listed_settings".to_owned(), entry_schema(true));
    definitions.insert("provider".to_owned(), provider());
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "provider.json",
        "description": "The models of LLM providers, by the provider's name: keys, addresses and limits. All durations are in seconds.",
        "type": "object",
        "properties": { "$schema": { "type": "string" } },
        "propertyNames": { "minLength": 1 },
        "additionalProperties": { "$ref": "#/$defs/provider" },
        "if": { "required": ["$schema"] },
        "then": { "minProperties": 2 },
        "else": { "minProperties": 1 },
        "$defs": definitions,
    })
}

fn provider() -> Value {
    json!({
        "description": "The models of one provider: an object by the model's name, or a list.",
        "anyOf": [
            {
                "type": "object",
                "minProperties": 1,
                "propertyNames": { "minLength": 1 },
                "additionalProperties": { "$ref": "#/$defs/settings" },
            },
            {
                "type": "array",
                "minItems": 1,
                "items": { "$ref": "#/$defs/listed_settings" },
            },
        ],
    })
}

fn entry_schema(in_list: bool) -> Value {
    let mut properties: Map<String, Value> = Setting::all()
        .map(|setting| {
            let reference = format!("#/$defs/{}", setting.name());
            (setting.name().to_owned(), json!({ "$ref": reference }))
        })
        .collect();
    let mut required = vec![Setting::ApiKeys.name()];
    if in_list {
        let name = json!({
            "type": "string",
            "minLength": 1,
            "description": "The entry's name, unique within the provider.",
        });
        properties.insert(MODEL_NAME.to_owned(), name);
        required.push(MODEL_NAME);
    }
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn setting_schema(setting: Setting) -> Value {
    let mut schema = shape_schema(*setting.shape());
    let default = match setting.shape() {
        Shape::Flag => Some(Value::from(false)),
        _ => setting.default_number().map(json_number),
    };
    let mut description = setting.doc().to_owned();
    if let Some(default) = default {
        description.push_str(&format!(" Default: {default}."));
        schema["default"] = default;
    }
    schema["description"] = Value::from(description);
    schema
}

fn shape_schema(shape: Shape) -> Value {
    match shape {
        Shape::Entries => json!({
            "type": "array",
            "uniqueItems": true,
            "items": { "type": "string", "pattern": "./." },
        }),
        Shape::Keys => {
            let key = json!({ "type": "string", "minLength": 1 });
            let account = json!({ "type": "array", "minItems": 1, "items": key });
            json!({ "type": "array", "items": { "anyOf": [key, account] } })
        }
        Shape::Text => json!({ "type": "string", "minLength": 1 }),
        Shape::OneOf(texts) => json!({ "enum": texts }),
        Shape::Number(range) => number_schema(range),
        Shape::Headers => {
            json!({ "type": "object", "additionalProperties": { "type": "string" } })
        }
        Shape::Query => json!({
            "type": "object",
            "propertyNames": { "minLength": 1 },
            "additionalProperties": { "type": ["string", "number", "boolean"] },
        }),
        Shape::Flag => json!({ "type": "boolean" }),
    }
}

fn number_schema(range: NumberRange) -> Value {
    let mut schema = json!({ "type": if range.whole { "integer" } else { "number" } });
    let least = if range.least_included { "minimum" } else { "exclusiveMinimum" };
    schema[least] = json_number(range.least);
    if let Some(most) = range.most.or(range.seconds.then_some(LONGEST_SECONDS)) {
        schema["maximum"] = json_number(most);
    }
    schema
}

/// Whole numbers without a fraction, as people write them.
fn json_number(number: f64) -> Value {
    if number.fract() == 0.0 { Value::from(number as u64) } else { Value::from(number) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn settings_say_their_range_unit_and_default() {
        let schema = provider_schema();
        let delay = &schema["$defs"]["retry_delay"];
        assert_eq!(delay["minimum"], 0);
        assert_eq!(delay["maximum"], 10_000);
        assert_eq!(delay["default"], 1);
        let description = delay["description"].as_str().unwrap();
        assert!(description.contains("in seconds") && description.ends_with("Default: 1."));
        assert_eq!(schema["$defs"]["rate_limit_refill_rate"]["exclusiveMinimum"], 0);
        assert_eq!(schema["$defs"]["context_window"].get("default"), None);
    }

    #[test]
    fn both_forms_have_every_setting_and_no_other() {
        let schema = provider_schema();
        for (form, extra) in [("settings", 0), ("listed_settings", 1)] {
            let entry = &schema["$defs"][form];
            let properties = entry["properties"].as_object().unwrap();
            assert_eq!(properties.len(), Setting::all().count() + extra);
            assert_eq!(entry["additionalProperties"], false);
            assert!(Setting::all().all(|setting| properties.contains_key(setting.name())));
        }
    }
}
