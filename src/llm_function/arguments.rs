//! The arguments of a call, by their names.

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value};

use super::error::LlmFunctionError;

/// The arguments of a call, by their names and in their order: what the attribute `#[llm_function]` makes
/// of a function's parameters.
///
/// ```
/// use lockkeeper::Arguments;
///
/// let arguments = Arguments::new().with("text", "Hello").with("max_words", &3);
/// assert_eq!(serde_json::to_string(&arguments)?, r#"{"text":"Hello","max_words":3}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Arguments {
    values: Map<String, Value>,
    /// Why one of them can't be sent.
    problem: Option<String>,
}

impl Arguments {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// These, and one more.
    #[must_use]
    pub fn with<T: Serialize + ?Sized>(mut self, name: &str, value: &T) -> Self {
        match serde_json::to_value(value) {
            Ok(value) => {
                self.values.insert(name.to_owned(), value);
            }
            Err(error) => self.problem = Some(format!("the argument `{name}`: {error}")),
        }
        self
    }
}

impl Serialize for Arguments {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        if let Some(problem) = &self.problem {
            return Err(serde::ser::Error::custom(problem));
        }
        let mut map = to.serialize_map(Some(self.values.len()))?;
        for (name, value) in &self.values {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// The input of a call as arguments; one that has no names of its own is called `input`.
pub(super) fn by_name<In: Serialize>(input: &In) -> Result<Map<String, Value>, LlmFunctionError> {
    match serde_json::to_value(input) {
        Ok(Value::Object(arguments)) => Ok(arguments),
        Ok(Value::Null) => Ok(Map::new()),
        Ok(other) => Ok(Map::from_iter([("input".to_owned(), other)])),
        Err(error) => Err(LlmFunctionError::config(format!("the input can't be sent: {error}"))),
    }
}
