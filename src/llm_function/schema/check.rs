//! Checks a value against a schema, and puts right what is only written otherwise.

use serde_json::{Number, Value};

use super::describe::{any_of, count, member_path, one_of, shown};
use super::{required, target, types};
use crate::llm_function::answer_text::read_number;

/// References in a row that are followed; more are a circle.
const DEEPEST: usize = 256;

/// What a check has found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::llm_function) struct Findings {
    /// Every error, with its path.
    pub problems: Vec<String>,
    /// How many values were written otherwise and have been put right.
    put_right: usize,
}

impl Findings {
    /// Whether the value is one of the schema's.
    pub fn fits(&self) -> bool {
        self.problems.is_empty()
    }
}

/// Checks `value` against `schema`. What means the same in another type becomes that type: `"12"` a number
/// where one is wanted.
pub(in crate::llm_function) fn check(schema: &Value, value: &mut Value) -> Findings {
    let mut checker = Checker { root: schema, findings: Findings::default(), depth: 0 };
    checker.value(schema, value, "$");
    checker.findings
}

struct Checker<'a> {
    root: &'a Value,
    findings: Findings,
    depth: usize,
}

impl<'a> Checker<'a> {
    fn report(&mut self, path: &str, problem: impl std::fmt::Display) {
        self.findings.problems.push(format!("{path}: {problem}"));
    }

    fn put_right(&mut self, value: &mut Value, right: impl Into<Value>) {
        *value = right.into();
        self.findings.put_right += 1;
    }

    fn value(&mut self, schema: &'a Value, value: &mut Value, path: &str) {
        if self.depth == DEEPEST {
            return;
        }
        self.depth += 1;
        let elsewhere = schema["$ref"].as_str().and_then(|name| target(self.root, name));
        let all = schema["allOf"].as_array().into_iter().flatten();
        for other in elsewhere.into_iter().chain(all) {
            self.value(other, value, path);
        }
        for word in ["anyOf", "oneOf"] {
            if let Some(alternatives) = schema[word].as_array() {
                self.alternatives(alternatives, value, path);
            }
        }
        self.own_words(schema, value, path);
        self.depth -= 1;
    }

    /// Takes the alternative that fits best, the first of several.
    fn alternatives(&mut self, alternatives: &'a [Value], value: &mut Value, path: &str) {
        let mut best: Option<(Value, Findings)> = None;
        for alternative in alternatives {
            let (findings, depth) = (Findings::default(), self.depth);
            let mut checker = Checker { root: self.root, findings, depth };
            let mut attempt = value.clone();
            checker.value(alternative, &mut attempt, path);
            let rank = |findings: &Findings| (findings.problems.len(), findings.put_right);
            let found = checker.findings;
            if best.as_ref().is_none_or(|(_, best)| rank(&found) < rank(best)) {
                best = Some((attempt, found));
            }
        }
        if let Some((attempt, found)) = best {
            *value = attempt;
            self.findings.problems.extend(found.problems);
            self.findings.put_right += found.put_right;
        }
    }

    fn own_words(&mut self, schema: &'a Value, value: &mut Value, path: &str) {
        if !self.has_type(schema, value) {
            let expected = any_of(&types(schema));
            return self.report(path, format_args!("expected {expected}, found {}", shown(value)));
        }
        if !self.is_option(schema, value, path) {
            return;
        }
        match value {
            Value::Number(number) => self.bounds(schema, number, path),
            Value::String(text) => {
                let length = text.chars().count() as u64;
                self.size(schema, ["minLength", "maxLength"], length, "character", path);
            }
            Value::Array(_) => self.list(schema, value, path),
            Value::Object(_) => self.object(schema, value, path),
            Value::Null | Value::Bool(_) => {}
        }
    }

    /// Whether the value is of a type of the schema, if need be written otherwise.
    fn has_type(&mut self, schema: &Value, value: &mut Value) -> bool {
        let types = types(schema);
        if types.is_empty() || types.iter().any(|kind| is_of_type(value, kind)) {
            return true;
        }
        let right = types.iter().find_map(|kind| as_type(value, kind));
        let found = right.is_some();
        if let Some(right) = right {
            self.put_right(value, right);
        }
        found
    }

    /// Whether the value is one of those that the schema lists, if it does. Case and space do not matter.
    fn is_option(&mut self, schema: &Value, value: &mut Value, path: &str) -> bool {
        let only = schema.get("const").map(std::slice::from_ref);
        let Some(options) = only.or(schema["enum"].as_array().map(Vec::as_slice)) else {
            return true;
        };
        if options.contains(value) {
            return true;
        }
        let alike = |option: &&Value| match (option.as_str(), value.as_str()) {
            (Some(option), Some(text)) => option.to_lowercase() == text.trim().to_lowercase(),
            _ => false,
        };
        let matches: Vec<_> = options.iter().filter(alike).collect();
        if let [only] = matches.as_slice() {
            self.put_right(value, (*only).clone());
            return true;
        }
        self.report(path, format_args!("expected {}, found {}", one_of(options), shown(value)));
        false
    }

    fn bounds(&mut self, schema: &Value, number: &Number, path: &str) {
        let Some(found) = number.as_f64() else { return };
        type Rule = (&'static str, &'static str, fn(f64, f64) -> bool);
        let rules: [Rule; 5] = [
            ("minimum", "at least", |found, bound| found >= bound),
            ("maximum", "at most", |found, bound| found <= bound),
            ("exclusiveMinimum", "more than", |found, bound| found > bound),
            ("exclusiveMaximum", "less than", |found, bound| found < bound),
            ("multipleOf", "a multiple of", |found, unit| is_multiple(found, unit)),
        ];
        for (word, says, holds) in rules {
            let Some(bound) = schema[word].as_f64().filter(|bound| !holds(found, *bound)) else {
                continue;
            };
            self.report(path, format_args!("expected {says} {bound}, found {number}"));
        }
    }

    fn size(&mut self, schema: &Value, words: [&str; 2], found: u64, thing: &str, path: &str) {
        let [least, most] = words.map(|word| schema[word].as_u64());
        if let Some(least) = least.filter(|least| found < *least) {
            let expected = count(least, thing);
            self.report(path, format_args!("expected at least {expected}, found {found}"));
        }
        if let Some(most) = most.filter(|most| found > *most) {
            let expected = count(most, thing);
            self.report(path, format_args!("expected at most {expected}, found {found}"));
        }
    }

    fn list(&mut self, schema: &'a Value, value: &mut Value, path: &str) {
        let Value::Array(items) = value else { return };
        self.size(schema, ["minItems", "maxItems"], items.len() as u64, "item", path);
        let places = schema["prefixItems"].as_array().map_or(&[][..], Vec::as_slice);
        for (index, item) in items.iter_mut().enumerate() {
            self.value(
                places.get(index).unwrap_or(&schema["items"]),
                item,
                &format!("{path}[{index}]"),
            );
        }
        let twice = |(index, item)| items[..index].contains(item);
        if schema["uniqueItems"] == true && items.iter().enumerate().any(twice) {
            self.report(path, "expected no two items alike");
        }
    }

    fn object(&mut self, schema: &'a Value, value: &mut Value, path: &str) {
        let Value::Object(members) = value else { return };
        let required = required(schema);
        let known = schema["properties"].as_object();
        for (name, member) in known.into_iter().flatten() {
            let path = member_path(path, name);
            let needed = required.contains(&name.as_str());
            match members.get_mut(name) {
                // Providers that require all members have null for those that may be absent.
                Some(Value::Null) if !needed && !self.allows_null(member) => {
                    members.shift_remove(name);
                }
                Some(value) => self.value(member, value, &path),
                None if needed => self.report(&path, "is missing"),
                None => {}
            }
        }
        let is_known = |name: &str| known.is_some_and(|known| known.contains_key(name));
        for name in required.iter().filter(|name| !is_known(name) && !members.contains_key(**name))
        {
            self.report(&member_path(path, name), "is missing");
        }
        let others = &schema["additionalProperties"];
        members.retain(|name, _| is_known(name) || *others != false);
        for (name, value) in members.iter_mut().filter(|(name, _)| !is_known(name)) {
            self.value(others, value, &member_path(path, name));
        }
    }

    fn allows_null(&self, schema: &'a Value) -> bool {
        let mut checker =
            Checker { root: self.root, findings: Findings::default(), depth: self.depth };
        checker.value(schema, &mut Value::Null, "$");
        checker.findings.fits()
    }
}

fn is_of_type(value: &Value, kind: &str) -> bool {
    match kind {
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        _ => true,
    }
}

/// The same value in another type, where nothing is lost by that.
fn as_type(value: &Value, kind: &str) -> Option<Value> {
    match (kind, value) {
        ("string", Value::Number(number)) => Some(number.to_string().into()),
        ("string", Value::Bool(bool)) => Some(bool.to_string().into()),
        ("number" | "integer", Value::String(text)) => {
            let number = Value::Number(read_number(text.trim())?);
            is_of_type(&number, kind).then_some(number)
        }
        ("boolean", Value::String(text)) => match text.trim() {
            "true" | "True" => Some(Value::Bool(true)),
            "false" | "False" => Some(Value::Bool(false)),
            _ => None,
        },
        ("null", Value::String(text)) => {
            matches!(text.trim(), "null" | "None").then_some(Value::Null)
        }
        _ => None,
    }
}

fn is_multiple(found: f64, unit: f64) -> bool {
    let times = found / unit;
    (times - times.round()).abs() < 1e-9
}
