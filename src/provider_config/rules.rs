//! What each setting must satisfy: every rule once, for `provider.json` and for settings made by
//! hand alike. A message follows the setting's path and never holds a key or a header's value.

use super::base_url::BaseUrl;
use super::json_path;
use super::known_providers::known_names;
use super::model_settings::ModelSettings;
use super::nearest_name::nearest_name;
use super::setting::{Setting, Shape};
use crate::core::text;

/// Which part of a setting's value is meant.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part<'a> {
    Whole,
    Element(usize),
    Member(&'a str),
}

impl Part<'_> {
    /// The path of the part, given the setting's own.
    pub(super) fn path_under(self, setting: &str) -> String {
        match self {
            Part::Whole => setting.to_owned(),
            Part::Element(index) => json_path::element(setting, index),
            Part::Member(name) => json_path::member(setting, name),
        }
    }
}

/// Is told what is wrong, and with which part of a setting.
type Report<'r> = &'r mut dyn FnMut(Part<'_>, &str);

/// Of a key whose quota would be another's, and yet another's.
pub(super) const IN_TWO_ACCOUNTS: &str = "belongs to another account, too";

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

/// Reports everything that is wrong with one setting.
pub(super) fn check(setting: Setting, settings: &ModelSettings, report: Report<'_>) {
    let found = match setting {
        Setting::ApiKeys => return api_keys(settings, report),
        Setting::Headers => return headers(settings, report),
        Setting::Query => return query(settings, report),
        Setting::BaseUrl => base_url(settings),
        Setting::Model => name(&settings.model).map_err(str::to_owned),
        Setting::AuthHeader => auth_header(settings).map_err(str::to_owned),
        _ => number(setting, settings),
    };
    if let Err(message) = found {
        report(Part::Whole, &message);
    }
}

/// The name of a provider or model.
pub(super) fn name(name: &str) -> Result<(), &'static str> {
    if name.trim_ascii().is_empty() {
        Err("must not be empty")
    } else if name.chars().any(char::is_control) {
        Err("must not contain control characters")
    } else {
        Ok(())
    }
}

/// One key: visible ASCII, as anything else cannot stand in a header.
pub(crate) fn key(key: &str) -> Result<(), String> {
    if key.is_empty() {
        return Err("is empty".to_owned());
    }
    // Up to the first odd one, bytes are characters.
    match key.bytes().position(|b| !b.is_ascii_graphic()) {
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
    if value.bytes().all(|b| b == b' ' || b.is_ascii_graphic()) && value.trim_ascii() == value {
        Ok(())
    } else {
        Err("must be visible ASCII, with spaces only inside".to_owned())
    }
}

fn api_keys(settings: &ModelSettings, report: Report<'_>) {
    let is_local = || BaseUrl::parse(&settings.base_url).is_ok_and(|url| url.is_loopback());
    if settings.api_keys.is_empty() && !is_local() {
        let message =
            "must hold at least one key; only a server on this machine (localhost) may have none";
        report(Part::Whole, message);
    }
    for (at, one) in settings.api_keys.iter().enumerate() {
        if let Err(message) = key(one.expose()) {
            report(Part::Element(at), &message);
        }
        if settings.accounts.iter().filter(|keys| keys.contains(one)).count() > 1 {
            report(Part::Element(at), IN_TWO_ACCOUNTS);
        }
    }
}

fn base_url(settings: &ModelSettings) -> Result<(), String> {
    if settings.base_url.is_empty() {
        let mut message = "is missing, and no provider of this name is known".to_owned();
        if let Some(near) = nearest_name(&settings.provider, &mut known_names()) {
            message += &format!("; did you mean the provider `{near}`?");
        }
        return Err(message);
    }
    let url = BaseUrl::parse(&settings.base_url)?;
    if url.is_secure() || url.is_loopback() || settings.allow_http {
        return Ok(());
    }
    Err("must begin with https://: over plain http:// anyone on the way can read the keys (set \
         `allow_http` to true to allow it)"
        .to_owned())
}

fn headers(settings: &ModelSettings, report: Report<'_>) {
    for (index, (name, value)) in settings.headers.iter().enumerate() {
        // A whole line, put where its name belongs, has its value behind that.
        let part = Part::Member(text::cut(name, ": ").0);
        let is = |other: &String| other.eq_ignore_ascii_case(name);
        if let Err(message) = header_name(name) {
            report(part, message);
        } else if settings.auth_header.as_ref().is_some_and(is) {
            report(part, "is the header that `auth_header` puts the key into");
        }
        if settings.headers[..index].iter().any(|(other, _)| is(other)) {
            report(part, "is set twice; case does not count in headers");
        }
        if let Err(message) = header_value(value) {
            report(part, &message);
        }
    }
}

fn header_name(name: &str) -> Result<(), &'static str> {
    if name.eq_ignore_ascii_case("authorization") {
        return Err("is written from `api_keys`; `auth_header` names another header for the key");
    }
    token(name)?;
    if RESERVED_HEADERS.iter().any(|reserved| reserved.eq_ignore_ascii_case(name)) {
        return Err("is a header that the client writes itself");
    }
    Ok(())
}

/// A header's name as RFC 9110 has it.
fn token(name: &str) -> Result<(), &'static str> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if !name.is_empty() && name.bytes().all(fits) {
        Ok(())
    } else {
        Err("is no header name: letters, digits and `-` only")
    }
}

fn query(settings: &ModelSettings, report: Report<'_>) {
    for (name, value) in &settings.query {
        if name.is_empty() {
            report(Part::Member(name), "has an empty name");
        }
        if [name, value].iter().any(|text| text.chars().any(char::is_control)) {
            report(Part::Member(name), "must not contain control characters");
        }
    }
}

fn auth_header(settings: &ModelSettings) -> Result<(), &'static str> {
    match &settings.auth_header {
        None => Ok(()),
        // With it the key would be sent without `Bearer`, which nobody means who writes this.
        Some(name) if name.eq_ignore_ascii_case("authorization") => {
            Err("is `Authorization: Bearer` by default; leave it out")
        }
        Some(name) => header_name(name),
    }
}

fn number(setting: Setting, settings: &ModelSettings) -> Result<(), String> {
    match (setting.shape(), setting.number_in(settings)) {
        (Shape::Number(range), Some(number)) => range.check(number),
        _ => Ok(()),
    }
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
        let mut found = Vec::new();
        check(setting, &settings(change), &mut |part, message| {
            found.push(format!("{}: {message}", part.path_under("x")));
        });
        found
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
        let line = messages(Setting::Headers, |s| {
            s.headers = vec![("Authorization: Bearer sk-secret".to_owned(), String::new())];
        });
        assert_eq!(line, ["x.Authorization: is no header name: letters, digits and `-` only"]);
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
            assert_eq!(messages(setting, |_| ()), [""; 0]);
        }
    }
}
