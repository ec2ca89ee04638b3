//! Which faults wait for which requests.

use std::collections::VecDeque;

use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::fault::Fault;
use crate::fault_names::fault_for_model;

/// Faults in a row, for all requests or for some of them.
///
/// In JSON a fault may also be a word as in a model's name: `{"faults": ["503", "cut-2", "none"]}`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Script {
    /// The faults, in the order in which they strike.
    #[serde(deserialize_with = "faults")]
    pub faults: VecDeque<Fault>,
    /// Strike only requests for this model. Default: for any.
    pub model: Option<String>,
    /// Strike only requests with this key. Default: with any, or none.
    pub key: Option<String>,
    /// Whether the last fault strikes again and again.
    pub for_ever: bool,
}

impl Script {
    /// Takes out the fault for a request, if the script is about it and not played out.
    pub fn take(&mut self, model: &str, key: Option<&str>) -> Option<Fault> {
        let is_about = |wanted: &Option<String>, it| wanted.is_none() || wanted.as_deref() == it;
        if !is_about(&self.model, Some(model)) || !is_about(&self.key, key) {
            return None;
        }
        match (self.faults.len(), self.for_ever) {
            (1, true) => self.faults.front().cloned(),
            _ => self.faults.pop_front(),
        }
    }
}

/// The scripts that wait, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Scripts(Vec<Script>);

impl Scripts {
    /// Queues a script behind the others.
    pub(crate) fn push(&mut self, script: Script) {
        self.0.push(script);
    }

    /// How many faults wait; one that strikes for ever is one.
    pub(crate) fn len(&self) -> usize {
        self.0.iter().map(|script| script.faults.len()).sum()
    }

    /// Takes the next fault for a request out of the first script that has one.
    pub(crate) fn next(&mut self, model: &str, key: Option<&str>) -> Option<Fault> {
        let fault = self.0.iter_mut().find_map(|script| script.take(model, key));
        self.0.retain(|script| !script.faults.is_empty());
        fault
    }
}

/// Objects, or words as in a model's name.
fn faults<'de, D: Deserializer<'de>>(from: D) -> Result<VecDeque<Fault>, D::Error> {
    let read = |value: Value| match value.as_str() {
        Some("none") => Ok(Fault::None),
        Some(name) => {
            let model = format!("fault-{}", name.trim_start_matches("fault-"));
            fault_for_model(&model, 1)
                .ok_or_else(|| D::Error::custom(format!("there is no fault '{name}'")))
        }
        None => Fault::deserialize(value).map_err(D::Error::custom),
    };
    Vec::<Value>::deserialize(from)?.into_iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(json: Value) -> Script {
        serde_json::from_value(json).expect("a script")
    }

    #[test]
    fn scripts_strike_those_they_are_about() {
        let mut scripts = Scripts::default();
        scripts.push(script(serde_json::json!({"faults": ["503"], "model": "a"})));
        scripts.push(script(serde_json::json!({"faults": ["401"], "key": "k", "for_ever": true})));
        scripts.push(script(serde_json::json!({"faults": ["reset", {"kind": "silence"}]})));
        assert_eq!(scripts.len(), 4);
        assert_eq!(scripts.next("b", None), Some(Fault::Reset));
        assert_eq!(scripts.next("a", Some("k")), Some(Fault::status(503)));
        assert_eq!(scripts.next("a", Some("k")), Some(Fault::status(401)));
        assert_eq!(scripts.next("a", Some("k")), Some(Fault::status(401)));
        assert_eq!(scripts.next("a", Some("l")), Some(Fault::Silence));
        assert_eq!(scripts.next("a", Some("l")), None);
        assert_eq!(scripts.len(), 1, "the one for ever");
    }

    #[test]
    fn a_misspelt_fault_is_an_error() {
        for json in [r#"{"faults": ["typo"]}"#, r#"{"fault": []}"#, r#"{"faults": [7]}"#] {
            assert!(serde_json::from_str::<Script>(json).is_err(), "{json}");
        }
    }
}
