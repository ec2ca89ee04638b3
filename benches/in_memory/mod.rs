//! A client whose provider is memory: what it does with a call, and nothing else, is what is measured.
#![allow(dead_code)] // each program uses a part of it
#![allow(clippy::unwrap_used)] // there is nothing to be measured then

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures::executor::block_on;
use futures::{FutureExt, StreamExt, stream};
use lockkeeper::{
    ApiKeyPool, BoxFuture, ChatOptions, Headers, HttpRequest, HttpResponse, LlmInterface, Message,
    ModelSettings, OpenAiCompatible, Runtime, Timestamp, TokenBucket, Transport, TransportError,
};

const BASE_URL: &str = "https://api.in-memory.test/v1";

/// So much a transport reads at once, as reqwest does.
pub const READ: usize = 16 << 10;

/// A whole answer.
pub const ANSWER: &str = r#"{"id":"chatcmpl-BYJXhqbVPo7jD9mUgKQqkQ2nZ8jQp","object":"chat.completion","created":1748000000,"model":"gpt-4o-mini-2024-07-18","choices":[{"index":0,"message":{"role":"assistant","content":"The lock is two miles upstream, past the second bridge.","refusal":null,"annotations":[]},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":14,"completion_tokens":13,"total_tokens":27},"service_tier":"default","system_fingerprint":"fp_54eb4bd693"}"#;

/// An event of a stream with this delta; one with a short word takes about 250 bytes.
fn event(delta: &str, finish_reason: &str) -> String {
    format!(
        "data: {{\"id\":\"chatcmpl-BYJXhqbVPo7jD9mUgKQqkQ2nZ8jQp\",\"object\":\"chat.completion.chunk\",\
         \"created\":1748000000,\"model\":\"gpt-4o-mini-2024-07-18\",\"system_fingerprint\":\"fp_54eb4bd693\",\
         \"choices\":[{{\"index\":0,\"delta\":{delta},\"logprobs\":null,\"finish_reason\":{finish_reason}}}]}}\n\n"
    )
}

/// The events of a stream with these deltas between its beginning and its end, as OpenAI sends them.
fn events(deltas: impl Iterator<Item = String>) -> Vec<String> {
    let mut events = vec![event(r#"{"role":"assistant","content":""}"#, "null")];
    events.extend(deltas.map(|delta| event(&delta, "null")));
    events.push(event("{}", "\"stop\""));
    events.push("data: [DONE]\n\n".to_owned());
    events
}

/// So many events of text.
fn text(chunks: usize) -> Vec<String> {
    let words = [" lock", " gate", " the", " water", ","];
    events((0..chunks).map(|n| format!(r#"{{"content":"{}"}}"#, words[n % words.len()])))
}

/// So many events of which none has the form of the one before.
fn unlike(chunks: usize) -> Vec<String> {
    let deltas = [
        r#"{"content":" \"lock\"\n"}"#,
        r#"{"reasoning_content":"Two miles, ","content":null}"#,
        r#"{"refusal":"I can't"}"#,
        r#"{"content":" Schleuse zu Neu-Ülm","annotations":[]}"#,
    ];
    events((0..chunks).map(|n| deltas[n % deltas.len()].to_owned()))
}

/// So many events of one tool call, whose arguments grow.
fn tool_call(chunks: usize) -> Vec<String> {
    let piece = |arguments| {
        format!(r#"{{"tool_calls":[{{"index":0,"function":{{"arguments":"{arguments}"}}}}]}}"#)
    };
    events((0..chunks).map(|n| piece(if n == 0 { r#"{\"text\":\""# } else { " lock" })))
}

/// A stream of so many chunks of text in pieces as a transport reads them, which cut chunks in two.
pub fn read_by_read(chunks: usize) -> Vec<Bytes> {
    in_reads(&text(chunks))
}

/// The same of chunks that are not alike.
pub fn unlike_chunks(chunks: usize) -> Vec<Bytes> {
    in_reads(&unlike(chunks))
}

/// The same of the pieces of one tool call.
pub fn tool_call_pieces(chunks: usize) -> Vec<Bytes> {
    in_reads(&tool_call(chunks))
}

fn in_reads(events: &[String]) -> Vec<Bytes> {
    let whole = Bytes::from(events.concat());
    (0..whole.len()).step_by(READ).map(|at| whole.slice(at..whole.len().min(at + READ))).collect()
}

/// Chunks of text, each in a piece of its own.
pub fn chunk_by_chunk(chunks: usize) -> Vec<Bytes> {
    text(chunks).into_iter().map(Bytes::from).collect()
}

/// Time stands still, so that no measurement depends on it.
pub struct Frozen;

impl Runtime for Frozen {
    fn now(&self) -> Timestamp {
        Timestamp::new(Duration::from_secs(1_000_000))
    }

    fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
        futures::future::pending().boxed()
    }

    fn unix_time(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600)
    }

    fn random_seed(&self) -> u64 {
        1
    }
}

/// Gives the same answer to everybody.
struct Canned(Arc<[Bytes]>);

impl Transport for Canned {
    fn send(&self, _: HttpRequest) -> BoxFuture<'static, Result<HttpResponse, TransportError>> {
        let pieces = self.0.clone();
        async move {
            let pieces = stream::iter(0..pieces.len()).map(move |n| Ok(pieces[n].clone()));
            Ok(HttpResponse::new(200, Headers::new(), pieces.boxed()))
        }
        .boxed()
    }
}

/// A transport that answers so.
pub fn transport(answer: Vec<Bytes>) -> Arc<dyn Transport> {
    Arc::new(Canned(answer.into()))
}

/// Gives the same answer to everybody, and tells each key of a window that is the same for all.
struct Telling {
    keys: usize,
    answered: AtomicUsize,
}

impl Transport for Telling {
    fn send(&self, _: HttpRequest) -> BoxFuture<'static, Result<HttpResponse, TransportError>> {
        const LIMIT: usize = 1_000_000;
        let left = LIMIT - 1 - self.answered.fetch_add(1, Relaxed) / self.keys;
        let headers = Headers::from_iter([
            ("x-ratelimit-limit-requests", LIMIT.to_string()),
            ("x-ratelimit-remaining-requests", left.to_string()),
            ("x-ratelimit-reset-requests", "59.5s".to_owned()),
        ]);
        let answer = stream::iter([Ok(Bytes::from_static(ANSWER.as_bytes()))]);
        async move { Ok(HttpResponse::new(200, headers, answer.boxed())) }.boxed()
    }
}

/// A client of so many keys, whose every answer tells of its key's limit.
pub fn told_client(keys: usize) -> OpenAiCompatible {
    let telling = Telling { keys, answered: AtomicUsize::new(0) };
    client_of(keys, Arc::new(telling), Some(Arc::new(Frozen)))
}

/// The keys of a client.
pub const KEYS: usize = 16;

/// A client with pool, bucket and clocks on, whose every request gets this answer.
pub fn client(answer: Vec<Bytes>, runtime: Option<Arc<dyn Runtime>>) -> OpenAiCompatible {
    client_of(KEYS, transport(answer), runtime)
}

fn client_of(
    keys: usize,
    transport: Arc<dyn Transport>,
    runtime: Option<Arc<dyn Runtime>>,
) -> OpenAiCompatible {
    let keys = (0..keys).map(|n| format!("sk-in-memory-{n:04}"));
    let mut settings = ModelSettings::new("in-memory", "gpt-4o-mini", keys);
    settings.base_url = BASE_URL.to_owned();
    (settings.rate_limit_capacity, settings.rate_limit_refill_rate) = (1e9, 1e9);
    let builder = OpenAiCompatible::builder(settings).transport(transport);
    match runtime {
        Some(runtime) => builder.runtime(runtime),
        None => builder,
    }
    .build()
    .unwrap()
}

/// Reads a whole stream as typed chunks, and counts those with something to show.
pub fn read_stream(llm: &OpenAiCompatible) -> usize {
    block_on(async {
        let question = vec![Message::user("Which way to the lock?")];
        let mut stream = llm.chat_stream(question, ChatOptions::default());
        let mut chunks = 0;
        while let Some(chunk) = stream.next().await {
            chunks += usize::from(chunk.unwrap().is_visible());
        }
        chunks
    })
}

/// Asks for a whole answer, and gives back the length of its text.
pub fn ask(llm: &OpenAiCompatible) -> usize {
    let question = vec![Message::user("Which way to the lock?")];
    block_on(llm.chat(question, ChatOptions::default())).unwrap().text().len()
}

/// A pool with so many keys.
pub fn pool(keys: usize, runtime: Arc<dyn Runtime>) -> ApiKeyPool {
    let name = format!("in-memory-{keys}");
    let keys = (0..keys).map(|n| format!("sk-in-memory-{n:04}"));
    ApiKeyPool::with_runtime(&name, BASE_URL, keys, runtime).unwrap()
}

/// A bucket that is never empty.
pub fn bucket(runtime: Arc<dyn Runtime>) -> TokenBucket {
    TokenBucket::with_runtime(1e9, 1e9, runtime).unwrap()
}
