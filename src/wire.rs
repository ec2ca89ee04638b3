//! What goes to the provider with every request: the URL and headers, made once per client.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;

use crate::core::key::ApiKey;
use crate::core::redaction::Redaction;
use crate::core::text;
use crate::forward::ForwardRequest;
use crate::platform::{Header, HttpRequest};
use crate::provider_config::ModelSettings;

/// A header's or parameter's value of fewer characters is no secret.
const SHORTEST_SECRET: usize = 8;

/// What comes before a token in a header.
const SCHEMES: [&str; 4] = ["bearer", "basic", "token", "key"];

const AUTHORIZATION: &str = "authorization";

/// Headers of a forwarded request that belong to the way that it came, or could be a key.
const NOT_FORWARDED: [&str; 5] = ["host", "content-length", "connection", "cookie", "api-key"];

/// What a call asks for.
pub(crate) enum Target {
    /// An answer in one piece.
    Answer,
    /// A stream.
    Stream,
    /// Whatever somebody else's request asks for.
    Forward(Arc<ForwardRequest>),
}

/// The parts of a request that are the same for every call of a client.
pub(crate) struct Wire {
    url: Arc<str>,
    /// The headers of a request for an answer in one piece.
    answer_headers: Vec<Header>,
    /// The headers of a request for a stream.
    stream_headers: Vec<Header>,
    auth_header: Option<String>,
    /// Not only the key of an attempt is one: a cache may answer with what it said of another, and
    /// gateways have keys of their own in headers and the query.
    secrets: Arc<[ApiKey]>,
}

impl Wire {
    pub fn new(settings: &ModelSettings) -> Self {
        let mut url = format!("{}/chat/completions", settings.base_url);
        for (index, (name, value)) in settings.query.iter().enumerate() {
            url.push(if index == 0 { '?' } else { '&' });
            url.push_str(&percent_encoded(name));
            url.push('=');
            url.push_str(&percent_encoded(value));
        }
        let headers = |accept| {
            let known = [header("content-type", "application/json"), header("accept", accept)];
            let mut headers = Vec::from(known);
            for (name, value) in &settings.headers {
                let (name, value) = (name.to_ascii_lowercase().into(), value.clone().into());
                headers.push(Header { name, value, sensitive: true });
            }
            headers
        };
        let auth_header = settings.auth_header.as_ref().map(|name| name.to_ascii_lowercase());
        let mut secrets = settings.api_keys.clone();
        for (_, value) in settings.headers.iter().chain(&settings.query) {
            for secret in [Some(&**value), behind_scheme(value)].into_iter().flatten() {
                if secret.chars().count() >= SHORTEST_SECRET {
                    secrets.push(ApiKey::new(secret));
                }
            }
        }
        Self {
            url: url.into(),
            answer_headers: headers("application/json"),
            stream_headers: headers("text/event-stream"),
            auth_header,
            secrets: secrets.into(),
        }
    }

    /// What keeps the secrets of an attempt with this key out of errors and logs.
    pub fn redaction(&self, key: &ApiKey) -> Redaction {
        Redaction::new(self.secrets.clone(), key.clone())
    }

    /// A request to `target` with `body` and `key` (empty: none).
    pub fn request(&self, target: &Target, body: Bytes, key: &str) -> HttpRequest {
        let mut request = match target {
            Target::Answer => self.post(&self.answer_headers, body),
            Target::Stream => self.post(&self.stream_headers, body),
            Target::Forward(request) => self.forwarded(request, body),
        };
        if !key.is_empty() {
            let (name, value) = match &self.auth_header {
                Some(name) => (Cow::Owned(name.clone()), key.to_owned()),
                None => (AUTHORIZATION.into(), ["Bearer ", key].concat()),
            };
            request.headers.push(Header { name, value: value.into(), sensitive: true });
        }
        request
    }

    fn post(&self, headers: &[Header], body: Bytes) -> HttpRequest {
        let mut all = Vec::with_capacity(headers.len() + 1); // the key's comes
        all.extend_from_slice(headers);
        HttpRequest::post(self.url.clone(), all, body)
    }

    /// Somebody's request, with what the settings send in place of what it brings.
    fn forwarded(&self, request: &ForwardRequest, body: Bytes) -> HttpRequest {
        let own = self.answer_headers.iter().filter(|header| header.sensitive);
        let mut headers: Vec<Header> = own.cloned().collect();
        let is_set = |name: &str| {
            let theirs = self.auth_header.as_deref().unwrap_or(AUTHORIZATION);
            [AUTHORIZATION, theirs].contains(&name) || NOT_FORWARDED.contains(&name)
        };
        for (name, value) in &request.headers {
            let name = name.to_ascii_lowercase();
            if !is_set(&name) && headers.iter().all(|header| header.name != name) {
                let (name, value) = (name.into(), value.clone().into());
                headers.push(Header { name, value, sensitive: true });
            }
        }
        let mut url = request.url.clone();
        if let (_, Some(query)) = text::cut(&self.url, "?") {
            url.push(if text::cut(&url, "?").1.is_some() { '&' } else { '?' });
            url.push_str(query);
        }
        let method = request.method.clone().into();
        HttpRequest { method, ..HttpRequest::post(url, headers, body) }
    }
}

/// The token of a value such as `Bearer …`, which may be echoed without that word.
fn behind_scheme(value: &str) -> Option<&str> {
    let (scheme, token) = text::cut(value, " ");
    token.filter(|_| SCHEMES.iter().any(|known| scheme.eq_ignore_ascii_case(known)))
}

fn header(name: &'static str, value: &'static str) -> Header {
    Header { name: name.into(), value: value.into(), sensitive: false }
}

/// Percent-encodes all but the unreserved characters of RFC 3986, section 2.3.
fn percent_encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            char::from(byte).to_string()
        }
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_settings_send_is_secret_too() {
        let mut settings = ModelSettings::new("openai", "gpt-4", ["sk-0123456789abcd"]);
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        settings.headers = vec![pair("X-A", "Bearer gateway-0123456789"), pair("X-B", "short")];
        settings.headers.push(pair("X-C", "basic dXNlcjpzZWNyZXQ="));
        settings.api_keys.push(ApiKey::new("sk-9876543210wxyz"));
        settings.query = vec![pair("code", "a b/c&d=efgh")];
        let redaction = Wire::new(&settings).redaction(&settings.api_keys[0]);
        let shown = redaction.redacted(
            "sk-0123456789abcd Bearer gateway-0123456789 gateway-0123456789 short \
             ?code=a%20b%2Fc%26d%3Defgh dXNlcjpzZWNyZXQ= sk-9876543210wxyz",
        );
        assert_eq!(shown, "…abcd …6789 …6789 short ?code=…efgh …ZXQ= …wxyz");
    }

    #[test]
    fn a_query_is_encoded() {
        assert_eq!(percent_encoded("2024-10-21 a&b=ä"), "2024-10-21%20a%26b%3D%C3%A4");
    }
}
