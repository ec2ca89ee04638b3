//! What happens to calls, told as it happens: to the log, and to whoever observes a client.

use std::time::Duration;

use tracing::debug;

use crate::error::Attempt;
use crate::platform::{MaybeSend, MaybeSync};

/// What a call waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WaitFor {
    /// A token of the bucket.
    Token,
    /// A key that is ready.
    Key,
    /// Room among the requests under way.
    Concurrency,
    /// LLM tokens of the budget.
    Budget,
    /// The next retry.
    Retry,
}

impl WaitFor {
    /// Its number among those that are counted, from 0.
    pub(crate) fn place(self) -> usize {
        match self {
            Self::Token => 0,
            Self::Key => 1,
            Self::Retry => 2,
            Self::Concurrency => 3,
            Self::Budget => 4,
        }
    }
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It was answered.
    Succeeded,
    /// It ended with an error.
    Failed,
    /// It was dropped or aborted.
    Cancelled,
}

/// Something that happens to a call.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// It begins to wait, for so long as a rule (`None`: nobody can say).
    #[non_exhaustive]
    Waits {
        /// What for.
        reason: WaitFor,
        /// For how long.
        planned: Option<Duration>,
    },
    /// It sends an attempt.
    #[non_exhaustive]
    Sends {
        /// With the key of this label.
        key_label: &'a str,
        /// To this model.
        model: &'a str,
    },
    /// The headers of a response have come.
    #[non_exhaustive]
    Headers {
        /// With the key of this label.
        key_label: &'a str,
        /// The HTTP status.
        status: u16,
        /// Since the attempt was sent.
        took: Duration,
    },
    /// A stream has its first visible token.
    #[non_exhaustive]
    FirstToken {
        /// With the key of this label.
        key_label: &'a str,
        /// Since the attempt was sent.
        took: Duration,
    },
    /// An attempt has failed.
    #[non_exhaustive]
    Fails {
        /// How.
        attempt: &'a Attempt,
        /// How long the provider asks to wait.
        retry_after: Option<Duration>,
    },
    /// It has ended.
    #[non_exhaustive]
    Ends {
        /// How.
        outcome: Outcome,
        /// The key that answered, if one did.
        key_label: Option<&'a str>,
    },
}

/// Is told what happens to the calls of a client, as it happens; see
/// [`ClientBuilder::observer`](crate::ClientBuilder::observer). It must return soon: the call goes on
/// only then.
///
/// ```
/// use lockkeeper::{Event, Observer};
/// use std::sync::atomic::{AtomicU32, Ordering};
///
/// #[derive(Default)]
/// struct Refusals(AtomicU32);
///
/// impl Observer for Refusals {
///     fn on_event(&self, _call: u64, event: &Event<'_>) {
///         if let Event::Headers { status: 429, .. } = event {
///             self.0.fetch_add(1, Ordering::Relaxed);
///         }
///     }
/// }
/// ```
pub trait Observer: MaybeSend + MaybeSync + 'static {
    /// Something has happened to the client's call of this number, counted from 0.
    fn on_event(&self, call: u64, event: &Event<'_>);
}

/// Writes an event to the log. No secret is in it: keys show as labels, messages are redacted.
pub(crate) fn log(call: u64, event: &Event<'_>) {
    match event {
        Event::Waits { reason, planned } => debug!(call, ?reason, ?planned, "waits"),
        Event::Sends { key_label, model } => {
            debug!(call, key = key_label, model, "sends an attempt")
        }
        Event::Headers { key_label, status, took } => {
            debug!(call, key = key_label, status, ?took, "has response headers");
        }
        Event::FirstToken { key_label, took } => {
            debug!(call, key = key_label, ?took, "has its first token");
        }
        Event::Fails { attempt, retry_after } => debug!(
            call,
            key = %attempt.key_label,
            kind = %attempt.kind,
            status = attempt.status,
            ?retry_after,
            took = ?attempt.took,
            error = %attempt.message,
            "attempt failed"
        ),
        Event::Ends { outcome, key_label } => debug!(call, ?outcome, key = key_label, "call ended"),
    }
}
