//! A client over a virtual clock and a scripted provider: what most behaviour tests begin with.
#![allow(dead_code)] // each test file uses a part of it

pub mod events;

use std::sync::Arc;
use std::time::Duration;

use lockkeeper::testing::{Reply, ScriptedTransport, VirtualClock};
use lockkeeper::{
    ChatOptions, ChatStream, Error, HttpRequest, LlmInterface, Message, ModelSettings,
    OpenAiCompatible, Timestamp,
};

/// The provider's address in these tests.
pub const BASE_URL: &str = "https://api.scripted.test/v1";

/// Both ways to ask: a contract that says nothing else holds for either.
pub const BOTH: [Way; 2] = [Way::Chat, Way::Stream];

/// How a question is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Chat,
    Stream,
}

impl Way {
    /// The good answer to a question asked so.
    pub fn answer(self, text: &str) -> Reply {
        match self {
            Self::Chat => Reply::answer(text),
            Self::Stream => Reply::stream([text]),
        }
    }
}

/// The key with this number, from 1; its label ends in the number.
pub fn key(number: usize) -> String {
    format!("sk-scripted-{number:04}")
}

/// The label of that key.
pub fn label(number: usize) -> String {
    format!("…{number:04}")
}

/// Settings with so many keys whose bucket is no hindrance.
pub fn settings(keys: usize) -> ModelSettings {
    let mut settings = ModelSettings::new("scripted", "model-a", (1..=keys).map(key));
    settings.base_url = BASE_URL.to_owned();
    settings.rate_limit_capacity = 1e6;
    settings.rate_limit_refill_rate = 1e6;
    settings
}

/// What everybody asks.
pub fn question() -> Vec<Message> {
    vec![Message::user("Which way to the lock?")]
}

pub fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

/// A client, its clock and its provider.
pub struct Scene {
    pub clock: VirtualClock,
    pub provider: ScriptedTransport,
    pub llm: OpenAiCompatible,
    began: Timestamp,
}

impl Scene {
    /// So many keys, and a provider that gives these answers in turn.
    pub fn new(keys: usize, replies: impl IntoIterator<Item = Reply>) -> Self {
        Self::with(settings(keys), replies)
    }

    /// These settings, and a provider that gives these answers in turn.
    pub fn with(settings: ModelSettings, replies: impl IntoIterator<Item = Reply>) -> Self {
        let clock = VirtualClock::new();
        let provider = ScriptedTransport::replies(&clock, replies);
        Self::of(settings, clock, provider)
    }

    /// These settings, and a provider that decides by the request.
    pub fn by(
        settings: ModelSettings,
        script: impl Fn(&HttpRequest) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let clock = VirtualClock::new();
        let provider = ScriptedTransport::new(&clock, script);
        Self::of(settings, clock, provider)
    }

    fn of(settings: ModelSettings, clock: VirtualClock, provider: ScriptedTransport) -> Self {
        let began = clock.runtime().now();
        let llm = OpenAiCompatible::builder(settings)
            .transport(Arc::new(provider.clone()))
            .runtime(clock.runtime())
            .build()
            .unwrap();
        Self { clock, provider, llm, began }
    }

    /// Asks, and reads the answer's text to its end.
    pub fn ask(&self, way: Way) -> Result<String, Error> {
        self.ask_with(way, ChatOptions::default())
    }

    pub fn ask_with(&self, way: Way, options: ChatOptions) -> Result<String, Error> {
        self.clock.block_on(ask(&self.llm, way, options))
    }

    /// A stream that has not been read.
    pub fn stream(&self) -> ChatStream {
        self.llm.chat_stream(question(), ChatOptions::default())
    }

    /// When each request was sent, in seconds from the beginning.
    pub fn sent_at(&self) -> Vec<f64> {
        let requests = self.provider.requests();
        requests.iter().map(|sent| (sent.at - self.began).as_secs_f64()).collect()
    }

    /// The key of each request, by its number.
    pub fn keys_used(&self) -> Vec<usize> {
        let requests = self.provider.requests();
        requests.iter().map(|sent| key_number(&sent.request)).collect()
    }

    /// The seconds that have passed.
    pub fn elapsed(&self) -> f64 {
        self.clock.elapsed().as_secs_f64()
    }
}

/// Asks `llm`, and reads the answer's text to its end.
pub async fn ask(llm: &dyn LlmInterface, way: Way, options: ChatOptions) -> Result<String, Error> {
    match way {
        Way::Chat => Ok(llm.chat(question(), options).await?.text().into_owned()),
        Way::Stream => llm.chat_stream(question(), options).text().await,
    }
}

/// The number of the key that a request carries.
pub fn key_number(request: &HttpRequest) -> usize {
    let key = request.header("authorization").and_then(|value| value.rsplit('-').next());
    key.and_then(|number| number.parse().ok()).expect("a request with a key of these tests")
}
