//! The whole of `provider.json`: its two forms, its entries, and what must hold between them.

use super::env_reference::Env;
use super::json_path;
use super::json_tree::{Document, Member, Node, Reader};
use super::model_settings::ModelSettings;
use super::nearest_name::nearest_name;
use super::read_entry::{MODEL_NAME, read_entry, report_unknown};
use super::rules;
use super::setting::Setting;
use crate::core::json::Value;
use crate::error::{Error, Problem};

/// The member that names the schema for editors; no provider.
const SCHEMA: &str = "$schema";

const NAMES_NO_MODEL: &str = "names no model";

/// Reads `provider.json`: every model of every provider, checked and complete.
///
/// Both forms are read, an object of models and a list of them. Of a model only `api_keys` is
/// required where the provider's name is known. `env` looks up the variables that `$NAME` in keys
/// and headers names.
///
/// ```
/// use lockkeeper::parse_provider_json;
///
/// let text = r#"{
///     "openai": { "gpt-4": { "api_keys": ["$OPENAI_API_KEY"] } },
///     "local": [{ "model_name": "tiny", "api_keys": [], "base_url": "http://localhost:8000/v1" }]
/// }"#;
/// let env = |name: &str| (name == "OPENAI_API_KEY").then(|| "sk-0123456789".to_owned());
///
/// let models = parse_provider_json(text, &env)?;
/// assert_eq!((models[0].provider.as_str(), models[0].name.as_str()), ("openai", "gpt-4"));
/// assert_eq!(models[0].base_url, "https://api.openai.com/v1");
/// assert_eq!(models[1].model, "tiny");
///
/// let text = r#"{ "openai": { "gpt-4": { "api_keys": ["sk-1"], "retries": 3 } } }"#;
/// let error = parse_provider_json(text, &env).unwrap_err();
/// let problem = error.problems()[0].to_string();
/// assert!(problem.starts_with("line 1: openai.gpt-4.retries: is not a known setting"));
/// # Ok::<(), lockkeeper::Error>(())
/// ```
///
/// # Errors
///
/// [`ErrorKind::Config`](crate::ErrorKind::Config) with every problem in the file at once, each
/// with its JSON path and line ([`Error::problems`]). Nothing is half-loaded, and no message
/// holds a key.
pub fn parse(
    text: &str,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Vec<ModelSettings>, Error> {
    if text.strip_prefix('\u{feff}').unwrap_or(text).trim_ascii().is_empty() {
        return Err(Error::config(vec![Problem::new("", 1, NAMES_NO_MODEL)]));
    }
    let document = Document::read(text).map_err(|problem| Error::config(vec![problem]))?;
    let mut file = FileReader { reader: document.reader(), env, entries: Vec::new() };
    file.read(&document.root());
    file.compare_buckets();
    file.check_fallbacks();
    if file.reader.problems.is_empty() {
        return Ok(file.entries.into_iter().map(|entry| entry.settings).collect());
    }
    Err(Error::config(in_the_files_order(file.reader.problems)))
}

/// A stable sort by line; the standard library's would be kilobytes of a wasm file for this alone.
fn in_the_files_order(problems: Vec<Problem>) -> Vec<Problem> {
    let mut ordered: Vec<Problem> = Vec::with_capacity(problems.len());
    for problem in problems {
        let at = ordered.partition_point(|earlier| earlier.line <= problem.line);
        ordered.insert(at, problem);
    }
    ordered
}

/// An entry as far as it was understood, and where it stands.
struct FileEntry<'a> {
    settings: ModelSettings,
    node: Node<'a>,
    /// Whether what its bucket depends on was read, so that it can be compared.
    bucket_known: bool,
}

struct FileReader<'a, 'e> {
    reader: Reader<'a>,
    env: Env<'e>,
    entries: Vec<FileEntry<'a>>,
}

impl<'a> FileReader<'a, '_> {
    fn read(&mut self, root: &Node<'a>) {
        if matches!(&root.json.value, Value::List(elements) if elements.is_empty()) {
            return self.names_no_model(root);
        }
        let Some(mut providers) = self.reader.members(root) else { return };
        providers.retain(|provider| provider.name != SCHEMA);
        if providers.is_empty() {
            self.names_no_model(root);
        }
        for provider in providers {
            self.check_name(provider.name, &provider.value);
            match provider.value.json.value {
                Value::List(_) => self.read_list(provider.name, &provider.value),
                _ => self.read_object(provider.name, &provider.value),
            }
        }
    }

    /// `{"gpt-4": {…}}`
    fn read_object(&mut self, provider: &str, object: &Node<'a>) {
        let Some(entries) = self.reader.members(object) else { return };
        if entries.is_empty() {
            self.names_no_model(object);
        }
        for Member { name, value } in entries {
            if !matches!(value.json.value, Value::Object(_)) && Setting::named(name).is_some() {
                let message = "is a setting and belongs inside a model: {\"model\": {…}}";
                self.reader.problem(&value, format_args!("{message}"));
                continue;
            }
            self.check_name(name, &value);
            if let Some(fields) = self.reader.members(&value) {
                self.read_entry(provider, name, value, &fields, false);
            }
        }
    }

    /// `[{"model_name": "gpt-4", …}]`
    fn read_list(&mut self, provider: &str, list: &Node<'a>) {
        let entries = self.reader.elements(list).unwrap_or_default();
        if entries.is_empty() {
            self.names_no_model(list);
        }
        let mut named: Vec<(&str, usize)> = Vec::new();
        for entry in entries {
            let Some(fields) = self.reader.members(&entry) else { continue };
            let name = self.listed_name(&entry, &fields);
            let known = named.iter().rfind(|(earlier, _)| Some(*earlier) == name);
            if let Some((_, line)) = known {
                self.reader.problem(
                    &entry,
                    format_args!("has the same `{MODEL_NAME}` as the entry on line {line}"),
                );
            }
            named.extend(name.map(|name| (name, self.reader.line(&entry))));
            // Nothing is loaded without a name; a stand-in lets the settings be checked even so.
            self.read_entry(provider, name.unwrap_or("unnamed"), entry, &fields, true);
        }
    }

    fn listed_name(&mut self, entry: &Node<'a>, fields: &[Member<'a>]) -> Option<&'a str> {
        let Some(field) = fields.iter().rfind(|field| field.name == MODEL_NAME) else {
            self.reader.problem(entry, format_args!("has no `{MODEL_NAME}`"));
            return None;
        };
        let name = self.reader.text(&field.value)?;
        self.check_name(name, &field.value);
        Some(name)
    }

    fn read_entry(
        &mut self,
        provider: &str,
        name: &str,
        node: Node<'a>,
        fields: &[Member<'a>],
        in_list: bool,
    ) {
        report_unknown(&mut self.reader, fields, in_list);
        let mut settings = ModelSettings::new(provider, name, [""; 0]);
        let unread = read_entry(&mut self.reader, &node, fields, &mut settings, self.env);
        let decisive = [
            Setting::BaseUrl,
            Setting::Model,
            Setting::RateLimitCapacity,
            Setting::RateLimitRefillRate,
        ];
        let bucket_known = !settings.base_url.is_empty()
            && !decisive.iter().any(|setting| unread.contains(setting));
        self.entries.push(FileEntry { settings, node, bucket_known });
    }

    fn names_no_model(&mut self, node: &Node<'_>) {
        self.reader.problem(node, format_args!("{NAMES_NO_MODEL}"));
    }

    fn check_name(&mut self, name: &str, node: &Node<'_>) {
        if let Err(message) = rules::name(name) {
            self.reader.problem(node, format_args!("a name {message}"));
        }
    }

    /// One address and model have one bucket, so two entries cannot set it differently.
    fn compare_buckets(&mut self) {
        for entry in self.entries.iter().filter(|entry| entry.bucket_known) {
            let settings = &entry.settings;
            let shares =
                |other: &&FileEntry<'_>| other.bucket_known && bucket(other) == bucket(entry);
            // At the latest it is the entry itself.
            let Some(other) = self.entries.iter().find(shares) else { continue };
            if rate_limits(&other.settings) != rate_limits(settings) {
                self.reader.problem(
                    &entry.node,
                    format_args!(
                        "has other rate limits than `{}`, but both are the model `{}` at {} and share \
                         one bucket: give both the same `{}` and `{}`",
                        other.node.path,
                        settings.model,
                        settings.base_url,
                        Setting::RateLimitCapacity.name(),
                        Setting::RateLimitRefillRate.name(),
                    ),
                );
            }
        }
    }

    /// Fallbacks are entries of the file.
    fn check_fallbacks(&mut self) {
        for entry in &self.entries {
            let written = entry.node.json.get(Setting::Fallbacks.name());
            let Some(Value::List(names)) = written.map(|json| &json.value) else { continue };
            let path = json_path::member(&entry.node.path, Setting::Fallbacks.name());
            let is_read = names.len() == entry.settings.fallbacks.len();
            for (index, json) in names.iter().enumerate().filter(|_| is_read) {
                if let Some(message) = wrong_reference(&self.entries, entry, index) {
                    let node = Node { json, path: json_path::element(&path, index) };
                    self.reader.problem(&node, format_args!("{message}"));
                }
            }
        }
    }
}

/// What is wrong with a reference of an entry to others, if something is.
fn wrong_reference(
    entries: &[FileEntry<'_>],
    entry: &FileEntry<'_>,
    index: usize,
) -> Option<String> {
    let names = &entry.settings.fallbacks;
    let name = &names[index];
    if *name == entry.settings.reference() {
        return Some("is the entry itself".to_owned());
    }
    if names[..index].contains(name) {
        return Some("stands twice here".to_owned());
    }
    let known: Vec<String> = entries.iter().map(|entry| entry.settings.reference()).collect();
    if known.contains(name) {
        return None;
    }
    let near = nearest_name(name, &mut known.iter().map(String::as_str));
    let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
    Some(format!("names no entry of this file as `provider/model`{hint}"))
}

/// What tells buckets apart.
fn bucket<'s>(entry: &'s FileEntry<'_>) -> (&'s str, &'s str) {
    (&entry.settings.base_url, &entry.settings.model)
}

fn rate_limits(settings: &ModelSettings) -> (f64, f64) {
    (settings.rate_limit_capacity, settings.rate_limit_refill_rate)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<(String, String)> {
        let models = parse(text, &|_| None).unwrap();
        models.into_iter().map(|model| (model.provider, model.name)).collect()
    }

    fn problems(text: &str) -> Vec<String> {
        let error = parse(text, &|_| None).unwrap_err();
        error.problems().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn both_forms_load_alike() {
        let object = r#"{"openai": {"gpt-4": {"api_keys": ["a"], "model": "gpt-4-0613"}}}"#;
        let list = r#"{"openai": [
            {"model_name": "gpt-4", "api_keys": ["a"], "model": "gpt-4-0613"}]}"#;
        assert_eq!(parse(object, &|_| None), parse(list, &|_| None));
        assert_eq!(names(object), [("openai".to_owned(), "gpt-4".to_owned())]);
    }

    #[test]
    fn models_come_in_the_order_of_the_file() {
        let text = "\u{feff}{\"$schema\": \"./s.json\", \"groq\": {\"b\": {\"api_keys\": [\"k\"]}, \
                    \"a\": {\"api_keys\": [\"k\"]}}, \"Ollama\": [{\"model_name\": \"a\", \
                    \"api_keys\": []}]}";
        let expected = [("groq", "b"), ("groq", "a"), ("Ollama", "a")];
        assert_eq!(names(text), expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
    }

    #[test]
    fn a_file_without_models_is_a_problem() {
        for (text, problem) in [
            ("", "line 1: names no model"),
            ("\u{feff}\n ", "line 1: names no model"),
            ("[]", "line 1: names no model"),
            ("\n{}", "line 2: names no model"),
            (r#"{"$schema": "x"}"#, "line 1: names no model"),
            ("{\"openai\":\n{}}", "line 2: openai: names no model"),
            (r#"{"openai": []}"#, "line 1: openai: names no model"),
            ("[1]", "line 1: expected an object, found a list"),
            ("5", "line 1: expected an object, found a number"),
            (r#"{"openai": "x"}"#, "line 1: openai: expected an object, found a string"),
            (r#"{"openai": [5]}"#, "line 1: openai[0]: expected an object, found a number"),
            (r#"{"openai": {"m": 5}}"#, "line 1: openai.m: expected an object, found a number"),
            (
                "{\"openai\": {\n\"api_keys\": [\"sk-1\"]}}",
                "line 2: openai.api_keys: is a setting and belongs inside a model: {\"model\": {…}}",
            ),
            (
                "{\"a\": 1,\n}",
                "line 2: is not JSON: expected a name in double quotes at column 1; remove the comma \
                 before the bracket",
            ),
        ] {
            assert_eq!(problems(text), [problem], "{text}");
        }
    }

    #[test]
    fn names_are_unique_and_not_empty() {
        for (text, problem) in [
            (
                "{\"groq\": {\"a\": {\"api_keys\": [\"k\"]},\n\"a\": {\"api_keys\": [\"k\"]}}}",
                "line 2: groq.a: stands twice here, first on line 1",
            ),
            (
                "{\"groq\": {\"a\": {\"api_keys\": [\"k\"]}},\n\"groq\": {\"a\": {\"api_keys\": [\"k\"]}}}",
                "line 2: groq: stands twice here, first on line 1",
            ),
            (
                "{\"groq\": [{\"model_name\": \"a\", \"api_keys\": [\"k\"]},\n\
                 {\"model_name\": \"a\", \"api_keys\": [\"k\"]}]}",
                "line 2: groq[1]: has the same `model_name` as the entry on line 1",
            ),
            (r#"{"groq": [{"api_keys": ["k"]}]}"#, "line 1: groq[0]: has no `model_name`"),
            (
                r#"{"groq": [{"model_name": 4, "api_keys": ["k"]}]}"#,
                "line 1: groq[0].model_name: expected a string, found a number",
            ),
            (
                r#"{"groq": {" ": {"api_keys": ["k"], "model": "m"}}}"#,
                r#"line 1: groq[" "]: a name must not be empty"#,
            ),
        ] {
            assert_eq!(problems(text), [problem], "{text}");
        }
    }

    #[test]
    fn every_problem_is_reported_at_once_in_the_order_of_the_file() {
        let text = r#"{
  "openai": {
    "gpt.4": {
      "api_keys": ["sk-1", "sk secret"],
      "base_ulr": "https://h",
      "max_retries": "5"
    }
  },
  "azur": [
    { "model_name": "a", "api_keys": ["$AZURE_KEY"], "retry_delay": 500000 }
  ]
}"#;
        let found = problems(text);
        for (problem, start) in found.iter().zip([
            r#"line 4: openai["gpt.4"].api_keys[1]: has a space"#,
            r#"line 5: openai["gpt.4"].base_ulr: is not a known setting; did you mean `base_url`?"#,
            r#"line 6: openai["gpt.4"].max_retries: expected a number, found a string"#,
            "line 10: azur[0].api_keys[0]: the environment variable `AZURE_KEY` is not set",
            "line 10: azur[0].retry_delay: must be at most 10000 seconds, not 500000",
            "line 10: azur[0].base_url: is missing, and no provider of this name is known",
        ]) {
            assert!(problem.starts_with(start), "{problem}");
        }
        assert_eq!(found.len(), 6, "{found:?}");
        assert!(!found.concat().contains("secret"));
    }

    #[test]
    fn one_bucket_has_one_setting() {
        let file = |a: &str, b: &str| {
            format!(
                "{{\"openai\": {{\"a\": {{\"api_keys\": [\"k\"], \"model\": \"m\"{a}}},\n\
                 \"b\": {{\"api_keys\": [\"k\"], \"model\": \"m\"{b}}}}}}}"
            )
        };
        let same = r#", "base_url": "https://API.openai.com:443/v1/", "rate_limit_capacity": 10"#;
        assert_eq!(names(&file("", same)).len(), 2);
        let elsewhere = r#", "base_url": "https://h", "rate_limit_capacity": 20"#;
        assert_eq!(names(&file("", elsewhere)).len(), 2);
        let found = problems(&file(r#", "rate_limit_refill_rate": 2"#, same));
        let start = "line 2: openai.b: has other rate limits than `openai.a`, but both are the \
                     model `m` at https://api.openai.com/v1 and share one bucket";
        assert!(found.len() == 1 && found[0].starts_with(start), "{found:?}");
        let unread = problems(&file(r#", "rate_limit_capacity": "x""#, same));
        assert_eq!(unread.len(), 1, "{unread:?}");
    }
}
