//! JSON: the reader without types takes what serde takes, and means the same.

use serde_json::Value as Serde;
use serde_json::value::RawValue;

use crate::core::json::Json;

/// Checks that both readers agree on a text.
pub fn agrees_with_serde(text: &[u8]) {
    let by_serde = serde_json::from_slice::<Serde>(text);
    match Json::read(text) {
        Ok(json) => {
            // Which numbers it can hold is serde's affair: it must see the same grammar.
            assert!(serde_json::from_slice::<&RawValue>(text).is_ok(), "reads what is no JSON");
            if let Ok(expected) = by_serde {
                let written = json.to_string();
                assert_eq!(
                    serde_json::from_str::<Serde>(&written).expect("what was written is JSON"),
                    expected,
                    "{written}"
                );
            }
        }
        Err(wrong) => {
            let deep = wrong.message.contains("too deep");
            assert!(by_serde.is_err() || deep, "does not read JSON: {wrong:?}");
            let lines = text.iter().filter(|byte| **byte == b'\n').count() + 1;
            assert!((1..=lines).contains(&wrong.line) && wrong.column >= 1, "{wrong:?}");
        }
    }
}
