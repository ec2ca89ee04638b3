//! One macro for every JSON object on the wire: known fields, and an open end for all others.
//!
//! `#[serde(flatten)]` would say the same, but it buffers each object before it looks at it, which
//! doubles the work on every chunk of a stream. Here a field is read straight into its place.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// Defines a struct whose fields are read from and written to a JSON object.
///
/// A field is `pub name: Type = "key"`. It may be read through another type that is more lenient
/// (`Type as Wire = "key"`), and marked `[always]` (written even when empty) or `[local]` (read,
/// but never written). `settle = path;` names a function that puts a freshly read object in order,
/// and `beside { … }` holds fields that no JSON has.
///
/// `null` is read as absent, and of a key given twice the last wins.
macro_rules! open_object {
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            $(
                $(#[$field_meta:meta])*
                pub $field:ident: $ty:ty $(as $wire:ty)? = $key:literal $([$mark:ident])?,
            )*
        }
        $(settle = $settle:path;)?
        $(beside {
            $(
                $(#[$beside_meta:meta])*
                $vis:vis $beside:ident: $beside_ty:ty,
            )*
        })?
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq)]
        #[non_exhaustive]
        pub struct $name {
            $($(#[$field_meta])* pub $field: $ty,)*
            $($($(#[$beside_meta])* $vis $beside: $beside_ty,)*)?
            /// Every other field, by its name in the JSON; written back as it came.
            pub extra: $crate::chat::Extra,
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                struct Fields;

                impl<'de> serde::de::Visitor<'de> for Fields {
                    type Value = $name;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("an object")
                    }

                    fn visit_map<M>(self, mut map: M) -> Result<$name, M::Error>
                    where
                        M: serde::de::MapAccess<'de>,
                    {
                        use $crate::chat::open_object::{Key, read};
                        let mut object = $name::default();
                        while let Some(key) = map.next_key::<Key<'de>>()? {
                            match key.as_str() {
                                $($key => read::<open_object!(@wire $ty $(, $wire)?), _, _>(
                                    &mut map, $key, &mut object.$field,
                                )?,)*
                                _ => {
                                    let value = map.next_value()?;
                                    object.extra.insert(key.into_string(), value);
                                }
                            }
                        }
                        $($settle(&mut object);)?
                        Ok(object)
                    }
                }

                from.deserialize_map(Fields)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeMap;
                let mut map = to.serialize_map(None)?;
                self.write_known(&mut map)?;
                for (key, value) in self.extra.iter().filter(|(key, _)| !self.writes(key)) {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }

        impl $name {
            /// Whether the known field `key` has something to write.
            pub(crate) fn writes(&self, key: &str) -> bool {
                match key {
                    $($key => $crate::chat::open_object::open_object!(
                        @present self.$field $(, $mark)?
                    ),)*
                    _ => false,
                }
            }

            /// Writes the known fields that have something to write.
            pub(crate) fn write_known<M>(&self, map: &mut M) -> Result<(), M::Error>
            where
                M: serde::ser::SerializeMap,
            {
                $(if self.writes($key) {
                    map.serialize_entry($key, &self.$field)?;
                })*
                Ok(())
            }
        }

        impl $crate::chat::open_object::Field for $name {
            fn is_present(&self) -> bool {
                *self != Self::default()
            }
        }
    };

    (@wire $ty:ty) => { $ty };
    (@wire $ty:ty, $wire:ty) => { $wire };
    (@present $field:expr) => { $crate::chat::open_object::Field::is_present(&$field) };
    (@present $field:expr, always) => { true };
    (@present $field:expr, local) => { false };
}

pub(crate) use open_object;

/// What can stand in a field: whether there is anything in it to write.
pub(crate) trait Field {
    /// False for what reads the same as an absent field.
    fn is_present(&self) -> bool;
}

impl<T> Field for Option<T> {
    fn is_present(&self) -> bool {
        self.is_some()
    }
}

impl<T> Field for Vec<T> {
    fn is_present(&self) -> bool {
        !self.is_empty()
    }
}

impl Field for String {
    fn is_present(&self) -> bool {
        !self.is_empty()
    }
}

impl Field for Arc<str> {
    fn is_present(&self) -> bool {
        !self.is_empty()
    }
}

impl Field for bool {
    fn is_present(&self) -> bool {
        *self
    }
}

/// Reads a value into its field, unless it is `null`. An error says which field it was.
pub(crate) fn read<'de, Wire, T, M>(map: &mut M, key: &str, field: &mut T) -> Result<(), M::Error>
where
    Wire: Deserialize<'de> + Into<T>,
    M: MapAccess<'de>,
{
    let value = map.next_value::<Option<Wire>>();
    let value = value.map_err(|error| M::Error::custom(format_args!("{key}: {error}")))?;
    if let Some(value) = value {
        *field = value.into();
    }
    Ok(())
}

/// A key of an object, borrowed from the input wherever it holds no escapes.
pub(crate) struct Key<'de>(Cow<'de, str>);

impl Key<'_> {
    /// The key itself.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The key to keep.
    pub(crate) fn into_string(self) -> String {
        self.0.into_owned()
    }
}

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct KeyVisitor;

        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_borrowed_str<E: Error>(self, key: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(key)))
            }

            fn visit_str<E: Error>(self, key: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(key.to_owned())))
            }
        }

        from.deserialize_str(KeyVisitor)
    }
}

/// A list that nearly always is of one: room for that, and not at once for four.
pub(crate) struct Few<T>(Vec<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Few<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct ListVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for ListVisitor<T> {
            type Value = Few<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<S: SeqAccess<'de>>(self, mut items: S) -> Result<Few<T>, S::Error> {
                let mut list = Vec::with_capacity(1);
                while let Some(item) = items.next_element()? {
                    list.push(item);
                }
                Ok(Few(list))
            }
        }

        from.deserialize_seq(ListVisitor(PhantomData))
    }
}

impl<T> From<Few<T>> for Vec<T> {
    fn from(few: Few<T>) -> Self {
        few.0
    }
}

/// A string, or any other JSON value as the text it is written with.
pub(crate) struct Text(String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Self(match Value::deserialize(from)? {
            Value::String(text) => text,
            other => other.to_string(),
        }))
    }
}

impl From<Text> for Arc<str> {
    fn from(text: Text) -> Self {
        text.0.into()
    }
}

impl From<Text> for Option<Arc<str>> {
    fn from(text: Text) -> Self {
        Some(text.0.into())
    }
}

impl From<Text> for Option<String> {
    fn from(text: Text) -> Self {
        Some(text.0)
    }
}

impl From<Text> for String {
    fn from(text: Text) -> Self {
        text.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    open_object! {
        /// An object with one field of each kind.
        pub struct Sample {
            /// Plain.
            pub name: String = "name",
            /// Read leniently.
            pub text: String as Text = "text" [always],
            /// Only for us.
            pub secret: Option<u32> = "secret" [local],
            /// Itself open.
            pub inner: Option<Box<Sample>> = "inner",
        }
        settle = Sample::settle;
    }

    impl Sample {
        fn settle(&mut self) {
            if self.name.is_empty() {
                self.name = "anonymous".into();
            }
        }
    }

    fn sample(json: &str) -> Sample {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn unknown_fields_survive_a_round_trip() {
        let json =
            r#"{"name":"a","text":"b","big":9007199254740993,"deep":{"x":[null,{"y":1.5}]}}"#;
        assert_eq!(
            serde_json::from_str::<Value>(&serde_json::to_string(&sample(json)).unwrap()).unwrap(),
            serde_json::from_str::<Value>(json).unwrap()
        );
    }

    #[test]
    fn null_is_absent_and_the_last_of_two_wins() {
        let sample = sample(r#"{"name":"a","name":"b","text":null,"name":null}"#);
        assert_eq!((sample.name.as_str(), sample.text.as_str()), ("b", ""));
    }

    #[test]
    fn marks_say_what_is_written() {
        let sample = sample(r#"{"secret":7}"#);
        assert_eq!(sample.secret, Some(7));
        assert_eq!(serde_json::to_string(&sample).unwrap(), r#"{"name":"anonymous","text":""}"#);
    }

    #[test]
    fn an_extra_never_doubles_a_field_that_is_written() {
        let mut sample = sample(r#"{"name":"a"}"#);
        sample.extra.insert("name".into(), "b".into());
        sample.extra.insert("inner".into(), "c".into());
        assert_eq!(
            serde_json::to_string(&sample).unwrap(),
            r#"{"name":"a","text":"","inner":"c"}"#
        );
    }

    #[test]
    fn other_json_becomes_text() {
        assert_eq!(sample(r#"{"text":{"a":[1,2]}}"#).text, r#"{"a":[1,2]}"#);
        assert_eq!(sample(r#"{"text":12}"#).text, "12");
    }

    #[test]
    fn errors_name_the_field() {
        let error = serde_json::from_str::<Sample>(r#"{"inner":{"name":3}}"#).unwrap_err();
        assert!(error.to_string().starts_with("inner: name: invalid type"), "{error}");
        assert!(serde_json::from_str::<Sample>("[]").is_err());
    }

    #[test]
    fn escaped_keys_are_understood() {
        assert_eq!(sample(r#"{"n\u0061me":"a"}"#).name, "a");
    }
}
