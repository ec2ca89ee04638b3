//! The `provider.json` of a scenario: no key is taken in, and made-up ones are played with.

use serde_json::{Value, json};

const MADE_UP: &str = "sk-simulated-";
/// Members whose values may be secrets, too, and mean nothing to a provider that is made up.
const HIDDEN: [&str; 2] = ["headers", "query"];

/// The same without what is secret: in place of keys stands how many there are.
pub(super) fn without_keys(mut provider: Value) -> Value {
    each_entry(&mut provider, |entry| {
        if let Some(keys) = entry.get_mut("api_keys") {
            *keys = counted(keys.take());
        }
        for name in HIDDEN {
            let members = entry.get_mut(name).and_then(Value::as_object_mut);
            for value in members.into_iter().flat_map(|members| members.values_mut()) {
                if value.is_string() {
                    *value = json!("hidden");
                }
            }
        }
    });
    provider
}

/// The same with made-up keys in place of their number, as text for the library to read.
pub(super) fn with_made_up_keys(provider: &Value) -> String {
    let mut provider = provider.clone();
    each_entry(&mut provider, |entry| {
        if let Some(keys) = entry.get_mut("api_keys")
            && let Some(count) = keys.as_u64()
        {
            *keys = (0..count as usize).map(made_up).collect();
        }
    });
    provider.to_string()
}

/// Which key of the entry a header carries.
pub(super) fn key_index(header: &str) -> Option<usize> {
    let (_, number) = header.split_once(MADE_UP)?;
    number.parse::<usize>().ok()?.checked_sub(1)
}

fn made_up(index: usize) -> Value {
    Value::String(format!("{MADE_UP}{:04}", index + 1))
}

/// How many different keys a list holds. If some can't be keys the list stays, for the library to say
/// so, with made-up ones in place of the rest.
fn counted(keys: Value) -> Value {
    let Value::Array(list) = keys else { return keys };
    let is_key = |key: &Value| {
        key.as_str().is_some_and(|key| !key.trim().is_empty() && !key.contains(char::is_control))
    };
    if list.iter().all(is_key) {
        let is_first = |(at, key): &(usize, &Value)| !list[..*at].contains(key);
        return json!(list.iter().enumerate().filter(is_first).count());
    }
    let hidden =
        |(at, key): (usize, Value)| if key.is_string() && is_key(&key) { made_up(at) } else { key };
    list.into_iter().enumerate().map(hidden).collect()
}

/// Shows each entry, in both forms of the file.
fn each_entry(provider: &mut Value, mut look: impl FnMut(&mut serde_json::Map<String, Value>)) {
    let Value::Object(providers) = provider else { return };
    for models in providers.values_mut() {
        match models {
            Value::Object(models) => {
                models.values_mut().filter_map(Value::as_object_mut).for_each(&mut look);
            }
            Value::Array(models) => {
                models.iter_mut().filter_map(Value::as_object_mut).for_each(&mut look);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_is_taken_in() {
        let provider = json!({
            "a": { "m": { "api_keys": ["sk-1", "$TWO", "sk-1"], "headers": { "x-org": "secret" } } },
            "b": [{ "model_name": "m", "api_keys": ["sk-3", ""] }],
        });
        let kept = without_keys(provider);
        let expected = json!({
            "a": { "m": { "api_keys": 2, "headers": { "x-org": "hidden" } } },
            "b": [{ "model_name": "m", "api_keys": ["sk-simulated-0001", ""] }],
        });
        assert_eq!(kept, expected);
        assert!(with_made_up_keys(&kept).contains(r#"["sk-simulated-0001","sk-simulated-0002"]"#));
    }

    #[test]
    fn a_key_is_known_by_its_number() {
        assert_eq!(key_index("Bearer sk-simulated-0012"), Some(11));
        assert_eq!(key_index("application/json"), None);
    }
}
