//! The fields of an object that its type does not know, and how those of many chunks become those of
//! one answer.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, LazyLock};

use serde_json::{Map, Value};

/// The fields of a JSON object that its type does not know, by their names: a [`Map`], but cheap to
/// copy. The chunks of a stream mostly have the same ones, and share them.
#[derive(Clone, Default)]
pub struct Extra(Option<Arc<Map<String, Value>>>);

static NONE: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);

impl Extra {
    fn is_same(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (one, other) => one.is_none() && other.is_none(),
        }
    }

    /// Whether it has pieces of lists, of which the same twice is twice as much.
    fn has_pieces(&self) -> bool {
        self.iter().any(|(key, value)| grows(key) && !value.is_null())
    }

    /// Folds in the unknown fields of a later chunk: the last value wins, but `null` tells nothing,
    /// and the lists that providers send in pieces grow.
    pub(super) fn merge(&mut self, later: &Self) {
        if later.0.is_none() || self.is_same(later) {
            return;
        }
        // To be the same as the next, if that is the same as this.
        if !later.has_pieces() && (self.0.is_none() || **self == **later) {
            *self = later.clone();
            return;
        }
        for (key, value) in later.iter() {
            match self.get(key) {
                None => {
                    self.insert(key.clone(), value.clone());
                }
                // Most fields are the same in every chunk: to compare is cheaper than to copy.
                Some(known) if value.is_null() || (known == value && !grows(key)) => {}
                Some(_) => merge_field(key, &mut self[key.as_str()], value),
            }
        }
    }
}

impl Deref for Extra {
    type Target = Map<String, Value>;

    fn deref(&self) -> &Map<String, Value> {
        self.0.as_deref().unwrap_or(&NONE)
    }
}

impl DerefMut for Extra {
    fn deref_mut(&mut self) -> &mut Map<String, Value> {
        Arc::make_mut(self.0.get_or_insert_default())
    }
}

impl From<Map<String, Value>> for Extra {
    fn from(fields: Map<String, Value>) -> Self {
        Self((!fields.is_empty()).then(|| Arc::new(fields)))
    }
}

impl PartialEq for Extra {
    fn eq(&self, other: &Self) -> bool {
        self.is_same(other) || **self == **other
    }
}

impl fmt::Debug for Extra {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// Whether a field comes in pieces.
fn grows(key: &str) -> bool {
    key == "reasoning_details"
}

fn merge_field(key: &str, known: &mut Value, later: &Value) {
    match (&mut *known, later) {
        (Value::Array(known), Value::Array(later)) if grows(key) => {
            known.extend_from_slice(later);
        }
        (known, later) => *known = later.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn merged(values: &[Value]) -> Value {
        let mut all = Extra::default();
        for value in values {
            all.merge(&value.as_object().unwrap().clone().into());
        }
        Value::Object((*all).clone())
    }

    #[test]
    fn the_last_value_wins_but_null_does_not() {
        let chunks = [json!({"a": 1, "b": null}), json!({"a": 2, "b": 3}), json!({"a": null})];
        assert_eq!(merged(&chunks), json!({"a": 2, "b": 3}));
    }

    #[test]
    fn lists_that_come_in_pieces_grow() {
        let chunks = [
            json!({"a": [1], "reasoning_details": [1]}),
            json!({"a": [2], "reasoning_details": [2]}),
            json!({"reasoning_details": [2]}),
            json!({"reasoning_details": null}),
        ];
        assert_eq!(merged(&chunks), json!({"a": [2], "reasoning_details": [1, 2, 2]}));
    }
}
