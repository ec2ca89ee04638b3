//! What a message says: a text, or a list of texts, images and whatever else a provider takes.

use std::borrow::Cow;

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use serde_json::{Value, json};

/// What a message says: a text, or a list of parts.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Content {
    /// A plain text.
    Text(String),
    /// Texts, images and whatever else a provider takes.
    Parts(Vec<ContentPart>),
}

impl Content {
    /// The text, that of all text parts joined.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Text(text) => Cow::Borrowed(text),
            Self::Parts(parts) => joined(parts.iter().filter_map(ContentPart::as_text)),
        }
    }

    /// The model's thinking, where it comes as parts of the content (Mistral).
    pub(super) fn thinking(&self) -> Cow<'_, str> {
        match self {
            Self::Text(_) => Cow::Borrowed(""),
            Self::Parts(parts) => joined(parts.iter().flat_map(ContentPart::thinking)),
        }
    }

    /// True where there is neither a text nor a part.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Text(text) => text.is_empty(),
            Self::Parts(parts) => parts.iter().all(|part| part.as_text() == Some("")),
        }
    }
}

/// The texts as one, without a copy where there is only one.
fn joined<'a>(mut texts: impl Iterator<Item = &'a str>) -> Cow<'a, str> {
    let first = texts.next().unwrap_or_default();
    texts.fold(Cow::Borrowed(first), |all, next| all + next)
}

impl From<&str> for Content {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<&String> for Content {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

impl From<String> for Content {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl Serialize for Content {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => to.serialize_str(text),
            Self::Parts(parts) => parts.serialize(to),
        }
    }
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct ContentVisitor;

        impl<'de> Visitor<'de> for ContentVisitor {
            type Value = Content;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a text or a list of parts")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Content, E> {
                Ok(Content::Text(text.to_owned()))
            }

            fn visit_string<E: Error>(self, text: String) -> Result<Content, E> {
                Ok(Content::Text(text))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Content, A::Error> {
                let mut parts = Vec::new();
                while let Some(part) = seq.next_element::<Value>()? {
                    parts.push(ContentPart::from(part));
                }
                Ok(Content::Parts(parts))
            }
        }

        from.deserialize_any(ContentVisitor)
    }
}

/// One part of a message's content.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ContentPart {
    /// A text.
    Text(String),
    /// An image.
    ImageUrl {
        /// Where it is, or the image itself as a `data:` URL.
        url: String,
        /// How closely the model should look: `low`, `high` or `auto`. Default: the provider's.
        detail: Option<String>,
    },
    /// Any other part (audio, files, thinking, a text with `cache_control`), as its JSON.
    Other(Value),
}

impl ContentPart {
    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// The image at `url`, which may be a `data:` URL.
    pub fn image_url(url: impl Into<String>) -> Self {
        Self::ImageUrl { url: url.into(), detail: None }
    }

    /// The text of a text part.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::ImageUrl { .. } => None,
            Self::Other(part) if part["type"] == "text" => part["text"].as_str(),
            Self::Other(_) => None,
        }
    }

    /// The texts of a thinking part, which holds a text or a list of text parts.
    fn thinking(&self) -> Vec<&str> {
        match self {
            Self::Other(part) if part["type"] == "thinking" => match &part["thinking"] {
                Value::Array(parts) => parts.iter().filter_map(|p| p["text"].as_str()).collect(),
                text => text.as_str().into_iter().collect(),
            },
            _ => Vec::new(),
        }
    }
}

impl From<Value> for ContentPart {
    /// Recognises a part only where writing it gives the same JSON again.
    fn from(part: Value) -> Self {
        let known = match part["type"].as_str() {
            Some("text") => part["text"].as_str().map(Self::text),
            Some("image_url") => part["image_url"]["url"].as_str().map(|url| Self::ImageUrl {
                url: url.to_owned(),
                detail: part["image_url"]["detail"].as_str().map(str::to_owned),
            }),
            _ => None,
        };
        known.filter(|known| known.to_value() == part).unwrap_or(Self::Other(part))
    }
}

impl ContentPart {
    fn to_value(&self) -> Value {
        match self {
            Self::Text(text) => json!({"type": "text", "text": text}),
            Self::ImageUrl { url, detail: None } => {
                json!({"type": "image_url", "image_url": {"url": url}})
            }
            Self::ImageUrl { url, detail } => {
                json!({"type": "image_url", "image_url": {"url": url, "detail": detail}})
            }
            Self::Other(part) => part.clone(),
        }
    }
}

impl Serialize for ContentPart {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.to_value().serialize(to)
    }
}

impl<'de> Deserialize<'de> for ContentPart {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Value::deserialize(from).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: Value) -> Content {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn text_and_thinking_are_kept_apart() {
        let content = read(json!([
            {"type": "thinking", "thinking": [{"type": "text", "text": "h"}, {"text": "m"}]},
            {"type": "thinking", "thinking": "!"},
            {"type": "text", "text": "a"},
            {"type": "text", "text": "b", "citations": []},
        ]));
        assert_eq!((&*content.thinking(), &*content.text()), ("hm!", "ab"));
        assert_eq!(read(json!("a")), Content::from("a"));
    }

    #[test]
    fn a_single_text_is_not_copied() {
        assert!(matches!(read(json!([{"type": "text", "text": "a"}])).text(), Cow::Borrowed("a")));
    }

    #[test]
    fn only_what_can_be_written_again_is_recognised() {
        for part in [
            json!({"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}),
            json!({"type": "image_url", "image_url": {"url": "u", "detail": null}}),
            json!({"type": "image_url", "image_url": "u"}),
            json!({"type": "text"}),
            json!("a"),
        ] {
            assert_eq!(ContentPart::from(part.clone()), ContentPart::Other(part));
        }
        let image = json!({"type": "image_url", "image_url": {"url": "u", "detail": "low"}});
        assert_eq!(ContentPart::from(image.clone()).to_value(), image);
        assert_eq!(ContentPart::from(ContentPart::text("a").to_value()), ContentPart::text("a"));
    }

    #[test]
    fn empty_is_what_shows_nothing() {
        for (content, is_empty) in [
            (json!(""), true),
            (json!([]), true),
            (json!([{"type": "text", "text": ""}]), true),
            (json!(" "), false),
            (json!([{"type": "image_url", "image_url": {"url": "u"}}]), false),
        ] {
            assert_eq!(read(content).is_empty(), is_empty);
        }
    }

    #[test]
    fn what_is_neither_text_nor_list_is_an_error() {
        assert!(serde_json::from_value::<Content>(json!(3)).is_err());
    }
}
