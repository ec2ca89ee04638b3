//! The cases that are the same in every language: how answers are read, whole and in part.

use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer_text::{partial, plain_text, read};
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

/// Any JSON value.
fn any_value() -> impl Strategy<Value = Value> {
    let text = || "[a-z\"'\\\\/{}\\[\\],:#é😀\n ]{0,6}";
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e9..1e9f64).prop_map(|float| json!((float * 8.0).round() / 8.0 + 0.0625)),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(text(), inner, 0..4)
                .prop_map(|members| members.into_iter().collect()),
        ]
    })
}

/// Whether what was shown is true of the whole: texts, lists and objects may have grown, nothing has changed.
fn may_become(shown: &Value, whole: &Value) -> bool {
    match (shown, whole) {
        (Value::String(shown), Value::String(whole)) => whole.starts_with(shown),
        (Value::Array(shown), Value::Array(whole)) => {
            shown.len() <= whole.len()
                && shown.iter().zip(whole).all(|(one, other)| may_become(one, other))
        }
        (Value::Object(shown), Value::Object(whole)) => shown
            .iter()
            .all(|(name, value)| whole.get(name).is_some_and(|whole| may_become(value, whole))),
        (shown, whole) => shown == whole,
    }
}

proptest! {
    #[test]
    fn what_is_shown_of_an_answer_is_never_taken_back(value in any_value(), pretty: bool) {
        let contract = Contract::new(&json!({"type": "object"}));
        let whole = json!({"a": value});
        let text = if pretty { format!("{whole:#}") } else { whole.to_string() };
        prop_assert_eq!(read(&text, &contract), Ok(whole.clone()));
        let mut last = json!({});
        for (end, _) in text.char_indices().skip(1) {
            let shown = partial(&text[..end], &contract);
            prop_assert!(shown.is_some(), "{}", &text[..end]);
            let shown = shown.unwrap_or_default();
            prop_assert!(may_become(&last, &shown) && may_become(&shown, &whole), "{}", &text[..end]);
            last = shown;
        }
    }

    #[test]
    fn any_text_at_all_is_read_without_harm(text in "[ -~]{0,60}|([{}\\[\\]\"',:/#0-9eE.+tfnTFN -]|null|\\\\u|<think>|</think>){0,40}") {
        let contract = Contract::new(&json!({"type": "array", "items": {"type": "integer"}}));
        let _ = (read(&text, &contract), partial(&text, &contract));
        let _ = plain_text(&text);
    }
}
