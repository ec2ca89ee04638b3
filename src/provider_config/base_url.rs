//! The address of a provider: checked, in one spelling, with its origin.
//!
//! A checker of our own instead of the `url` crate, for two reasons. Its Unicode tables for
//! international host names would be a large part of the wasm file. And it is lenient: `http:\\a`
//! and `https://0x7f.1` are URLs to it, while a key must never go to a host that a person reading
//! the file did not see. Only what every URL parser reads the same way is accepted here.

use crate::core::text;
use crate::platform;

/// An absolute `http` or `https` URL without userinfo, query, fragment or trailing slash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct BaseUrl {
    /// The URL in one spelling: equal texts are equal addresses.
    pub(crate) text: String,
    /// Scheme, host and port, lower-case, without the scheme's own port: where a key may go.
    pub(crate) origin: String,
    /// The bare host, lower-case.
    host: String,
    secure: bool,
}

impl BaseUrl {
    /// Reads a URL.
    ///
    /// # Errors
    ///
    /// What is wrong, to be put after the setting's path. The URL is never repeated in it, as one
    /// with userinfo or a query may hold a secret.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        if text.trim_ascii() != text {
            return Err("has whitespace around it");
        }
        let (secure, rest) = split_scheme(text)?;
        let (authority, _) = text::cut(rest, "/?#");
        let path = &rest[authority.len()..];
        let (host, port) = split_authority(authority)?;
        let host = checked_host(host)?;
        let port = checked_port(port)?.filter(|port| *port != if secure { 443 } else { 80 });
        let path = checked_path(path)?;

        let scheme = if secure { "https" } else { "http" };
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        let origin = format!("{scheme}://{host}{port}");
        Ok(Self { text: format!("{origin}{path}"), origin, host, secure })
    }

    /// Whether it is `https`.
    pub(crate) fn is_secure(&self) -> bool {
        self.secure
    }

    /// Whether the host is this machine by its very name, so that nothing leaves it.
    pub(crate) fn is_loopback(&self) -> bool {
        self.host == "localhost"
            || self.host.ends_with(".localhost")
            || self.host == "[::1]"
            || (self.host.starts_with("127.") && is_ipv4(&self.host))
    }
}

fn split_scheme(text: &str) -> Result<(bool, &str), &'static str> {
    let wanted = "must be an absolute URL that begins with https:// (or http://)";
    let (scheme, rest) = text::cut(text, ":");
    let rest = rest.and_then(|rest| rest.strip_prefix("//")).ok_or(wanted)?;
    if scheme.eq_ignore_ascii_case("https") {
        Ok((true, rest))
    } else if scheme.eq_ignore_ascii_case("http") {
        Ok((false, rest))
    } else {
        Err(wanted)
    }
}

fn split_authority(authority: &str) -> Result<(&str, Option<&str>), &'static str> {
    if authority.contains('@') {
        return Err("must not hold a user or password; keys go into `api_keys`");
    }
    // The colons inside an IPv6 address are not the port's.
    let bracket = text::find(authority, "]").map_or(0, |bracket| bracket + 1);
    let (rest, port) = text::cut(&authority[bracket..], ":");
    Ok((&authority[..bracket + rest.len()], port))
}

fn checked_host(host: &str) -> Result<String, &'static str> {
    if host.is_empty() {
        return Err("has no host");
    }
    if let Some(inner) = host.strip_prefix('[') {
        let address = inner.strip_suffix(']').and_then(platform::ipv6_text);
        return address.map(|it| format!("[{it}]")).ok_or("has an IPv6 host that cannot be read");
    }
    if !host.is_ascii() {
        return Err("has a host with letters outside ASCII; write it as `xn--…`");
    }
    let label_fits = |label: &&str| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        (1..=63).contains(&label.len()) && label.bytes().all(fits)
    };
    let labels = text::split(host, ".");
    if host.len() > 253 || !labels.iter().all(label_fits) {
        return Err("has a host that is no host name");
    }
    // URL parsers read a last label of digits (or 0x…) as an IPv4 address in many spellings:
    // only the plain one is taken, so that 127.1 or 0x7f.0.0.1 cannot hide where a key goes.
    let last = labels.last().copied().unwrap_or_default();
    let numeric = last.bytes().all(|byte| byte.is_ascii_digit())
        || last.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("0x"));
    if numeric && !is_ipv4(host) {
        return Err("has an IPv4 host that is not four numbers");
    }
    Ok(host.to_ascii_lowercase())
}

/// Whether it is four numbers, each in its shortest form.
fn is_ipv4(host: &str) -> bool {
    let is_number = |part: &&str| {
        let is_plain = *part == "0" || !part.starts_with('0');
        is_plain && part.parse::<u8>().is_ok()
    };
    let parts = text::split(host, ".");
    parts.len() == 4 && parts.iter().all(is_number)
}

fn checked_port(port: Option<&str>) -> Result<Option<u16>, &'static str> {
    let Some(port) = port else { return Ok(None) };
    let digits = port.bytes().all(|byte| byte.is_ascii_digit());
    match port.parse::<u16>() {
        Ok(number) if digits && number > 0 => Ok(Some(number)),
        _ => Err("has a port that is not a number from 1 to 65535"),
    }
}

fn checked_path(path: &str) -> Result<&str, &'static str> {
    if path.contains('#') {
        return Err("must not have a fragment (`#…`)");
    }
    if path.contains('?') {
        return Err("must not have a query (`?…`); put it into `query`");
    }
    let fits = |byte: u8| byte.is_ascii_graphic() && !br#""<>\^`{|}"#.contains(&byte);
    if !path.bytes().all(fits) {
        return Err("has a character that does not belong in a URL, such as a space or a brace");
    }
    let lower = path.to_ascii_lowercase();
    let plain = text::replaced(&lower, "%2e", ".");
    if text::split(&plain, "/").iter().any(|part| matches!(*part, "." | "..")) {
        return Err("must not have `.` or `..` as a part of its path");
    }
    if without_slashes(&lower).ends_with("/chat/completions") {
        return Err("must end before `/chat/completions`, which is added to it");
    }
    Ok(without_slashes(path))
}

fn without_slashes(mut path: &str) -> &str {
    while let Some(shorter) = path.strip_suffix('/') {
        path = shorter;
    }
    path
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn equal_addresses_have_one_spelling_and_origin() {
        for (text, spelt, origin) in [
            ("https://api.openai.com/v1/", "https://api.openai.com/v1", "https://api.openai.com"),
            (
                "HTTPS://API.OpenAI.com:443/v1",
                "https://api.openai.com/v1",
                "https://api.openai.com",
            ),
            ("http://h:80", "http://h", "http://h"),
            ("https://h:80//", "https://h:80", "https://h:80"),
            ("http://[0:0::1]:8000/V1", "http://[::1]:8000/V1", "http://[::1]:8000"),
            ("https://a_b.x--y/p%20q/~u", "https://a_b.x--y/p%20q/~u", "https://a_b.x--y"),
        ] {
            let url = BaseUrl::parse(text).unwrap();
            assert_eq!((url.text.as_str(), url.origin.as_str()), (spelt, origin));
        }
    }

    #[test]
    fn loopback_is_known_by_name() {
        for (host, loopback) in [
            ("localhost", true),
            ("LOCALHOST:11434", true),
            ("api.localhost", true),
            ("127.0.0.1", true),
            ("127.8.9.10:1", true),
            ("[::1]:8000", true),
            ("localhost.evil.com", false),
            ("127.0.0.1.evil.com", false),
            ("notlocalhost", false),
            ("128.0.0.1", false),
            ("0.0.0.0", false),
            ("[::2]", false),
            ("192.168.0.1", false),
        ] {
            let url = BaseUrl::parse(&format!("http://{host}/v1")).unwrap();
            assert_eq!(url.is_loopback(), loopback, "{host}");
        }
    }

    #[test]
    fn anything_else_is_refused_with_the_reason() {
        for (text, reason) in [
            ("", "absolute URL"),
            ("api.openai.com/v1", "absolute URL"),
            ("ftp://h", "absolute URL"),
            ("https:/h", "absolute URL"),
            (" https://h", "whitespace"),
            ("https://", "no host"),
            ("https:///v1", "no host"),
            ("https://:443", "no host"),
            ("https://sk-secret@h/v1", "keys go into `api_keys`"),
            ("https://u:sk-secret@h/v1", "keys go into `api_keys`"),
            ("https://h/v1?key=sk-secret", "put it into `query`"),
            ("https://h/v1#sk-secret", "fragment"),
            ("https://h?", "put it into `query`"),
            ("https://h:0", "port"),
            ("https://h:65536", "port"),
            ("https://h:+80", "port"),
            ("https://h:", "port"),
            ("https://[::1", "IPv6"),
            ("https://[::1]x", "IPv6"),
            ("https://a..b", "no host name"),
            ("https://a b", "no host name"),
            ("https://{resource}.openai.azure.com", "no host name"),
            ("https://h\\@evil.com", "keys go into `api_keys`"),
            ("https://h\\evil", "no host name"),
            ("https://bücher.example", "xn--"),
            ("https://127.1", "IPv4"),
            ("https://0x7f.0.0.1", "IPv4"),
            ("https://1.0x7f", "IPv4"),
            ("https://2130706433", "IPv4"),
            ("https://h/a b", "does not belong"),
            ("https://h/{deployment}", "does not belong"),
            ("https://h/v1\\", "does not belong"),
            ("https://h/é", "does not belong"),
            ("https://h/a/../b", "`..`"),
            ("https://h/a/%2E./b", "`..`"),
            ("https://h/v1/chat/completions", "is added to it"),
            ("https://h/v1/chat/completions/", "is added to it"),
        ] {
            let error = BaseUrl::parse(text).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
            assert!(!error.contains("sk-secret"), "{error}");
        }
    }
}
