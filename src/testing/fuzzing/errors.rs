//! Whole calls, whatever the provider answers: each ends, gives back all it held, and shows no secret.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt;

use crate::codec::ForwardRequest;
use crate::interface::LlmInterface;
use crate::testing::{Reply, ScriptedTransport, VirtualClock};
use crate::{ChatOptions, Error, Message, ModelSettings, OpenAiCompatible};

/// Where these stand in an answer, the provider echoes what it was sent.
const MARKS: [&str; 2] = ["KEY", "TAG"];

/// The key, and the value of a header that the settings add. Both have characters that are escaped in
/// JSON and in URLs.
const SECRETS: [&str; 2] = ["sk-0/12=34.56+789abcd", "canal=00000 0000/wxyz"];

/// What says that somebody else's request is passed on.
const FORWARDS: u8 = 5;

const STATUSES: [u16; 16] =
    [200, 200, 200, 200, 204, 307, 400, 401, 402, 403, 404, 408, 429, 500, 503, 529];

/// Checks a call. The first byte says what is asked for and how secrets are spelled, the second is the
/// status; then come headers up to an empty line, then the body.
pub fn errors(data: &[u8]) {
    let [how, status, answer @ ..] = data else { return };
    let (how, status) = (*how, STATUSES[usize::from(*status) % STATUSES.len()]);
    let answer = String::from_utf8_lossy(answer).into_owned();
    let reply = reply(how, status, &answer);
    let clock = VirtualClock::new();
    let transport = ScriptedTransport::new(&clock, move |_| reply.clone());
    let mut settings = ModelSettings::new("openai", "gpt-4", [SECRETS[0]]);
    settings.headers = vec![("x-tenant".to_owned(), SECRETS[1].to_owned())];
    (settings.max_retries, settings.max_event_bytes) = (1, 2_000);
    settings.skip_undecodable_events = how & 4 == 4;
    let builder = OpenAiCompatible::builder(settings).transport(Arc::new(transport.clone()));
    let llm = builder.runtime(clock.runtime()).build().expect("settings that are right");
    let shown = match (how & 1, how >> 3 & 7) {
        (_, FORWARDS) => clock.block_on(forwarded(&llm)),
        (0, _) => said(clock.block_on(llm.chat(messages(), ChatOptions::default())).err()),
        _ => {
            let stream = llm.chat_stream(messages(), ChatOptions::default());
            said(clock.block_on(stream.result()).err())
        }
    };
    assert_eq!((llm.key_pool().in_flight(), transport.open_requests()), (0, 0));
    shown.iter().for_each(|text| shows_no_secret(text, &answer));
}

fn messages() -> Vec<Message> {
    vec![Message::user("Hi!")]
}

/// All that is shown where somebody else's request is passed on and refused.
async fn forwarded(llm: &OpenAiCompatible) -> Vec<String> {
    let request = ForwardRequest {
        method: "POST".to_owned(),
        url: "https://api.openai.com/v1/embeddings".to_owned(),
        headers: Vec::new(),
        body: Bytes::new(),
        model: None,
        streams: false,
    };
    match llm.forward(request).await {
        Ok((response, _)) => {
            let refused = !(200..300).contains(&response.status);
            let headers = response.headers.iter().map(|(_, value)| value.to_owned());
            let mut shown: Vec<String> = headers.collect();
            let pieces: Vec<_> = response.body.collect().await;
            let body = pieces.into_iter().flatten().collect::<Vec<Bytes>>().concat();
            shown.push(String::from_utf8_lossy(&body).into_owned());
            // An answer is passed on as it is.
            if refused { shown } else { Vec::new() }
        }
        Err(error) => said(Some(error)),
    }
}

/// All that an error says.
fn said(error: Option<Error>) -> Vec<String> {
    let Some(error) = error else { return Vec::new() };
    let mut said = vec![error.to_string(), error.message().to_owned()];
    said.extend(error.code().map(str::to_owned));
    said.extend(error.request_id().map(str::to_owned));
    said.extend(error.attempts().iter().map(|attempt| format!("{attempt:?}")));
    said.extend(error.attempts().iter().map(|attempt| attempt.message.clone()));
    said
}

/// The answer, with the secrets in place of their marks, and in pieces.
fn reply(how: u8, status: u16, answer: &str) -> Reply {
    let marked = MARKS.iter().zip(SECRETS);
    let answer = marked.fold(answer.to_owned(), |answer, (mark, secret)| {
        answer.replace(mark, &spelled(secret, how >> 6))
    });
    let (head, body) = answer.split_once("\n\n").unwrap_or(("", &answer));
    let mut reply = Reply::status(status);
    for (name, value) in head.lines().filter_map(|line| line.split_once(": ")) {
        reply = reply.header(name, value);
    }
    let length = if how & 2 == 2 { 7 } else { usize::MAX };
    let reply = reply.pieces(body.as_bytes().chunks(length).map(<[u8]>::to_vec));
    match how >> 3 & 7 {
        7 => reply.cut_after(3),
        6 => reply.stall_after(3),
        _ => reply,
    }
}

/// A secret as providers echo it: as it is, escaped as in JSON or percent-encoded.
fn spelled(secret: &str, how: u8) -> String {
    match how {
        0 => secret.to_owned(),
        1 => secret.replace('/', "\\/"),
        2 => secret.bytes().map(|byte| format!("%{byte:02x}")).collect(),
        _ => secret.bytes().map(|byte| format!("\\u{byte:04X}")).collect(),
    }
}

fn shows_no_secret(text: &str, answer: &str) {
    for spelling in [text.to_owned(), unescaped(text), unquoted(text)] {
        let secret = SECRETS.into_iter().find(|secret| spelling.contains(secret));
        assert!(secret.is_none(), "{text}");
    }
    // Nor the beginning of one, where the text was cut, unless the answer itself brought it. None
    // begins with a letter that `Debug` puts after a backslash.
    let begins = |secret: &&str| {
        let start = &secret[..8];
        text.contains(start) && !answer.contains(start)
    };
    assert!(!SECRETS.iter().any(begins), "{text}");
}

/// The text that percent-encoding and the escapes of JSON stand for.
fn unescaped(text: &str) -> String {
    let (mut plain, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        let code = match rest {
            [b'%', code @ ..] => code.get(..2),
            [b'\\', b'u', b'0', b'0', code @ ..] => code.get(..2),
            _ => None,
        };
        let byte = code.and_then(|code| std::str::from_utf8(code).ok());
        let byte = byte.and_then(|code| u8::from_str_radix(code, 16).ok());
        let length = if *first == b'%' { 3 } else { 6 };
        plain.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &rest[length..] } else { after };
    }
    String::from_utf8_lossy(&plain).into_owned()
}

/// The text without the backslashes that JSON and `Debug` put before quotes and backslashes.
fn unquoted(text: &str) -> String {
    let (mut plain, mut rest) = (String::new(), text.chars());
    while let Some(c) = rest.next() {
        let next = rest.clone().next();
        match (c, next) {
            ('\\', Some(next @ ('"' | '\\' | '/'))) => {
                plain.push(next);
                rest.next();
            }
            _ => plain.push(c),
        }
    }
    plain
}
