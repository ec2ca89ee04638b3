//! `provider.schema.json` is what the library makes of its table of settings, and it agrees with
//! the parser on what a good configuration is.
#![cfg(not(target_arch = "wasm32"))]

use std::path::Path;

use lockkeeper::{parse_provider_json, provider_schema};
use serde_json::Value;

#[test]
fn the_checked_in_schema_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("provider.schema.json");
    let schema = provider_schema();
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        let text = serde_json::to_string_pretty(&schema).expect("a schema is JSON");
        std::fs::write(&path, text + "\n").expect("the schema can be written");
    }
    let checked_in = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        serde_json::from_str(&checked_in).is_ok_and(|checked_in: Value| checked_in == schema),
        "provider.schema.json is stale: run \
         `UPDATE_SCHEMA=1 cargo test --test provider_schema` and commit it"
    );
}

#[test]
fn schema_and_parser_agree() {
    let entry = |fields: &str| format!(r#"{{"openai": {{"m": {{"api_keys": ["k"]{fields}}}}}}}"#);
    let good = [
        r#"{"openai": {"gpt-4": {"api_keys": ["k"]}}}"#.to_owned(),
        r#"{"$schema": "s", "openai": [{"model_name": "m", "api_keys": ["k"]}]}"#.to_owned(),
        r#"{"ollama": {"m": {"api_keys": []}}}"#.to_owned(),
        r#"{"openai": {"m": {"api_keys": ["a", ["b", "c"], ["d"]]}}}"#.to_owned(),
        entry(r#", "base_url": "https://h/v1", "model": "x", "auth_header": "api-key""#),
        entry(r#", "max_retries": 0, "retry_delay": 0, "rate_limit_capacity": 1"#),
        entry(r#", "max_retries": 5.0, "timeout": 10000, "idle_timeout": 0.5"#),
        entry(r#", "headers": {"X-A": "b"}, "query": {"a": "b", "c": 1, "d": true}"#),
        entry(r#", "allow_http": true, "context_window": 1, "max_event_bytes": 1024"#),
        entry(r#", "skip_undecodable_events": true"#),
    ];
    let bad = [
        "{}".to_owned(),
        "[]".to_owned(),
        r#"{"$schema": "s"}"#.to_owned(),
        r#"{"openai": {}}"#.to_owned(),
        r#"{"openai": []}"#.to_owned(),
        r#"{"openai": 5}"#.to_owned(),
        r#"{"": {"m": {"api_keys": ["k"]}}}"#.to_owned(),
        r#"{"openai": {"": {"api_keys": ["k"]}}}"#.to_owned(),
        r#"{"openai": {"m": {}}}"#.to_owned(),
        r#"{"openai": {"m": {"api_keys": "k"}}}"#.to_owned(),
        r#"{"openai": {"m": {"api_keys": [""]}}}"#.to_owned(),
        r#"{"openai": {"m": {"api_keys": [1]}}}"#.to_owned(),
        r#"{"openai": {"m": {"api_keys": ["a", []]}}}"#.to_owned(),
        r#"{"openai": {"m": {"api_keys": [["a", ["b"]]]}}}"#.to_owned(),
        r#"{"openai": [{"api_keys": ["k"]}]}"#.to_owned(),
        r#"{"openai": [{"model_name": "", "api_keys": ["k"]}]}"#.to_owned(),
        entry(r#", "model_name": "m""#),
        entry(r#", "temperature": 1"#),
        entry(r#", "base_url": """#),
        entry(r#", "max_retries": "5""#),
        entry(r#", "max_retries": 5.5"#),
        entry(r#", "max_retries": -1"#),
        entry(r#", "max_retries": 101"#),
        entry(r#", "retry_delay": -1"#),
        entry(r#", "retry_delay": 10001"#),
        entry(r#", "timeout": 0"#),
        entry(r#", "rate_limit_capacity": 0"#),
        entry(r#", "rate_limit_refill_rate": 0"#),
        entry(r#", "headers": {"X-A": 1}"#),
        entry(r#", "query": {"a": null}"#),
        entry(r#", "allow_http": 1"#),
        entry(r#", "skip_undecodable_events": "yes""#),
        entry(r#", "context_window": 0"#),
        entry(r#", "max_event_bytes": 1"#),
    ];
    let schema = provider_schema();
    for (texts, fine) in [(&good[..], true), (&bad[..], false)] {
        for text in texts {
            let value: Value = serde_json::from_str(text).expect("the samples are JSON");
            assert_eq!(accepts(&schema, &schema, &value), fine, "schema: {text}");
            let parsed = parse_provider_json(text, &|_| None);
            assert_eq!(parsed.is_ok(), fine, "parser: {text}: {parsed:?}");
        }
    }
}

/// Whether `value` fits `schema`: as much of JSON Schema as `provider.schema.json` uses. A keyword
/// that is not known here fails the test, so that none goes unchecked.
fn accepts(root: &Value, schema: &Value, value: &Value) -> bool {
    let fits = |schema: &Value, value: &Value| accepts(root, schema, value);
    let keywords = schema.as_object().expect("a schema is an object");
    keywords.iter().all(|(keyword, argument)| match keyword.as_str() {
        "$schema" | "$defs" | "title" | "description" | "default" | "then" | "else" => true,
        "$ref" => {
            let pointer = argument.as_str().and_then(|reference| reference.strip_prefix('#'));
            let target = pointer.and_then(|pointer| root.pointer(pointer));
            fits(target.expect("a reference leads somewhere"), value)
        }
        "anyOf" => argument.as_array().is_some_and(|any| any.iter().any(|one| fits(one, value))),
        "if" => fits(&schema[if fits(argument, value) { "then" } else { "else" }], value),
        "type" => match argument {
            Value::Array(types) => types.iter().any(|one| is_type(one, value)),
            one => is_type(one, value),
        },
        "items" => value.as_array().is_none_or(|items| items.iter().all(|one| fits(argument, one))),
        "properties" | "additionalProperties" | "propertyNames" | "required" | "minProperties" => {
            value.as_object().is_none_or(|_| object_accepts(root, schema, keyword, value))
        }
        "minItems" => value.as_array().is_none_or(|items| items.len() as u64 >= whole(argument)),
        "minLength" => value.as_str().is_none_or(|text| text.len() as u64 >= whole(argument)),
        "minimum" => value.as_f64().is_none_or(|number| number >= whole(argument) as f64),
        "exclusiveMinimum" => value.as_f64().is_none_or(|number| number > whole(argument) as f64),
        "maximum" => value.as_f64().is_none_or(|number| number <= whole(argument) as f64),
        unknown => panic!("teach this test the keyword {unknown}"),
    })
}

fn object_accepts(root: &Value, schema: &Value, keyword: &str, value: &Value) -> bool {
    let Some(object) = value.as_object() else { return true };
    let argument = &schema[keyword];
    let properties = schema.get("properties").unwrap_or(&Value::Null);
    match keyword {
        "properties" => object.iter().all(|(name, value)| {
            properties.get(name).is_none_or(|schema| accepts(root, schema, value))
        }),
        "additionalProperties" => object.iter().all(|(name, value)| match argument {
            _ if properties.get(name).is_some() => true,
            Value::Bool(allowed) => *allowed,
            schema => accepts(root, schema, value),
        }),
        "propertyNames" => {
            object.keys().all(|name| accepts(root, argument, &Value::from(name.as_str())))
        }
        "required" => argument.as_array().is_some_and(|names| {
            names.iter().all(|name| name.as_str().is_some_and(|name| object.contains_key(name)))
        }),
        _ => object.len() as u64 >= whole(argument),
    }
}

fn is_type(name: &Value, value: &Value) -> bool {
    match name.as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("number") => value.is_number(),
        Some("integer") => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        other => panic!("teach this test the type {other:?}"),
    }
}

fn whole(argument: &Value) -> u64 {
    argument.as_u64().expect("a whole bound")
}
