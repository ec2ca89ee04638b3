//! The cases that are the same in every language: how answers are read, whole and in part.

use serde::Deserialize;
use serde_json::Value;

use super::answer_text::{partial, read};
use super::schema::Contract;

#[derive(Deserialize)]
struct Cases {
    parsing: Vec<Parsing>,
    partial: Vec<Partial>,
}

#[derive(Deserialize)]
struct Parsing {
    name: String,
    text: String,
    schema: Value,
    #[serde(default, deserialize_with = "some")]
    value: Option<Value>,
    errors: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Partial {
    name: String,
    text: String,
    schema: Value,
    /// After so many characters, this.
    steps: Vec<Vec<Value>>,
}

/// A value that is there, `null` included.
fn some<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(from).map(Some)
}

fn cases() -> Cases {
    serde_json::from_str(include_str!("../../tests/functions/cases.json")).unwrap()
}

#[test]
fn answers_are_read_as_the_table_says() {
    for Parsing { name, text, schema, value, errors } in cases().parsing {
        let read = read(&text, &Contract::new(&schema)).map_err(|misfit| misfit.problems);
        let expected = value.ok_or_else(|| errors.expect("a value or errors"));
        assert_eq!(read, expected, "{name}");
    }
}

#[test]
fn partial_answers_are_completed_as_the_table_says() {
    for Partial { name, text, schema, steps } in cases().partial {
        let contract = Contract::new(&schema);
        let (mut taken, mut shown) = (Vec::new(), None);
        for length in 0..=text.chars().count() {
            let so_far: String = text.chars().take(length).collect();
            let value = partial(&so_far, &contract);
            if value != shown {
                taken.push([length.into()].into_iter().chain(value.clone()).collect::<Vec<_>>());
                shown = value;
            }
        }
        assert_eq!(Value::from_iter(taken), Value::from_iter(steps), "{name}");
    }
}

#[test]
fn whatever_is_cut_anywhere_neither_panics_nor_fits_unclosed() {
    for Parsing { text, schema, .. } in cases().parsing {
        let contract = Contract::new(&schema);
        for (end, _) in text.char_indices() {
            let _ = (read(&text[..end], &contract), partial(&text[..end], &contract));
            let _ = (read(&text[end..], &contract), partial(&text[end..], &contract));
        }
    }
}

#[test]
fn deep_and_wide_texts_are_read_in_reasonable_time() {
    let contract = Contract::new(&serde_json::json!({"type": "object"}));
    for text in
        ["[".repeat(20_000), "{\"a\":".repeat(20_000), "[[]".repeat(5_000), "{a".repeat(20_000)]
    {
        assert!(read(&text, &contract).is_err());
        let _ = partial(&text, &contract);
    }
}
