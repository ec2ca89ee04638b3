//! What a function says to the model. Small models disobey long prompts: each sentence here earns its place.

use serde_json::{Map, Value};

use super::schema::Contract;
use super::strategy::Strategy;
use crate::chat::Message;

/// So many errors are shown at once; more only confuse.
const MOST_PROBLEMS: usize = 20;

/// The name of the tool that takes the answer.
pub(super) const ANSWER: &str = "answer";

/// The instruction with its `{argument}`s filled in; `{{` and `}}` are braces.
///
/// # Errors
/// The name of a template that is no argument.
pub(super) fn fill(instruction: &str, arguments: &Map<String, Value>) -> Result<String, String> {
    let mut filled = String::new();
    let mut rest = instruction;
    while let Some(place) = rest.find(['{', '}']) {
        let (before, from) = rest.split_at(place);
        filled.push_str(before);
        if from.starts_with("{{") || from.starts_with("}}") {
            filled.push_str(&from[..1]);
            rest = &from[2..];
        } else if let Some((name, behind)) = template(from) {
            let value = arguments.get(name).ok_or_else(|| name.to_owned())?;
            filled.push_str(&as_text(value));
            rest = behind;
        } else {
            filled.push_str(&from[..1]);
            rest = &from[1..];
        }
    }
    filled.push_str(rest);
    Ok(filled)
}

/// The name in the braces that a text begins with, and what is behind; none for other braces, such as JSON's.
fn template(text: &str) -> Option<(&str, &str)> {
    let (name, behind) = text.strip_prefix('{')?.split_once('}')?;
    let is_name = |char: char| char.is_alphanumeric() || char == '_';
    let is_one = name.chars().all(is_name) && !name.starts_with(|char: char| char.is_numeric());
    (is_one && !name.is_empty()).then_some((name, behind))
}

/// A value as it stands in a prompt.
pub(super) fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The instruction, and how to answer where the server sees to the form; it `has_tools` that may be called
/// before.
pub(super) fn system(
    instruction: &str,
    contract: &Contract,
    strategy: Strategy,
    has_tools: bool,
) -> Message {
    let manner = match strategy {
        Strategy::JsonSchema => "Answer with JSON only.".to_owned(),
        Strategy::Tool if has_tools => format!(
            "Use the tools that you need. Then give your answer by calling `{ANSWER}`, or as {}",
            contract.form()
        ),
        Strategy::Tool => format!("Give your answer by calling `{ANSWER}`."),
        Strategy::JsonObject | Strategy::Prompt | Strategy::Text => {
            return Message::system(instruction);
        }
    };
    Message::system(format!("{instruction}\n\n{manner}"))
}

/// The form of the answer, where nothing but words can say it. It goes to the end of what the user says:
/// small models obey best what they have read last.
pub(super) fn form(contract: &Contract, strategy: Strategy) -> Option<String> {
    strategy.shows_example().then(|| format!("\n\nAnswer with {}", contract.form()))
}

/// The arguments.
pub(super) fn user(arguments: &Map<String, Value>) -> Message {
    let only = arguments.iter().next().filter(|_| arguments.len() == 1);
    Message::user(match only {
        None if arguments.is_empty() => "Answer now.".to_owned(),
        Some((name, Value::String(text))) => format!("{name}:\n{text}"),
        _ => Value::Object(arguments.clone()).to_string(),
    })
}

/// Asks for a correction.
pub(super) fn repair(problems: &[String], contract: &Contract) -> Message {
    let shown = problems.iter().take(MOST_PROBLEMS);
    let problems: Vec<_> = shown.map(|problem| format!("- {problem}\n")).collect();
    let wish = match contract.is_text {
        true => "Answer again.".to_owned(),
        false => format!("Answer again with the corrected {}", contract.form()),
    };
    Message::user(format!("That answer is wrong:\n{}{wish}", problems.concat()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn arguments(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn templates_are_filled_in() {
        let given = arguments(json!({"n": 3, "words": ["a"], "text": "x {n}"}));
        let fill = |text| fill(text, &given);
        assert_eq!(fill("{n} of {words}: {text}"), Ok("3 of [\"a\"]: x {n}".to_owned()));
        assert_eq!(fill("{{n}} {\"a\": 1} {} { n } }"), Ok("{n} {\"a\": 1} {} { n } }".to_owned()));
        assert_eq!(fill("{m}"), Err("m".to_owned()));
    }

    #[test]
    fn one_text_goes_under_its_name() {
        let said = |value| user(&arguments(value)).text().into_owned();
        assert_eq!(said(json!({"text": "Hello"})), "text:\nHello");
        assert_eq!(said(json!({"n": 1})), r#"{"n":1}"#);
        assert_eq!(said(json!({"a": "b", "n": 1})), r#"{"a":"b","n":1}"#);
        assert_eq!(said(json!({})), "Answer now.");
    }
}
