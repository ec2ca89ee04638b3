//! How the calls ended.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use lockkeeper::ErrorKind;
use serde_json::{Value, json};

/// How a call ended.
pub enum End {
    /// With the provider's text, whole.
    Answered,
    /// With an error.
    Failed(ErrorKind),
    /// Its caller lost interest.
    Cancelled,
    /// With a text that the provider has not sent, or in no known way.
    Lost(String),
    /// Not within its clocks.
    Hung(&'static str),
}

/// The ends of all calls so far.
pub struct Tally {
    chunks: AtomicU64,
    ends: Mutex<Ends>,
}

#[derive(Default)]
struct Ends {
    answered: u64,
    cancelled: u64,
    failed: BTreeMap<String, Vec<u64>>,
    lost: Vec<(u64, String)>,
    hung: Vec<(u64, &'static str)>,
    seconds: Vec<f32>,
}

impl Tally {
    /// An empty one, with room for so many calls.
    pub fn new(calls: usize) -> Self {
        let ends = Ends { seconds: Vec::with_capacity(calls), ..Ends::default() };
        Self { chunks: AtomicU64::new(0), ends: Mutex::new(ends) }
    }

    /// A chunk has been read.
    pub fn chunk(&self) {
        self.chunks.fetch_add(1, Relaxed);
    }

    /// The call of this number has ended.
    pub fn note(&self, number: u64, end: End, took: Duration) {
        let Ok(mut ends) = self.ends.lock() else { return };
        match end {
            End::Answered => {
                ends.answered += 1;
                ends.seconds.push(took.as_secs_f32());
            }
            End::Cancelled => ends.cancelled += 1,
            End::Failed(kind) => ends.failed.entry(kind.to_string()).or_default().push(number),
            End::Lost(how) => ends.lost.push((number, how)),
            End::Hung(how) => ends.hung.push((number, how)),
        }
    }

    /// All of it, as JSON.
    pub fn report(&self) -> Value {
        let Ok(ends) = self.ends.lock() else { return Value::Null };
        json!({
            "answered": ends.answered,
            "cancelled": ends.cancelled,
            "failed": ends.failed,
            "lost": ends.lost,
            "hung": ends.hung,
            "chunks": self.chunks.load(Relaxed),
            "seconds": ends.seconds,
        })
    }
}
