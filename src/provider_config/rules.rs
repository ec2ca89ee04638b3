//! What each setting must satisfy: every rule once, for `provider.json` and for settings made by
//! hand alike. A message follows the setting's path and never holds a key or a header's value.

use super::base_url::BaseUrl;
use super::json_path;
use super::known_providers::known_names;
use super::model_settings::ModelSettings;
use super::nearest_name::nearest_name;
use super::setting::{Setting, Shape};

/// Something wrong with a setting, or with one part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) part: Part,
    pub(super) message: String,
}

/// Which part of a setting's value is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Whole,
    Element(usize),
    Member(String),
}

impl Finding {
    fn whole(message: impl Into<String>) -> Self {
        Self { part: Part::Whole, message: message.into() }
    }

    /// The path of what is wrong, given the setting's own.
    pub(super) fn path_under(&self, setting: &str) -> String {
        match &self.part {
            Part::Whole => setting.to_owned(),
            Part::Element(index) => json_path::element(setting, *index),
            Part::Member(name) => json_path::member(setting, name),
        }
    }
}

/// Headers that the client or the transport writes itself.
const RESERVED_HEADERS: [&str; 14] = [
    "accept",
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Everything wrong with one setting.
pub(super) fn check(setting: Setting, settings: &ModelSettings) -> Vec<Finding> {
    match setting {
        Setting::ApiKeys => api_keys(settings),
        Setting::BaseUrl => base_url(settings).err().map(Finding::whole).into_iter().collect(),
        Setting::Model => name(&settings.model).err().map(Finding::whole).into_iter().collect(),
        Setting::Headers => headers(settings),
        Setting::Query => query(settings),
        Setting::AuthHeader => auth_header(settings).map(Finding::whole).into_iter().collect(),
        _ => number(setting, settings).map(Finding::whole).into_iter().collect(),
    }
}

/// The name of a provider or model.
pub(super) fn name(name: &str) -> Result<(), String> {
    if name.trim().is_empty() {
        Err("must not be empty".to_owned())
    } else if name.chars().any(char::is_control) {
        Err("must not contain control characters".to_owned())
    } else {
        Ok(())
    }
}

/// One key: visible ASCII, as anything else cannot stand in a header.
pub(crate) fn key(key: &str) -> Result<(), String> {
    if key.is_empty() {
        return Err("is empty".to_owned());
    }
    match key.chars().position(|c| !c.is_ascii_graphic()) {
        None => Ok(()),
        Some(at) => Err(format!(
            "has a space, a control character or a letter outside ASCII as character {} of {}: \
             no key has that",
            at + 1,
            key.chars().count()
        )),
    }
}

/// The value of a header.
pub(super) fn header_value(value: &str) -> Result<(), String> {
    if value.chars().all(|c| c == ' ' || c.is_ascii_graphic()) && value.trim() == value {
        Ok(())
    } else {
        Err("must be visible ASCII, with spaces only inside".to_owned())
    }
}

fn api_keys(settings: &ModelSettings) -> Vec<Finding> {
    let local = BaseUrl::parse(&settings.base_url).is_ok_and(|url| url.is_loopback());
    if settings.api_keys.is_empty() && !local {
        return vec![Finding::whole(
            "must hold at least one key; only a server on this machine (localhost) may have none",
        )];
    }
    let finding = |(index, message)| Finding { part: Part::Element(index), message };
    let keys = settings.api_keys.iter().enumerate();
    keys.filter_map(|(at, one)| Some((at, key(one.expose()).err()?))).map(finding).collect()
}

fn base_url(settings: &ModelSettings) -> Result<(), String> {
    if settings.base_url.is_empty() {
        let hint = nearest_name(&settings.provider, known_names())
            .map(|near| format!("; did you mean the provider `{near}`?"))
            .unwrap_or_default();
        return Err(format!("is missing, and no provider of this name is known{hint}"));
    }
    let url = BaseUrl::parse(&settings.base_url)?;
    if url.is_secure() || url.is_loopback() || settings.allow_http {
        return Ok(());
    }
    Err("must begin with https://: over plain http:// anyone on the way can read the keys (set \
         `allow_http` to true to allow it)"
        .to_owned())
}

fn headers(settings: &ModelSettings) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, (name, value)) in settings.headers.iter().enumerate() {
        let mut report =
            |message| findings.push(Finding { part: Part::Member(name.clone()), message });
        if let Err(message) = header_name(name) {
            report(message);
        } else if settings.auth_header.as_ref().is_some_and(|auth| auth.eq_ignore_ascii_case(name))
        {
            report("is the header that `auth_header` puts the key into".to_owned());
        }
        let earlier = settings.headers[..index].iter();
        if earlier.clone().any(|(other, _)| other.eq_ignore_ascii_case(name)) {
            report("is set twice; case does not count in headers".to_owned());
        }
        header_value(value).unwrap_or_else(report);
    }
    findings
}

fn header_name(name: &str) -> Result<(), String> {
    if name.eq_ignore_ascii_case("authorization") {
        return Err(
            "is written from `api_keys`; `auth_header` names another header for the key".to_owned()
        );
    }
    token(name)?;
    if RESERVED_HEADERS.iter().any(|reserved| reserved.eq_ignore_ascii_case(name)) {
        return Err("is a header that the client writes itself".to_owned());
    }
    Ok(())
}

/// A header's name as RFC 9110 has it.
fn token(name: &str) -> Result<(), String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if !name.is_empty() && name.bytes().all(fits) {
        Ok(())
    } else {
        Err("is no header name: letters, digits and `-` only".to_owned())
    }
}

fn query(settings: &ModelSettings) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, value) in &settings.query {
        let mut report = |message: &str| {
            let part = Part::Member(name.clone());
            findings.push(Finding { part, message: message.to_owned() });
        };
        if name.is_empty() {
            report("has an empty name");
        }
        if name.chars().chain(value.chars()).any(char::is_control) {
            report("must not contain control characters");
        }
    }
    findings
}

fn auth_header(settings: &ModelSettings) -> Option<String> {
    let name = settings.auth_header.as_ref()?;
    if name.eq_ignore_ascii_case("authorization") {
        // With it the key would be sent without `Bearer`, which nobody means who writes this.
        return Some("is `Authorization: Bearer` by default; leave it out".to_owned());
    }
    header_name(name).err()
}

fn number(setting: Setting, settings: &ModelSettings) -> Option<String> {
    let Shape::Number(range) = setting.shape() else { return None };
    range.check(setting.number_in(settings)?).err()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn settings(change: impl FnOnce(&mut ModelSettings)) -> ModelSettings {
        let mut settings = ModelSettings::new("openai", "gpt-4", ["sk-1"]);
        change(&mut settings);
        settings
    }

    fn messages(setting: Setting, change: impl FnOnce(&mut ModelSettings)) -> Vec<String> {
        let findings = check(setting, &settings(change));
        findings.iter().map(|f| format!("{}: {}", f.path_under("x"), f.message)).collect()
    }

    #[test]
    fn keys_are_one_visible_word() {
        for good in ["sk-1", "bce-v3/ALTAK-x/y", "$x", "your-key-here", "~!@#%^&*()"] {
            assert_eq!(key(good), Ok(()), "{good}");
        }
        for bad in ["", " ", "sk 1", "sk-1\n", " sk-1", "sk\u{0}", "sk-é", "sk-1\u{200b}"] {
            let message = key(bad).unwrap_err();
            assert!(bad.len() < 3 || !message.contains(bad), "{message}");
        }
        assert!(key("ab\tcd").unwrap_err().contains("character 3 of 5"));
    }

    #[test]
    fn no_keys_are_for_this_machine_only() {
        for (base_url, fine) in [
            ("http://localhost:11434/v1", true),
            ("http://[::1]/v1", true),
            ("https://api.openai.com/v1", false),
            ("nonsense", false),
        ] {
            let found = messages(Setting::ApiKeys, |s| {
                s.api_keys.clear();
                s.base_url = base_url.to_owned();
            });
            assert_eq!(found.is_empty(), fine, "{base_url}: {found:?}");
        }
    }

    #[test]
    fn plain_http_needs_loopback_or_permission() {
        let with = |base_url: &str, allow_http: bool| {
            messages(Setting::BaseUrl, |s| {
                (s.base_url, s.allow_http) = (base_url.to_owned(), allow_http);
            })
        };
        assert!(with("http://192.168.0.1/v1", false)[0].contains("`allow_http`"));
        assert!(with("http://192.168.0.1/v1", true).is_empty());
        assert!(with("http://127.0.0.1:8000", false).is_empty());
        assert!(with("https://h", false).is_empty());
    }

    #[test]
    fn a_missing_address_names_the_nearest_provider() {
        let of = |provider: &str| base_url(&ModelSettings::new(provider, "m", ["k"])).unwrap_err();
        assert!(of("opanai").ends_with("did you mean the provider `openai`?"));
        assert!(of("my-company").ends_with("no provider of this name is known"));
    }

    #[test]
    fn headers_are_valid_and_not_the_clients_own() {
        for (name, value, wrong) in [
            ("X-Title", "My app", None),
            ("x-key", "", None),
            ("Authorization", "x", Some("`api_keys`")),
            ("Content-Length", "x", Some("writes itself")),
            ("HOST", "x", Some("writes itself")),
            ("X Title", "x", Some("no header name")),
            ("", "x", Some("no header name")),
            ("x-é", "x", Some("no header name")),
            ("api-key", "x", Some("`auth_header`")),
            ("x-a", "b\r\nc: d", Some("visible ASCII")),
            ("x-a", " b", Some("visible ASCII")),
        ] {
            let found = messages(Setting::Headers, |s| {
                s.auth_header = Some("Api-Key".to_owned());
                s.headers = vec![(name.to_owned(), value.to_owned())];
            });
            match wrong {
                None => assert!(found.is_empty(), "{found:?}"),
                Some(part) => assert!(found.len() == 1 && found[0].contains(part), "{found:?}"),
            }
        }
        let twice = messages(Setting::Headers, |s| {
            s.headers = ["X-A", "x-a"].map(|name| (name.to_owned(), "1".to_owned())).to_vec();
        });
        assert_eq!(twice, ["x.x-a: is set twice; case does not count in headers"]);
    }

    #[test]
    fn the_keys_header_is_a_header_of_its_own() {
        for (name, fine) in [
            ("api-key", true),
            ("x-api-key", true),
            ("Authorization", false),
            ("host", false),
            ("api key", false),
            ("", false),
        ] {
            let found = messages(Setting::AuthHeader, |s| s.auth_header = Some(name.to_owned()));
            assert_eq!(found.is_empty(), fine, "{name}: {found:?}");
        }
    }

    #[test]
    fn query_parameters_have_names_and_no_control_characters() {
        for (name, value, fine) in
            [("api-version", "2024-10-21", true), ("", "x", false), ("a", "b\n", false)]
        {
            let query = vec![(name.to_owned(), value.to_owned())];
            let found = messages(Setting::Query, |s| s.query = query);
            assert_eq!(found.is_empty(), fine, "{found:?}");
        }
    }

    #[test]
    fn the_defaults_break_no_rule() {
        for setting in Setting::all() {
            assert_eq!(check(setting, &settings(|_| ())), []);
        }
    }
}
