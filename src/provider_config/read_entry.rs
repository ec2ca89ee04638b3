//! One entry of `provider.json`: its JSON fields become [`ModelSettings`].
//!
//! Reading only turns JSON into values; what the values must satisfy stands in [`rules`]. The
//! parts of a list or object are judged as they are read, since only then their place is known.

use super::base_url::BaseUrl;
use super::env_reference::{Env, is_reference, resolve};
use super::json_path;
use super::json_tree::{Document, Kind, Member, Node, duplicates};
use super::model_settings::{ModelSettings, distinct};
use super::nearest_name::nearest_name;
use super::rules::{self, Finding, Part};
use super::setting::{Setting, Shape};
use crate::core::key::ApiKey;
use crate::core::time::duration_from_seconds;
use crate::error::Problem;

/// The field that holds an entry's name in the list form.
pub(super) const MODEL_NAME: &str = "model_name";

/// What an entry gave: settings that may be used only where there is no problem.
pub(super) struct ReadEntry {
    pub(super) settings: ModelSettings,
    pub(super) problems: Vec<Problem>,
    /// The settings that could not be read, and still have their defaults.
    pub(super) unread: Vec<Setting>,
}

/// Reads the fields of `entry` into `settings`, which bring the defaults.
pub(super) fn read_entry(
    entry: &Node<'_>,
    fields: &[Member<'_>],
    mut settings: ModelSettings,
    env: Env<'_>,
) -> ReadEntry {
    let mut problems = duplicates(fields);
    let mut unread = Vec::new();
    for field in fields {
        if let Some(setting) = Setting::named(field.name)
            && let Err(found) = read_setting(setting, &field.value, &mut settings, env)
        {
            problems.extend(found);
            unread.push(setting);
        }
    }
    if !fields.iter().any(|field| field.name == Setting::ApiKeys.name()) {
        let path = json_path::member(entry.path(), Setting::ApiKeys.name());
        problems.push(Problem::new(path, entry.line(), "is missing"));
        unread.push(Setting::ApiKeys);
    }
    // A setting that could not be read has been reported; its default is not the user's fault.
    for setting in Setting::all().filter(|setting| !unread.contains(setting)) {
        let value = fields.iter().rfind(|field| field.name == setting.name());
        let findings = rules::check(setting, &settings);
        problems.extend(findings.into_iter().map(|f| place(entry, setting, value, f)));
    }
    settings.api_keys = distinct(settings.api_keys);
    ReadEntry { settings, problems, unread }
}

/// A problem for each field that is no setting, with the setting that may be meant.
pub(super) fn unknown_fields(fields: &[Member<'_>], in_list: bool) -> Vec<Problem> {
    let unknown = |field: &&Member<'_>| {
        Setting::named(field.name).is_none() && !(in_list && field.name == MODEL_NAME)
    };
    let problem = |field: &Member<'_>| {
        if field.name == MODEL_NAME {
            return field.value.problem("is for the list form; here the entry's name is its key");
        }
        let names = Setting::all().map(Setting::name).chain(in_list.then_some(MODEL_NAME));
        let hint = nearest_name(field.name, names)
            .map(|name| format!("; did you mean `{name}`?"))
            .unwrap_or_default();
        field.value.problem(format!("is not a known setting{hint}"))
    };
    fields.iter().filter(unknown).map(problem).collect()
}

/// Puts a finding where its value stands, or on the entry where the setting was left out.
fn place(
    entry: &Node<'_>,
    setting: Setting,
    field: Option<&Member<'_>>,
    finding: Finding,
) -> Problem {
    let path = finding.path_under(&json_path::member(entry.path(), setting.name()));
    let line = field.map_or(entry.line(), |field| match &finding.part {
        Part::Member(name) => line_of_member(&field.value, name),
        Part::Whole | Part::Element(_) => field.value.line(),
    });
    Problem::new(path, line, finding.message)
}

fn line_of_member(object: &Node<'_>, name: &str) -> usize {
    let members = object.members().unwrap_or_default();
    let member = members.iter().rfind(|member| member.name == name);
    member.map_or(object.line(), |member| member.value.line())
}

fn read_setting(
    setting: Setting,
    value: &Node<'_>,
    settings: &mut ModelSettings,
    env: Env<'_>,
) -> Result<(), Vec<Problem>> {
    match setting {
        Setting::ApiKeys => settings.api_keys = keys(value, env)?,
        Setting::Headers => settings.headers = headers(value, env)?,
        Setting::Query => settings.query = query(value)?,
        _ => read_single(setting, value, settings).map_err(|problem| vec![problem])?,
    }
    Ok(())
}

/// Reads a setting that is one string, number or flag.
fn read_single(
    setting: Setting,
    value: &Node<'_>,
    settings: &mut ModelSettings,
) -> Result<(), Problem> {
    match setting {
        Setting::BaseUrl => settings.base_url = base_url(value)?,
        Setting::Model => settings.model = value.string()?,
        Setting::AuthHeader => settings.auth_header = Some(value.string()?),
        Setting::AllowHttp => settings.allow_http = value.flag()?,
        Setting::SkipUndecodableEvents => settings.skip_undecodable_events = value.flag()?,
        // The ranges of the table hold the numbers well within these types.
        Setting::MaxRetries => settings.max_retries = number(setting, value)? as u32,
        Setting::ContextWindow => settings.context_window = Some(number(setting, value)? as u64),
        Setting::MaxEventBytes => settings.max_event_bytes = number(setting, value)? as usize,
        Setting::RateLimitCapacity => settings.rate_limit_capacity = number(setting, value)?,
        Setting::RateLimitRefillRate => settings.rate_limit_refill_rate = number(setting, value)?,
        Setting::RetryDelay => settings.retry_delay = seconds(setting, value)?,
        Setting::Timeout => settings.timeout = Some(seconds(setting, value)?),
        Setting::HeadersTimeout => settings.headers_timeout = seconds(setting, value)?,
        Setting::FirstTokenTimeout => settings.first_token_timeout = seconds(setting, value)?,
        Setting::IdleTimeout => settings.idle_timeout = seconds(setting, value)?,
        Setting::ApiKeys | Setting::Headers | Setting::Query => {}
    }
    Ok(())
}

fn base_url(value: &Node<'_>) -> Result<String, Problem> {
    let url = BaseUrl::parse(&value.string()?).map_err(|message| value.problem(message))?;
    Ok(url.text)
}

fn number(setting: Setting, value: &Node<'_>) -> Result<f64, Problem> {
    let number = value.number().map_err(|mut problem| {
        if value.string().is_ok_and(|text| is_number(&text)) {
            problem.message.push_str("; leave out the quotes");
        }
        problem
    })?;
    if let Shape::Number(range) = setting.shape() {
        range.check(number).map_err(|message| value.problem(message))?;
    }
    Ok(number)
}

fn is_number(text: &str) -> bool {
    Document::read(text).is_ok_and(|document| document.root().kind() == Kind::Number)
}

fn seconds(setting: Setting, value: &Node<'_>) -> Result<std::time::Duration, Problem> {
    let seconds = number(setting, value)?;
    duration_from_seconds(seconds).map_err(|message| value.problem(message))
}

fn keys(list: &Node<'_>, env: Env<'_>) -> Result<Vec<ApiKey>, Vec<Problem>> {
    if list.kind() == Kind::Text {
        let message = "expected a list of keys, found a string; put it into brackets: [\"…\"]";
        return Err(vec![list.problem(message)]);
    }
    let elements = list.elements().map_err(|problem| vec![problem])?;
    all_or_problems(elements.iter().map(|key| secret(key, env, rules::key).map(ApiKey::from)))
}

fn headers(object: &Node<'_>, env: Env<'_>) -> Result<Vec<(String, String)>, Vec<Problem>> {
    pairs(object, |value| secret(value, env, rules::header_value))
}

fn query(object: &Node<'_>) -> Result<Vec<(String, String)>, Vec<Problem>> {
    pairs(object, |value| match value.kind() {
        // As written: `1.0` is not `1` to a server.
        Kind::Number | Kind::Flag => Ok(value.written()),
        _ => value.string(),
    })
}

/// A string that may come from the environment, judged here to say which one is bad and why.
fn secret(
    value: &Node<'_>,
    env: Env<'_>,
    rule: fn(&str) -> Result<(), String>,
) -> Result<String, Problem> {
    let written = value.string()?;
    let secret = resolve(&written, env).map_err(|message| value.problem(message))?;
    match rule(&secret) {
        Ok(()) => Ok(secret),
        Err(message) if is_reference(&written) => {
            Err(value.problem(format!("names an environment variable whose value {message}")))
        }
        Err(message) => Err(value.problem(message)),
    }
}

fn pairs<'a>(
    object: &Node<'a>,
    read: impl Fn(&Node<'a>) -> Result<String, Problem>,
) -> Result<Vec<(String, String)>, Vec<Problem>> {
    let members = object.members().map_err(|problem| vec![problem])?;
    let twice = duplicates(&members);
    let pairs = all_or_problems(
        members.into_iter().map(|Member { name, value }| Ok((name.to_owned(), read(&value)?))),
    );
    match pairs {
        Ok(pairs) if twice.is_empty() => Ok(pairs),
        Ok(_) => Err(twice),
        Err(found) => Err(twice.into_iter().chain(found).collect()),
    }
}

/// Like collecting into a `Result`, but with every problem and not the first alone.
fn all_or_problems<T>(
    items: impl Iterator<Item = Result<T, Problem>>,
) -> Result<Vec<T>, Vec<Problem>> {
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for item in items {
        match item {
            Ok(item) => good.push(item),
            Err(problem) => bad.push(problem),
        }
    }
    if bad.is_empty() { Ok(good) } else { Err(bad) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Reads one entry that stands on line 2, with its keys on line 3.
    fn read(fields: &str) -> (ModelSettings, Vec<String>) {
        let text = format!("{{\"gpt-4\":\n{{\n{fields}\n}}}}");
        let document = Document::read(&text).unwrap();
        let entry = document.root().members().unwrap().remove(0).value;
        let fields = entry.members().unwrap();
        let defaults = ModelSettings::new("openai", "gpt-4", [""; 0]);
        let env = |name: &str| match name {
            "KEY" => Some("sk-env\n".to_owned()),
            "BAD" => Some("sk secret".to_owned()),
            _ => None,
        };
        let ReadEntry { settings, mut problems, .. } = read_entry(&entry, &fields, defaults, &env);
        problems.extend(unknown_fields(&fields, false));
        let problems = problems.iter().map(|p| p.to_string().replace("gpt-4.", "")).collect();
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
            "rate_limit_refill_rate": 0.1, "headers": {"X-A": "$KEY", "X-B": "$$b"},
            "query": {"v": "1", "n": 1.0, "f": true}, "auth_header": "api-key", "timeout": 30,
            "headers_timeout": 1, "first_token_timeout": 2, "idle_timeout": 3,
            "context_window": 8192, "allow_http": true, "max_event_bytes": 1024.0,
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
        expected.headers = pairs(&[("X-A", "sk-env"), ("X-B", "$b")]);
        expected.query = pairs(&[("v", "1"), ("n", "1.0"), ("f", "true")]);
        expected.auth_header = Some("api-key".to_owned());
        expected.timeout = Some(seconds(30));
        expected.headers_timeout = seconds(1);
        expected.first_token_timeout = seconds(2);
        expected.idle_timeout = seconds(3);
        expected.context_window = Some(8192);
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
