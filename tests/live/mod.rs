//! A provider on a real socket, and clients of it over the native transport.
#![allow(dead_code)] // each test file uses a part of it

use std::sync::LazyLock;
use std::time::Duration;

use lockkeeper::{Message, ModelSettings, OpenAiCompatible};
use mock_provider::{KeySettings, MockProvider, Settings};
use tokio::runtime::Runtime;

/// Where the provider lives, whatever executor a test uses.
static HOME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

/// Runs something of the provider's, from outside any tokio runtime.
pub fn at_home<T>(future: impl Future<Output = T>) -> T {
    HOME.block_on(future)
}

/// The key with this number.
pub fn key(number: usize) -> String {
    format!("sk-live-secret-of-test-{number:04}")
}

/// A provider that knows three keys.
pub fn provider(latency: Duration, token_pace: Duration) -> MockProvider {
    let keys = (1..=3).map(|number| KeySettings::unlimited(key(number))).collect();
    let settings = Settings { keys, latency, token_pace, ..Settings::default() };
    at_home(MockProvider::start(settings)).unwrap()
}

/// Settings for a client of `provider` with all its keys, whose bucket is no hindrance.
pub fn settings(provider: &MockProvider) -> ModelSettings {
    let mut settings = ModelSettings::new("live", "model-a", (1..=3).map(key));
    settings.base_url = provider.base_url();
    settings.retry_delay = Duration::from_millis(20);
    settings.rate_limit_capacity = 1e6;
    settings.rate_limit_refill_rate = 1e6;
    settings
}

/// A client with those settings.
pub fn client(provider: &MockProvider) -> OpenAiCompatible {
    OpenAiCompatible::new(settings(provider)).unwrap()
}

pub fn question() -> Vec<Message> {
    vec![Message::user("Which way to the lock?")]
}
