//! What is wrong with a value, in words for the model.

use serde_json::Value;

/// Texts are shown up to this many characters.
const SHOWN: usize = 40;

/// A value as an error shows it.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        Value::String(text) if text.chars().count() > SHOWN => {
            let beginning: String = text.chars().take(SHOWN).chain(['…']).collect();
            Value::from(beginning).to_string()
        }
        other => other.to_string(),
    }
}

/// The types that were expected.
pub(super) fn any_of(types: &[&str]) -> String {
    let words = |kind: &&str| match *kind {
        "integer" => "an integer",
        "number" => "a number",
        "string" => "a string",
        "boolean" => "true or false",
        "array" => "a list",
        "object" => "an object",
        _ => "null",
    };
    types.iter().map(words).collect::<Vec<_>>().join(" or ")
}

/// The values that were expected.
pub(super) fn one_of(options: &[Value]) -> String {
    let options: Vec<_> = options.iter().map(Value::to_string).collect();
    let of_several = if options.len() == 1 { "" } else { "one of " };
    format!("{of_several}{}", options.join(", "))
}

/// A number of things.
pub(super) fn count(count: u64, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

/// The path to a member.
pub(super) fn member_path(path: &str, name: &str) -> String {
    let is_plain = |char: char| char.is_ascii_alphanumeric() || char == '_';
    let plain =
        !name.is_empty() && name.chars().all(is_plain) && !name.starts_with(char::is_numeric);
    if plain { format!("{path}.{name}") } else { format!("{path}[{}]", Value::from(name)) }
}
