//! The client beneath its types, for those who bring a JSON parser of their own: a language binding
//! hands its users the objects of *their* language, which need not go through Rust's types first.
//!
//! The engine asks only a few [`Facts`] of an answer; a [`Codec`] says how to get at them.
//! [`LlmInterface`](crate::LlmInterface)'s own `chat` and `chat_stream` are such a codec's calls, over
//! serde. To send any other request through a client's pool and bucket, see
//! [`OpenAiCompatible::forward`](crate::OpenAiCompatible::forward).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::accounting::CallRecord;
use crate::error::{Attempt, Error};
use crate::events::Outcome;
use crate::platform::{MaybeSend, MaybeSync};

pub use crate::circuit::{CircuitBreaker, Pass};
pub use crate::core::fallback::{Meaning, holds_more, share};
pub use crate::core::time::duration_from_seconds;
pub use crate::forward::ForwardRequest;
pub use crate::streamed_call::ChunkStream;

/// Reads answers, and parts of answers.
pub trait Codec: Clone + MaybeSend + MaybeSync + 'static {
    /// A whole answer.
    type Answer: Facts + MaybeSend + 'static;
    /// A chunk of a streamed answer; a whole answer can stand in one chunk.
    type Chunk: Facts + From<Self::Answer> + MaybeSend + 'static;

    /// Reads a whole answer.
    ///
    /// # Errors
    /// What is wrong with its JSON, in words.
    fn answer(&self, body: &[u8]) -> Result<Self::Answer, String>;

    /// Reads many chunks at once, where each alone costs more: those at the start of `bytes`, where an
    /// event begins, of which each is a line of data and a blank one. Gives how many bytes they are, and
    /// them. The first that is none, or an error, ends it, and is read by itself.
    fn chunks(&mut self, _bytes: &[u8]) -> (usize, Vec<Self::Chunk>) {
        (0, Vec::new())
    }

    /// Reads one chunk. A stream has a codec of its own, a clone: what it learns of one chunk may help
    /// with the next.
    ///
    /// # Errors
    /// What is wrong with its JSON, in words.
    fn chunk(&mut self, data: &[u8]) -> Result<Self::Chunk, String>;
}

/// What the engine asks of an answer or a chunk.
pub trait Facts {
    /// Whether an error stands in its place: a field `error`, or an `object` that is `error`.
    fn is_error(&self) -> bool;

    /// Whether there is anything to show: content, reasoning, a refusal or a tool call.
    fn is_visible(&self) -> bool;

    /// Whether the answer begins anew with it, so that what came before is void.
    fn is_restart(&self) -> bool {
        false
    }

    /// Each choice that it has something of: its index, and whether it has ended.
    fn choices(&self) -> impl Iterator<Item = (u32, bool)>;
}

/// The body of a request.
pub trait RequestBody: MaybeSend + MaybeSync + 'static {
    /// The body's JSON. `asks_usage` says whether it shall ask for the usage of a stream, with
    /// `stream_options`; a provider that refuses that is asked again without.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) where the request is no request.
    fn json(&self, asks_usage: bool) -> Result<Bytes, Error>;

    /// What the call's `tracing` span tells of it, where anybody sees that. Default: nothing.
    fn parameters(&self) -> Parameters {
        Parameters::default()
    }
}

/// What a request asks for, as far as a span tells it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[allow(missing_docs, reason = "they are the fields of a request by the same names")]
pub struct Parameters {
    pub choices: Option<u32>,
    pub max_tokens: Option<u64>,
    pub seed: Option<i64>,
    pub temperature: Option<f64>,
    pub top_p: Option<f64>,
    pub top_k: Option<f64>,
    pub frequency_penalty: Option<f64>,
    pub presence_penalty: Option<f64>,
}

/// What to ask, and how long it may take. What is `None` is as the client's settings say.
#[derive(Clone)]
pub struct CallRequest {
    /// The request's body.
    pub body: Arc<dyn RequestBody>,
    /// The model that the body names, where it is not the client's.
    pub model: Option<String>,
    /// How many choices it asks for.
    pub choices: usize,
    /// Whether a stream may be asked for its usage.
    pub may_ask_usage: bool,
    /// How long the whole call may take.
    pub timeout: Option<Duration>,
    /// From sending a request to the response's headers.
    pub headers_timeout: Option<Duration>,
    /// From sending a request to the first visible token.
    pub first_token_timeout: Option<Duration>,
    /// Between two reads of a stream.
    pub idle_timeout: Option<Duration>,
    /// How often to try again after the first time.
    pub max_retries: Option<u32>,
    /// From −100 to 100: of calls that wait, one of a larger priority goes on earlier, as if it had come
    /// 10 seconds earlier for each step. Default: 0.
    pub priority: i8,
    /// How the call is one of several, where it is a fallback's.
    pub route: Option<Route>,
}

/// How a call is one of several that may answer: what a fallback tells its targets.
#[derive(Clone, Debug, Default)]
pub struct Route {
    /// The ways through the circuit breakers of the target, and of those that it stands behind. They are
    /// told of each attempt.
    pub passes: Vec<Arc<Pass>>,
    /// Whether another target is there: then one that is silent, or asks to wait for long, is not
    /// tried again.
    pub has_next: bool,
    /// How long the answer may take to begin.
    pub begin_within: Option<Duration>,
}

impl PartialEq for Route {
    fn eq(&self, other: &Self) -> bool {
        self.passes.iter().map(Arc::as_ptr).eq(other.passes.iter().map(Arc::as_ptr))
            && (self.has_next, self.begin_within) == (other.has_next, other.begin_within)
    }
}

impl CallRequest {
    /// A request with this body, and all else as the client's settings say.
    #[must_use]
    pub fn new(body: Arc<dyn RequestBody>) -> Self {
        Self {
            body,
            model: None,
            choices: 1,
            may_ask_usage: true,
            timeout: None,
            headers_timeout: None,
            first_token_timeout: None,
            idle_timeout: None,
            max_retries: None,
            priority: 0,
            route: None,
        }
    }
}

/// A call's account: what it took, and what it cost.
#[derive(Clone)]
pub struct Account(pub(crate) Arc<CallRecord>);

impl Account {
    /// Adds what the answer cost, in LLM tokens, to the counts of the client and of the key that
    /// answered. Without such a key it has cost nothing.
    pub fn count(&self, input_tokens: u64, output_tokens: u64) {
        self.0.count(input_tokens, output_tokens);
    }

    /// Ends the call so, in the counts of the client, if it has not ended.
    pub fn end(&self, outcome: Outcome) {
        self.0.end(outcome);
    }

    /// Whether a key has begun to answer.
    #[must_use]
    pub fn has_answer(&self) -> bool {
        self.0.has_answer()
    }

    /// The label of the key that answers or has answered (`…abcd`).
    #[must_use]
    pub fn key_label(&self) -> Option<String> {
        self.0.key_label()
    }

    /// The attempts that failed, oldest first.
    #[must_use]
    pub fn attempts(&self) -> Vec<Attempt> {
        self.0.attempts()
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("call", &self.0.id).finish_non_exhaustive()
    }
}

/// The body of a request that brings its own.
pub(crate) struct NoBody;

impl RequestBody for NoBody {
    fn json(&self, _asks_usage: bool) -> Result<Bytes, Error> {
        Ok(Bytes::new())
    }
}
