//! What a client tells of itself, in numbers.

use std::time::Duration;

use crate::client::OpenAiCompatible;
use crate::core::key_slot::KeyStatus;
use crate::events::WaitFor;

/// What a client has done so far, and how its bucket and its keys are doing; see
/// [`OpenAiCompatible::stats`](crate::OpenAiCompatible::stats).
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ClientStats {
    /// The provider's name in the configuration.
    pub provider: String,
    /// The model's name in the configuration.
    pub model: String,
    /// Calls made; a stream counts from when it is made, though it asks when it is first read.
    pub calls: u64,
    /// Calls answered.
    pub succeeded: u64,
    /// Calls that ended with an error.
    pub failed: u64,
    /// Calls dropped or aborted before their end.
    pub cancelled: u64,
    /// Attempts sent, over all calls.
    pub attempts: u64,
    /// Waits of calls: for a bucket token, a key, or the next retry.
    pub waits: u64,
    /// The same by what was waited for, with the time that it took.
    pub waits_for: WaitsFor,
    /// LLM tokens sent, as reported or estimated.
    pub input_tokens: u64,
    /// LLM tokens received, as reported or estimated.
    pub output_tokens: u64,
    /// The bucket of its model.
    pub bucket: BucketStats,
    /// Its keys, in the order in which they were added. A key that several clients use is counted for all
    /// of them.
    pub keys: Vec<KeyStatus>,
}

/// Waits of calls, by what was waited for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WaitsFor {
    /// A bucket token.
    pub token: Waits,
    /// A key that is ready.
    pub key: Waits,
    /// The next retry.
    pub retry: Waits,
    /// Room among the requests under way.
    pub concurrency: Waits,
    /// LLM tokens of the budget.
    pub budget: Waits,
}

/// How often something was waited for, and for how long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Waits {
    /// Waits that have begun.
    pub count: u64,
    /// How long those took that have ended, all together.
    pub time: Duration,
}

impl WaitsFor {
    /// Each reason with its waits.
    pub(crate) fn each(&self) -> [(WaitFor, Waits); 5] {
        [
            (WaitFor::Token, self.token),
            (WaitFor::Key, self.key),
            (WaitFor::Retry, self.retry),
            (WaitFor::Concurrency, self.concurrency),
            (WaitFor::Budget, self.budget),
        ]
    }
}

/// How a token bucket is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct BucketStats {
    /// The most bucket tokens that it holds.
    pub capacity: f64,
    /// Bucket tokens gained per second.
    pub refill_rate: f64,
    /// Bucket tokens in it now.
    pub tokens: f64,
    /// How many wait for tokens now.
    pub waiters: usize,
    /// How many have had to wait so far, of all clients that share it.
    pub waits: u64,
}

impl OpenAiCompatible {
    /// What it has done so far, and how its bucket and its keys are doing.
    #[must_use]
    pub fn stats(&self) -> ClientStats {
        ClientStats {
            provider: self.inner.settings.provider.clone(),
            model: self.inner.settings.name.clone(),
            bucket: self.inner.buckets.own.stats(),
            keys: self.key_pool().statuses(),
            ..self.inner.counters.snapshot()
        }
    }

    /// LLM tokens sent so far, as reported or estimated.
    #[must_use]
    pub fn input_token_count(&self) -> u64 {
        self.inner.counters.snapshot().input_tokens
    }

    /// LLM tokens received so far, as reported or estimated.
    #[must_use]
    pub fn output_token_count(&self) -> u64 {
        self.inner.counters.snapshot().output_tokens
    }
}
