//! What a client knows, to be taken up by another process: by a page that is loaded again, a worker that
//! starts anew, a test.

mod json;

use std::fmt;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

use crate::client::OpenAiCompatible;
use crate::core::key_memory::KeyMemory;
use crate::error::{Error, Problem};

/// Clocks of machines are set back by less than this. What says that it was made later than that from now
/// was not made by such a clock.
const LARGEST_STEP: Duration = Duration::from_secs(24 * 60 * 60);

/// What a client knows of its bucket and its keys, and what it has counted: see
/// [`OpenAiCompatible::snapshot`].
///
/// It holds no key: keys are named by a fingerprint, a hash of 64 bits over provider, address and key.
/// It is JSON, by serde or [`to_json`](Self::to_json), the same in the npm package. The format has a
/// version; what else may be in it is passed over.
#[derive(Clone, PartialEq)]
pub struct Snapshot {
    /// Since 1970, in whole milliseconds.
    taken_at: Duration,
    model: String,
    /// Tokens in the bucket.
    tokens: f64,
    counts: Counts,
    /// By their fingerprints.
    keys: Vec<(String, KeyMemory)>,
}

/// Totals of calls that have ended: those that succeeded, failed and were cancelled, their attempts, and LLM
/// tokens sent and received.
#[derive(Clone, Copy, PartialEq)]
pub(crate) struct Counts(pub [u64; 6]);

impl Snapshot {
    /// The snapshot as JSON text.
    #[must_use]
    pub fn to_json(&self) -> String {
        json::write(self)
    }

    /// Reads the JSON text of a snapshot.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) with what is wrong, and where, if it is none or is one of
    /// another version.
    pub fn from_json(text: &str) -> Result<Self, Error> {
        json::read(text).map_err(|problem| Error::config(vec![problem]))
    }

    /// When it was taken.
    #[must_use]
    pub fn taken_at(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + self.taken_at
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_json())
    }
}

impl Serialize for Snapshot {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let value: serde_json::Value =
            serde_json::from_str(&self.to_json()).map_err(ser::Error::custom)?;
        value.serialize(to)
    }
}

impl<'de> Deserialize<'de> for Snapshot {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(from)?;
        Self::from_json(&value.to_string()).map_err(de::Error::custom)
    }
}

impl OpenAiCompatible {
    /// What it knows now: how full its bucket is, how its keys are doing, what it has counted. Another
    /// process, or this one at another time, takes it up with [`restore`](Self::restore).
    ///
    /// ```
    /// use lockkeeper::{ModelSettings, OpenAiCompatible, Snapshot};
    ///
    /// # #[cfg(feature = "reqwest")] {
    /// let llm = OpenAiCompatible::new(ModelSettings::new("openai", "gpt-4", ["sk-0123456789abcd"]))?;
    /// let text = llm.snapshot().to_json();
    /// assert!(!text.contains("sk-"));
    ///
    /// llm.restore(&Snapshot::from_json(&text)?)?;
    /// # }
    /// # Ok::<(), lockkeeper::Error>(())
    /// ```
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let unix = self.unix_time();
        Snapshot {
            taken_at: Duration::from_secs(unix.as_secs())
                + Duration::from_millis(unix.subsec_millis().into()),
            model: self.settings().model.clone(),
            tokens: self.token_bucket().tokens(),
            counts: self.inner.counters.totals(),
            keys: self.key_pool().memories(),
        }
    }

    /// Takes up what a snapshot tells, less the time that has passed since. Nothing gets better by it: of two
    /// rests of a key the later ends, the bucket is never fuller than it is, and of two counts the
    /// larger stands. What it tells of keys that are not there any more is passed over. If the clock has
    /// been set back since, no time has passed.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](crate::ErrorKind::Config), and nothing is changed, where it was taken of another
    /// model or of none of these keys, or more than a day from now.
    pub fn restore(&self, snapshot: &Snapshot) -> Result<(), Error> {
        let wrong =
            |path: &str, message: String| Error::config(vec![Problem::new(path, 0, message)]);
        let now = self.unix_time();
        if snapshot.taken_at > now + LARGEST_STEP {
            return Err(wrong("taken_at", "lies in the future".to_owned()));
        }
        let model = &self.settings().model;
        if snapshot.model != *model {
            let message = format!("is `{}`, but this client's model is `{model}`", snapshot.model);
            return Err(wrong("model", message));
        }
        let passed = now.saturating_sub(snapshot.taken_at);
        if !self.key_pool().recall(&snapshot.keys, passed) {
            return Err(wrong("keys", "none of them is a key of this client".to_owned()));
        }
        let bucket = self.token_bucket();
        bucket.lower_to(snapshot.tokens + passed.as_secs_f64() * bucket.refill_rate());
        self.inner.counters.at_least(snapshot.counts);
        Ok(())
    }

    /// The time since 1970.
    fn unix_time(&self) -> Duration {
        let unix = self.key_pool().runtime().unix_time();
        unix.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
    }
}
