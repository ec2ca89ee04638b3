//! The budget of LLM tokens: each attempt sets aside what it may cost, and settles when that is known.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::core::fill::Pace;
use crate::core::key_pool::KeyId;
use crate::core::request_size::RequestSize;
use crate::error::{Error, Problem};
use crate::key_pool::ApiKeyPool;
use crate::platform::number_text;
use crate::shared_state::SharedBudget;
use crate::token_bucket::TokenBucket;

/// What an answer is taken to cost while none has come, in LLM tokens.
const FIRST_GUESS: f64 = 500.0;

/// How much of the mean is the latest answer's.
const WEIGHT: f64 = 0.125;

/// What the answers of a client have cost of late, in LLM tokens.
#[derive(Clone)]
pub(crate) struct MeanOutput(Arc<AtomicU64>);

impl Default for MeanOutput {
    fn default() -> Self {
        Self(Arc::new(AtomicU64::new(FIRST_GUESS.to_bits())))
    }
}

impl MeanOutput {
    fn get(&self) -> f64 {
        f64::from_bits(self.0.load(Relaxed))
    }

    fn learn(&self, output: f64) {
        let mean = self.get();
        // Of two that learn at once one is lost, which is a guess less.
        self.0.store((mean + WEIGHT * (output - mean)).to_bits(), Relaxed);
    }
}

/// What a call asks of the budget, for each attempt.
pub(crate) struct Asked {
    pub bucket: TokenBucket,
    pub amount: u32,
    answers: u64,
    mean: MeanOutput,
}

impl Asked {
    /// For a request with this body.
    ///
    /// # Errors
    /// Where it asks for more than there will ever be.
    pub fn of(bucket: TokenBucket, mean: &MeanOutput, body: &[u8]) -> Result<Self, Error> {
        let RequestSize { input, most_output, answers } = RequestSize::of(body);
        let (input, most) = (input as f64, bucket.capacity());
        let amount = match most_output {
            Some(output) => input + output as f64 * answers as f64,
            // A mere guess keeps no request from being sent.
            None => (input + mean.get() * answers as f64).min(most.max(input)),
        };
        if amount > most {
            let (amount, most) = (number_text(amount), number_text(most));
            let message = format!(
                "the request may cost {amount} LLM tokens, and the budget never holds more than {most}"
            );
            return Err(Error::config(vec![Problem::new(
                "rate_limit_tokens_per_minute",
                0,
                message,
            )]));
        }
        Ok(Self { bucket, amount: amount as u32, answers, mean: mean.clone() })
    }

    /// What has been taken for an attempt: from the key's own bucket, where it has one, or else from that
    /// of all.
    pub fn reserved(&self, of_key: Option<OfKey>) -> Reserved {
        self.reserved_from(of_key.map_or_else(|| From::All(self.bucket.clone()), From::Key))
    }

    /// The same, from a bucket that processes share.
    pub fn reserved_of_all(&self, shared: SharedBudget) -> Reserved {
        self.reserved_from(From::Shared(shared))
    }

    fn reserved_from(&self, from: From) -> Reserved {
        let (amount, answers, mean) = (self.amount, self.answers, self.mean.clone());
        Reserved { from, amount, answers, mean }
    }
}

/// Where it was taken from.
enum From {
    All(TokenBucket),
    Key(OfKey),
    Shared(SharedBudget),
}

/// A key's own bucket of LLM tokens.
pub(crate) struct OfKey {
    pub pool: ApiKeyPool,
    pub key: KeyId,
    pub model: Arc<str>,
    pub pace: Pace,
}

impl From {
    fn settle(&self, amount: f64) {
        match self {
            Self::All(bucket) => bucket.settle(amount),
            Self::Shared(budget) => budget.settle(amount),
            Self::Key(own) => own.pool.settle(own.key, &own.model, amount, own.pace),
        }
    }
}

/// What an attempt has set aside.
pub(crate) struct Reserved {
    from: From,
    amount: u32,
    answers: u64,
    mean: MeanOutput,
}

impl Reserved {
    /// The attempt has cost nothing.
    pub fn give_back(self) {
        self.from.settle(self.amount.into());
    }

    /// It has cost so much. What is more than was set aside is owed.
    pub fn settle(self, input: u64, output: u64) {
        self.from.settle(f64::from(self.amount) - input as f64 - output as f64);
        self.mean.learn(output as f64 / self.answers as f64);
    }
}
