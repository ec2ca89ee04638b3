//! One entry of `provider.json`: its JSON fields become [`ModelSettings`].
//!
//! Reading only turns JSON into values; what the values must satisfy stands in [`rules`]. The
//! parts of a list or object are judged as they are read, since only then their place is known.

use super::base_url::BaseUrl;
use super::env_reference::{Env, is_reference, resolve};
use super::json_path;
use super::json_tree::{Member, Node, Reader};
use super::model_settings::{ModelSettings, distinct};
use super::nearest_name::nearest_name;
use super::read_keys::keys;
use super::rules::{self, Part};
use super::setting::{Setting, Shape};
use crate::core::json::Value;
use crate::core::secret::Secret;
use crate::core::time::duration_from_seconds;
use crate::error::Problem;

/// The field that holds an entry's name in the list form.
pub(super) const MODEL_NAME: &str = "model_name";

/// Reads the fields of `entry` into `settings`, which bring the defaults and may be used only where
/// there is no problem. Returns the settings that could not be read, and still have their defaults.
pub(super) fn read_entry<'a>(
    reader: &mut Reader<'a>,
    entry: &Node<'a>,
    fields: &[Member<'a>],
    settings: &mut ModelSettings,
    env: Env<'_>,
) -> Vec<Setting> {
    let mut unread = Vec::new();
    for field in fields {
        if let Some(setting) = Setting::named(field.name) {
            let before = reader.problems.len();
            read_setting(reader, setting, &field.value, settings, env);
            if reader.problems.len() > before {
                unread.push(setting);
            }
        }
    }
    let line = reader.line(entry);
    if !fields.iter().any(|field| field.name == Setting::ApiKeys.name()) {
        let path = json_path::member(&entry.path, Setting::ApiKeys.name());
        reader.problems.push(Problem::new(path, line, "is missing"));
        unread.push(Setting::ApiKeys);
    }
    // A setting that could not be read has been reported; its default is not the user's fault.
    for setting in Setting::all().filter(|setting| !unread.contains(setting)) {
        let field = fields.iter().rfind(|field| field.name == setting.name());
        rules::check(setting, settings, &mut |part, message| {
            // Where its value stands, or on the entry where the setting was left out.
            let line = field.map_or(line, |field| line_of(reader, &field.value, part));
            let path = part.path_under(&json_path::member(&entry.path, setting.name()));
            reader.problems.push(Problem::new(path, line, message));
        });
    }
    settings.api_keys = distinct(std::mem::take(&mut settings.api_keys));
    settings.accounts =
        settings.accounts.iter().map(|keys| distinct(keys.iter().cloned())).collect();
    unread
}

fn line_of<'a>(reader: &Reader<'a>, value: &Node<'a>, part: Part<'_>) -> usize {
    let member = match part {
        Part::Member(name) => value.json.get(name),
        Part::Whole | Part::Element(_) => None,
    };
    let json = member.unwrap_or(value.json);
    reader.line(&Node { json, path: String::new() })
}

/// Says which fields are no settings, and which may be meant.
pub(super) fn report_unknown(reader: &mut Reader<'_>, fields: &[Member<'_>], in_list: bool) {
    for Member { name, value } in fields {
        if Setting::named(name).is_some() || (in_list && *name == MODEL_NAME) {
            continue;
        }
        if *name == MODEL_NAME {
            let message = "is for the list form; here the entry's name is its key";
            reader.problem(value, format_args!("{message}"));
            continue;
        }
        let mut names = Setting::all().map(Setting::name).chain(in_list.then_some(MODEL_NAME));
        match nearest_name(name, &mut names) {
            Some(near) => {
                reader
                    .problem(value, format_args!("is not a known setting; did you mean `{near}`?"));
            }
            None => reader.problem(value, format_args!("is not a known setting")),
        }
    }
}

/// Reads one setting. Where that fails there is a problem more.
fn read_setting<'a>(
    reader: &mut Reader<'a>,
    setting: Setting,
    value: &Node<'a>,
    settings: &mut ModelSettings,
    env: Env<'_>,
) {
    match setting.shape() {
        Shape::Keys => keys(reader, value, env, settings),
        Shape::Entries => settings.fallbacks = entries(reader, value),
        Shape::Headers => {
            let read = |reader: &mut _, value: &_| {
                secret(reader, value, env, rules::header_value).map(Secret::into_text)
            };
            settings.headers = pairs(reader, value, &read);
        }
        Shape::Query => settings.query = pairs(reader, value, &query),
        Shape::Text => {
            if let Some(text) = text(reader, setting, value) {
                setting.put_text(settings, text);
            }
        }
        Shape::OneOf(texts) => {
            if let Some(text) = one_of(reader, texts, value) {
                setting.put_text(settings, text);
            }
        }
        Shape::Number(_) => {
            if let Some(number) = number(reader, setting, value) {
                setting.put_number(settings, number);
            }
        }
        Shape::Flag => {
            if let Some(flag) = reader.flag(value) {
                setting.put_flag(settings, flag);
            }
        }
    }
}

fn text<'a>(reader: &mut Reader<'a>, setting: Setting, value: &Node<'a>) -> Option<String> {
    let text = reader.text(value)?;
    if setting != Setting::BaseUrl {
        return Some(text.to_owned());
    }
    match BaseUrl::parse(text) {
        Ok(url) => Some(url.text),
        Err(message) => {
            reader.problem(value, format_args!("{message}"));
            None
        }
    }
}

fn one_of<'a>(reader: &mut Reader<'a>, texts: &[&'static str], value: &Node<'a>) -> Option<String> {
    let text = reader.text(value)?.to_owned();
    if texts.contains(&&*text) {
        return Some(text);
    }
    let list = texts.join("`, `");
    reader.problem(value, format_args!("must be one of `{list}`, not `{text}`"));
    None
}

fn number(reader: &mut Reader<'_>, setting: Setting, value: &Node<'_>) -> Option<f64> {
    let number = reader.number(value)?;
    let Shape::Number(range) = setting.shape() else { return None };
    let mut checked = range.check(number);
    if checked.is_ok() && range.seconds {
        checked = duration_from_seconds(number).map(|_| ());
    }
    match checked {
        Ok(()) => Some(number),
        Err(message) => {
            reader.problem(value, format_args!("{message}"));
            None
        }
    }
}

fn entries<'a>(reader: &mut Reader<'a>, list: &Node<'a>) -> Vec<String> {
    let mut names = Vec::new();
    for name in reader.elements(list).unwrap_or_default() {
        names.extend(reader.text(&name).map(str::to_owned));
    }
    names
}

fn query<'a>(reader: &mut Reader<'a>, value: &Node<'a>) -> Option<String> {
    match value.json.value {
        // As written: `1.0` is not `1` to a server.
        Value::Number(_) | Value::Flag(_) => Some(value.json.to_string()),
        _ => reader.text(value).map(str::to_owned),
    }
}

/// A string that may come from the environment, judged here to say which one is bad and why.
pub(super) fn secret<'a>(
    reader: &mut Reader<'a>,
    value: &Node<'a>,
    env: Env<'_>,
    rule: fn(&str) -> Result<(), String>,
) -> Option<Secret> {
    let written = reader.text(value)?;
    let found = resolve(written, env).and_then(|secret| match rule(&secret) {
        Ok(()) => Ok(secret),
        Err(message) if is_reference(written) => {
            Err(format!("names an environment variable whose value {message}"))
        }
        Err(message) => Err(message),
    });
    match found {
        Ok(secret) => Some(secret),
        Err(message) => {
            reader.problem(value, format_args!("{message}"));
            None
        }
    }
}

/// Reads the value of a member.
type Read<'r, 'a> = &'r dyn Fn(&mut Reader<'a>, &Node<'a>) -> Option<String>;

fn pairs<'a>(
    reader: &mut Reader<'a>,
    object: &Node<'a>,
    read: Read<'_, 'a>,
) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    for Member { name, value } in reader.members(object).unwrap_or_default() {
        if let Some(text) = read(reader, &value) {
            pairs.push((name.to_owned(), text));
        }
    }
    pairs
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::json_tree::Document;
    use super::super::model_settings::RateLimitScope;
    use super::*;

    /// Reads one entry that stands on line 2, with its keys on line 3.
    fn read(fields: &str) -> (ModelSettings, Vec<String>) {
        let text = format!("{{\"gpt-4\":\n{{\n{fields}\n}}}}");
        let document = Document::read(&text).unwrap();
        let mut reader = document.reader();
        let entry = reader.members(&document.root()).unwrap().remove(0).value;
        let fields = reader.members(&entry).unwrap();
        let mut settings = ModelSettings::new("openai", "gpt-4", [""; 0]);
        let env = |name: &str| match name {
            "KEY" => Some("sk-env\n".to_owned()),
            "BAD" => Some("sk secret".to_owned()),
            _ => None,
        };
        report_unknown(&mut reader, &fields, false);
        read_entry(&mut reader, &entry, &fields, &mut settings, &env);
        let problems = reader.problems.iter();
        let problems = problems.map(|p| p.to_string().replace("gpt-4.", "")).collect();
        (settings, problems)
    }

    #[test]
    fn only_keys_are_required_where_the_provider_is_known() {
        let (settings, problems) = read(r#""api_keys": ["sk-1"]"#);
        assert_eq!(problems, [""; 0]);
        assert_eq!(settings, ModelSettings::new("openai", "gpt-4", ["sk-1"]));
        assert_eq!(settings.model, "gpt-4");
    }

    #[test]
    fn every_setting_is_read() {
        let (settings, problems) = read(
            r#""api_keys": ["sk-1", "$KEY", "$$x", "sk-1"], "base_url": "HTTP://h:80/v1/",
            "model": "m", "max_retries": 0, "retry_delay": 0.25, "rate_limit_capacity": 2.5,
            "rate_limit_refill_rate": 0.1, "rate_limit_tokens_per_minute": 90000, "rate_limit_scope": "key", "max_concurrency": 4, "max_concurrency_per_key": 2, "headers": {"X-A": "$KEY", "X-B": "$$b"},
            "query": {"v": "1", "n": 1.0, "f": true}, "auth_header": "api-key", "timeout": 30,
            "headers_timeout": 1, "first_token_timeout": 2, "idle_timeout": 3,
            "context_window": 8192, "fallbacks": ["a/b"], "allow_http": true, "max_event_bytes": 1024.0,
            "skip_undecodable_events": true"#,
        );
        assert_eq!(problems, [""; 0]);
        let mut expected = ModelSettings::new("openai", "gpt-4", ["sk-1", "sk-env", "$x"]);
        let pairs = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
        };
        let seconds = std::time::Duration::from_secs;
        expected.base_url = "http://h/v1".to_owned();
        expected.model = "m".to_owned();
        expected.max_retries = 0;
        expected.retry_delay = std::time::Duration::from_millis(250);
        expected.rate_limit_capacity = 2.5;
        expected.rate_limit_refill_rate = 0.1;
        expected.rate_limit_tokens_per_minute = Some(90_000.0);
        expected.rate_limit_scope = RateLimitScope::Key;
        expected.max_concurrency = Some(4);
        expected.max_concurrency_per_key = Some(2);
        expected.headers = pairs(&[("X-A", "sk-env"), ("X-B", "$b")]);
        expected.query = pairs(&[("v", "1"), ("n", "1.0"), ("f", "true")]);
        expected.auth_header = Some("api-key".to_owned());
        expected.timeout = Some(seconds(30));
        expected.headers_timeout = seconds(1);
        expected.first_token_timeout = seconds(2);
        expected.idle_timeout = seconds(3);
        expected.context_window = Some(8192);
        expected.fallbacks = vec!["a/b".to_owned()];
        expected.allow_http = true;
        expected.max_event_bytes = 1024;
        expected.skip_undecodable_events = true;
        assert_eq!(settings, expected);
    }

    #[test]
    fn bad_keys_are_placed_and_never_shown() {
        for (keys, problem) in [
            (r#""sk-secret""#, "line 3: api_keys: expected a list of keys, found a string; put"),
            ("null", "line 3: api_keys: expected a list, found null"),
            ("[]", "line 3: api_keys: must hold at least one key"),
            (r#"["sk-1", ""]"#, "line 3: api_keys[1]: is empty"),
            ("[\n\"sk secret\"]", "line 4: api_keys[0]: has a space"),
            (r#"["sk-secret\n"]"#, "line 3: api_keys[0]: has a space, a control character"),
            ("[5]", "line 3: api_keys[0]: expected a string, found a number"),
            (r#"["$NONE"]"#, "line 3: api_keys[0]: the environment variable `NONE` is not set"),
            (r#"["$secret"]"#, "line 3: api_keys[0]: the environment variable it names"),
            (r#"["$BAD"]"#, "line 3: api_keys[0]: names an environment variable whose value has"),
            (r#"["sk-1", []]"#, "line 3: api_keys[1]: must hold at least one key"),
            (r#"[["sk-1", ["sk-2"]]]"#, "line 3: api_keys[0][1]: expected a string, found a list"),
            (r#"[["sk-1", "sk secret"]]"#, "line 3: api_keys[0][1]: has a space"),
            (
                r#"["sk-secret", ["sk-1", "sk-secret"]]"#,
                "line 3: api_keys[1][1]: belongs to another account, too",
            ),
            (
                r#"[["sk-1", "sk-secret"], ["sk-secret", "sk-2"]]"#,
                "line 3: api_keys[1][0]: belongs to another account, too",
            ),
            (
                r#"[["sk-1", "sk-secret"], "sk-secret"]"#,
                "line 3: api_keys[1]: belongs to another account, too",
            ),
        ] {
            let (_, problems) = read(&format!("\"api_keys\": {keys}"));
            assert_eq!(problems.len(), 1, "{problems:?}");
            assert!(problems[0].starts_with(problem), "{problems:?}");
            assert!(!problems[0].contains("secret"), "{problems:?}");
        }
        assert_eq!(read("").1, ["line 2: api_keys: is missing"]);
        let local = r#""base_url": "http://localhost:1/v1", "api_keys": []"#;
        assert_eq!(read(local).1, [""; 0]);
    }

    #[test]
    fn values_out_of_range_or_of_the_wrong_kind_say_what_is_right() {
        for (field, problem) in [
            (r#""max_retries": "5""#, "expected a number, found a string; leave out the quotes"),
            (r#""max_retries": 1.5"#, "must be a whole number from 0 to 100, not 1.5"),
            (r#""max_retries": -1"#, "must be a whole number from 0 to 100, not -1"),
            (r#""max_retries": 101"#, "must be a whole number from 0 to 100, not 101"),
            (r#""max_retries": true"#, "expected a number, found true or false"),
            (r#""retry_delay": -0.5"#, "must be a number of seconds of at least 0, not -0.5"),
            (r#""retry_delay": "soon""#, "expected a number, found a string"),
            (r#""timeout": 0"#, "must be a number of seconds above 0, not 0"),
            (r#""timeout": 1e-30"#, "must be a number of seconds above 0, not 0"),
            (r#""timeout": null"#, "expected a number, found null"),
            (
                r#""idle_timeout": 60000"#,
                "must be at most 10000 seconds, not 60000; it looks like milliseconds, and \
                 durations are in seconds",
            ),
            (r#""rate_limit_capacity": 0.5"#, "must be a number of at least 1, not 0.5"),
            (r#""rate_limit_capacity": 1e999"#, "is too large a number"),
            (r#""rate_limit_refill_rate": 0"#, "must be a number above 0, not 0"),
            (r#""context_window": 0"#, "must be a whole number of at least 1, not 0"),
            (r#""rate_limit_scope": "pool""#, "must be one of `client`, `key`, not `pool`"),
            (r#""allow_http": "yes""#, "expected true or false, found a string"),
            (r#""model": """#, "must not be empty"),
            (r#""model": ["m"]"#, "expected a string, found a list"),
            (r#""base_url": 5"#, "expected a string, found a number"),
            (r#""base_url": """#, "must be an absolute URL that begins with https:// (or http://)"),
            (r#""headers": []"#, "expected an object, found a list"),
            (r#""auth_header": "host""#, "is a header that the client writes itself"),
        ] {
            let (_, problems) = read(&format!("\"api_keys\": [\"sk-1\"],\n{field}"));
            let name = field.split('"').nth(1).unwrap();
            assert_eq!(problems, [format!("line 4: {name}: {problem}")]);
        }
    }

    #[test]
    fn parts_of_headers_and_query_are_placed() {
        for (field, problem) in [
            ("\"headers\": {\n\"Host\": \"h\"}", "line 5: headers.Host: is a header that"),
            (r#""headers": {"X-A": "$NONE"}"#, "line 4: headers.X-A: the environment variable `NO"),
            (r#""headers": {"X-A": "secret\r"}"#, "line 4: headers.X-A: must be visible ASCII"),
            (r#""headers": {"X-A": 1}"#, "line 4: headers.X-A: expected a string, found a number"),
            ("\"query\": {\"v\": 1,\n\"v\": 2}", "line 5: query.v: stands twice here, first on"),
            (r#""query": {"v": null}"#, "line 4: query.v: expected a string, found null"),
        ] {
            let (_, problems) = read(&format!("\"api_keys\": [\"sk-1\"],\n{field}"));
            assert_eq!(problems.len(), 1, "{problems:?}");
            assert!(problems[0].starts_with(problem), "{problems:?}");
            assert!(!problems[0].contains("secret"), "{problems:?}");
        }
    }

    #[test]
    fn unknown_and_repeated_fields_are_problems() {
        for (field, problem) in [
            (r#""baseUrl": "x""#, "baseUrl: is not a known setting; did you mean `base_url`?"),
            (r#""temperature": 1"#, "temperature: is not a known setting"),
            (r#""model_name": "m""#, "model_name: is for the list form; here the entry's name is"),
            ("\"api_keys\": [\"b\"]", "api_keys: stands twice here, first on line 3"),
        ] {
            let (_, problems) = read(&format!("\"api_keys\": [\"sk-1\"],\n{field}"));
            assert_eq!(problems.len(), 1, "{problems:?}");
            assert!(problems[0].starts_with(&format!("line 4: {problem}")), "{problems:?}");
        }
    }
}
