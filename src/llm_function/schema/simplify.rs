//! A schema as small models understand it: in one piece, without what means nothing to them.

use serde_json::{Map, Value};

use super::{has_any, target};

/// What tells a model nothing.
const IDLE_WORDS: [&str; 5] = ["$schema", "$id", "title", "default", "examples"];

/// References within references that are followed; more are a circle.
const DEEPEST: usize = 32;

/// The schema with its references replaced by what they point to, but for those that point to what
/// holds them.
pub(in crate::llm_function) fn simplify(schema: &Value) -> Value {
    let root = with_root_named(schema);
    let mut simple = Simplifier { root: &root, within: Vec::new(), circular: Vec::new() };
    let mut result = simple.schema(&root);
    let mut definitions = Map::new();
    while let Some(reference) = simple.circular.iter().find(|name| !has(&definitions, name)) {
        let reference = reference.clone();
        let definition = target(&root, &reference).cloned().unwrap_or(Value::Bool(true));
        simple.within = vec![reference.clone()];
        let definition = simple.schema(&definition);
        definitions.insert(name_of(&reference).to_owned(), definition);
    }
    if let Some(words) = result.as_object_mut().filter(|_| !definitions.is_empty()) {
        words.insert("$defs".into(), definitions.into());
    }
    result
}

/// A schema that refers to itself as a whole, with a name for that: it may come to stand in another.
fn with_root_named(schema: &Value) -> Value {
    if !schema.to_string().contains(r##""$ref":"#""##) {
        return schema.clone();
    }
    let mut root = schema.clone();
    rename_root(&mut root);
    let copy = root.clone();
    root["$defs"]["Root"] = copy;
    root
}

fn rename_root(schema: &mut Value) {
    match schema {
        Value::Object(words) => {
            for (word, value) in words.iter_mut() {
                if word == "$ref" && value == "#" {
                    *value = "#/$defs/Root".into();
                } else {
                    rename_root(value);
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(rename_root),
        _ => {}
    }
}

fn has(definitions: &Map<String, Value>, reference: &str) -> bool {
    definitions.contains_key(name_of(reference))
}

fn name_of(reference: &str) -> &str {
    reference.rsplit('/').next().unwrap_or(reference)
}

struct Simplifier<'a> {
    root: &'a Value,
    /// The references that are being replaced.
    within: Vec<String>,
    /// Those that point to what holds them.
    circular: Vec<String>,
}

impl Simplifier<'_> {
    fn schema(&mut self, schema: &Value) -> Value {
        let Value::Object(words) = schema else { return schema.clone() };
        let mut simple = Map::new();
        if let Some(reference) = words.get("$ref").and_then(Value::as_str) {
            match self.replaced(reference) {
                Value::Object(words) => simple = words,
                other => return other,
            }
        }
        for (word, value) in words {
            let is_idle = IDLE_WORDS.contains(&word.as_str()) || is_width(word, value);
            if !is_idle && !matches!(word.as_str(), "$ref" | "$defs" | "definitions") {
                simple.insert(word.clone(), self.word(word, value));
            }
        }
        merged(simple)
    }

    fn word(&mut self, word: &str, value: &Value) -> Value {
        match (word, value) {
            ("properties" | "patternProperties", Value::Object(members)) => {
                members.iter().map(|(name, schema)| (name.clone(), self.schema(schema))).collect()
            }
            ("anyOf" | "oneOf" | "allOf" | "prefixItems", Value::Array(schemas)) => {
                schemas.iter().map(|schema| self.schema(schema)).collect()
            }
            ("items" | "additionalProperties", schema) => self.schema(schema),
            (_, other) => other.clone(),
        }
    }

    /// What a reference points to; a reference again where that would have no end.
    fn replaced(&mut self, reference: &str) -> Value {
        let is_circle = self.within.iter().any(|outer| outer == reference);
        let Some(target) = target(self.root, reference).filter(|_| self.within.len() < DEEPEST)
        else {
            return Value::Bool(true);
        };
        if is_circle {
            if !self.circular.iter().any(|known| known == reference) {
                self.circular.push(reference.to_owned());
            }
            let reference = format!("#/$defs/{}", name_of(reference));
            return Value::Object(Map::from_iter([("$ref".to_owned(), reference.into())]));
        }
        self.within.push(reference.to_owned());
        let replaced = self.schema(target);
        self.within.pop();
        replaced
    }
}

/// `uint32` and its like: the model is told the bounds in words of JSON schema.
fn is_width(word: &str, value: &Value) -> bool {
    const WIDTHS: [&str; 4] = ["int", "uint", "float", "double"];
    let format = value.as_str().filter(|_| word == "format");
    format.is_some_and(|format| WIDTHS.iter().any(|width| format.starts_with(width)))
}

/// Alternatives that are single words become one list of words, as an enum with documented variants is written.
fn merged(mut words: Map<String, Value>) -> Value {
    let Some(Value::Array(alternatives)) = words.get("oneOf").or(words.get("anyOf")) else {
        return words.into();
    };
    let is_word =
        |schema: &Value| schema["type"] == "string" && has_any(schema, &["const", "enum"]);
    if alternatives.is_empty() || !alternatives.iter().all(is_word) {
        return words.into();
    }
    let mut options = Vec::new();
    let mut notes: Vec<String> =
        words.get("description").and_then(Value::as_str).map(str::to_owned).into_iter().collect();
    for alternative in alternatives {
        let several = alternative["enum"].as_array().cloned().unwrap_or_default();
        options.extend(alternative.get("const").cloned().into_iter().chain(several));
        if let (Some(word), Some(note)) = (options.last(), alternative["description"].as_str()) {
            notes.push(format!("{word}: {note}"));
        }
    }
    words.remove("oneOf");
    words.remove("anyOf");
    words.insert("type".into(), "string".into());
    words.insert("enum".into(), options.into());
    if !notes.is_empty() {
        words.insert("description".into(), notes.join("\n").into());
    }
    words.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn references_are_replaced_and_idle_words_left_out() {
        let schema = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Order",
            "type": "object", "required": ["title"],
            "properties": {
                "title": {"$ref": "#/$defs/Text", "description": "the title"},
                "count": {"type": "integer", "format": "uint32", "minimum": 0, "default": 1},
            },
            "$defs": {"Text": {"title": "Text", "type": "string"}},
        });
        assert_eq!(
            simplify(&schema),
            json!({"type": "object", "required": ["title"], "properties": {
                "title": {"type": "string", "description": "the title"},
                "count": {"type": "integer", "minimum": 0},
            }})
        );
    }

    #[test]
    fn what_holds_itself_stays_a_reference() {
        let node = json!({"type": "object", "properties":
            {"next": {"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}]}}});
        let schema = json!({"properties": {"head": {"$ref": "#/$defs/Node"}},
            "$defs": {"Node": node}});
        assert_eq!(
            simplify(&schema),
            json!({"properties": {"head": node}, "$defs": {"Node": node}})
        );
        let root = json!({"type": "array", "items": {"$ref": "#"}});
        let named = json!({"type": "array", "items": {"$ref": "#/$defs/Root"}});
        let item = json!({"type": "array", "items": named, "$defs": {"Root": named}});
        let simple = simplify(&root);
        assert_eq!(simple["$defs"], item["$defs"]);
    }

    #[test]
    fn a_circle_of_references_ends() {
        let schema = json!({"$ref": "#/$defs/A",
            "$defs": {"A": {"$ref": "#/$defs/B"}, "B": {"$ref": "#/$defs/A"}}});
        assert!(simplify(&schema).to_string().len() < 200);
    }

    #[test]
    fn documented_variants_become_one_list() {
        let schema = json!({"oneOf": [
            {"type": "string", "const": "good", "description": "pleased"},
            {"type": "string", "enum": ["bad", "so-so"]},
        ]});
        assert_eq!(
            simplify(&schema),
            json!({"type": "string", "enum": ["good", "bad", "so-so"],
                "description": "\"good\": pleased"})
        );
    }
}
