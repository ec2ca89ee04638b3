//! The ways to ask for structure, and what has been learned of which a model takes.

use std::fmt;
use std::sync::Mutex;

use crate::error::{Error, ErrorKind};
use crate::lock::lock;

/// So many answers in a row without any JSON, and the next strategy is preferred.
const MOST_PROSE: u8 = 2;

/// How a model is asked for structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Strategy {
    /// `response_format` with the schema: the provider holds the model to it.
    JsonSchema,
    /// A tool by the name of `answer`, which the model must call.
    Tool,
    /// `response_format` that asks for any JSON object; its form is in the prompt.
    JsonObject,
    /// The prompt alone, with the form and an example.
    Prompt,
    /// None: plain text is asked for.
    Text,
}

/// In the order in which they are tried.
const ORDER: [Strategy; 4] =
    [Strategy::JsonSchema, Strategy::Tool, Strategy::JsonObject, Strategy::Prompt];

impl Strategy {
    /// The strategy as one lower-case word, the same in every language binding.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::JsonSchema => "json_schema",
            Self::Tool => "tool",
            Self::JsonObject => "json_object",
            Self::Prompt => "prompt",
            Self::Text => "text",
        }
    }

    /// Whether the model is shown the form of the answer, and an example.
    pub(super) fn shows_example(self) -> bool {
        matches!(self, Self::JsonObject | Self::Prompt)
    }

    /// The strategy to try where a provider refuses this one.
    fn next(self) -> Option<Self> {
        let place = ORDER.iter().position(|strategy| *strategy == self)?;
        ORDER.get(place + 1).copied()
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What has been learned of the ways in which an LLM's models can be asked for structure.
///
/// Clients keep one each, so that all functions of a client share it; an implementor of
/// [`LlmInterface`](crate::LlmInterface) may do likewise, with [`ModelInfo::learned`](crate::ModelInfo).
#[derive(Default)]
pub struct Learned(Mutex<Vec<Habits>>);

/// What has been learned of one model.
struct Habits {
    model: String,
    preferred: Strategy,
    /// Answers without any JSON in a row.
    prose: u8,
}

impl Learned {
    /// How to ask this model.
    pub(super) fn preferred(&self, model: &str) -> Strategy {
        self.habits(model, |habits| habits.preferred)
    }

    /// The provider has refused to be asked so. Returns the next way, if there is one.
    pub(super) fn refused(&self, model: &str, strategy: Strategy) -> Option<Strategy> {
        let next = strategy.next()?;
        self.habits(model, |habits| habits.move_on(strategy, next));
        Some(next)
    }

    /// An answer had no JSON in it at all.
    pub(super) fn prose(&self, model: &str, strategy: Strategy) {
        self.habits(model, |habits| {
            if habits.preferred != strategy {
                return;
            }
            habits.prose += 1;
            if let Some(next) = strategy.next().filter(|_| habits.prose >= MOST_PROSE) {
                habits.move_on(strategy, next);
            }
        });
    }

    /// An answer had the structure that was asked for.
    pub(super) fn answered(&self, model: &str, strategy: Strategy) {
        self.habits(model, |habits| {
            if habits.preferred == strategy {
                habits.prose = 0;
            }
        });
    }

    fn habits<T>(&self, model: &str, change: impl FnOnce(&mut Habits) -> T) -> T {
        let mut known = lock(&self.0);
        let place = known.iter().position(|habits| habits.model == model);
        let place = place.unwrap_or_else(|| {
            known.push(Habits { model: model.to_owned(), preferred: ORDER[0], prose: 0 });
            known.len() - 1
        });
        change(&mut known[place])
    }
}

impl Habits {
    /// Several calls may find out the same at once, and some later than others.
    fn move_on(&mut self, from: Strategy, to: Strategy) {
        if self.preferred == from {
            (self.preferred, self.prose) = (to, 0);
        }
    }
}

impl fmt::Debug for Learned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = lock(&self.0);
        f.debug_map().entries(known.iter().map(|it| (&it.model, it.preferred))).finish()
    }
}

/// Whether a provider has refused the way in which it was asked, rather than the request.
pub(super) fn is_refusal(error: &Error) -> bool {
    const NAMES: [&str; 9] = [
        "response_format",
        "response format",
        "json_schema",
        "json_object",
        "tool",
        "function",
        "grammar",
        "not supported",
        "unsupported",
    ];
    let refused = matches!(error.kind(), ErrorKind::InvalidRequest | ErrorKind::NotFound)
        || matches!(error.status(), Some(400 | 404 | 422 | 501));
    let is_other =
        matches!(error.kind(), ErrorKind::ContextLengthExceeded | ErrorKind::ContentPolicy);
    let said = format!("{} {}", error.message(), error.code().unwrap_or("")).to_lowercase();
    refused && !is_other && NAMES.iter().any(|name| said.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_is_remembered_for_its_model_alone() {
        let learned = Learned::default();
        assert_eq!(learned.refused("a", Strategy::JsonSchema), Some(Strategy::Tool));
        assert_eq!(learned.refused("a", Strategy::JsonSchema), Some(Strategy::Tool)); // a second call
        assert_eq!(learned.preferred("a"), Strategy::Tool);
        assert_eq!(learned.preferred("b"), Strategy::JsonSchema);
        assert_eq!(learned.refused("a", Strategy::Prompt), None);
        assert_eq!(learned.refused("a", Strategy::Text), None);
    }

    #[test]
    fn two_answers_of_prose_in_a_row_move_on() {
        let learned = Learned::default();
        learned.prose("m", Strategy::JsonSchema);
        learned.answered("m", Strategy::JsonSchema);
        learned.prose("m", Strategy::JsonSchema);
        assert_eq!(learned.preferred("m"), Strategy::JsonSchema);
        learned.prose("m", Strategy::JsonSchema);
        assert_eq!(learned.preferred("m"), Strategy::Tool);
        learned.prose("m", Strategy::JsonSchema); // of a call that set out earlier
        learned.prose("m", Strategy::Tool);
        assert_eq!(learned.preferred("m"), Strategy::Tool);
    }

    #[test]
    fn only_what_names_the_way_of_asking_is_a_refusal() {
        let error = |kind, status, message: &str| Error::new(kind, message).with_status(status);
        for refusal in [
            error(ErrorKind::InvalidRequest, 400, "Unknown field: response_format"),
            error(ErrorKind::InvalidRequest, 422, "'json_schema' is not one of text, json_object"),
            error(ErrorKind::NotFound, 404, "No endpoints found that support tool use"),
            error(ErrorKind::Server, 501, "This is not supported"),
        ] {
            assert!(is_refusal(&refusal), "{refusal}");
        }
        for other in [
            error(ErrorKind::InvalidRequest, 400, "temperature must be below 2"),
            error(ErrorKind::Server, 500, "the tool shed burns"),
            error(ErrorKind::RateLimited, 429, "too many tools"),
            error(ErrorKind::ContextLengthExceeded, 400, "the tools are too long"),
        ] {
            assert!(!is_refusal(&other), "{other}");
        }
    }
}
