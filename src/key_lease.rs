//! A key in use: what gives it back, however the use ends.

use std::fmt;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use crate::core::health::{Backoff, KeyFate};
use crate::core::key::{ApiKey, LabelledKey};
use crate::core::key_pool::{KeyId, Leased};
use crate::core::key_record::Note;
use crate::core::key_slot::KeyState;
use crate::core::learned_limit::Heard;
use crate::core::limit_headers::Limits;
use crate::core::retry::Failure;
use crate::core::time::{Timestamp, from_seconds};
use crate::core::told_limit::Sent;
use crate::error::ErrorKind;
use crate::key_pool::Shared;
use crate::lock::lock;
use crate::platform::Headers;
use crate::response_limits;
use crate::room::Seat;
use crate::shared_state::RemoteLease;
use crate::token_budget::Reserved;

/// What a lease shows that has given its key back: nobody holds one then.
static NO_KEY: LazyLock<LabelledKey> =
    LazyLock::new(|| LabelledKey { key: ApiKey::none(), label: "".into() });

/// A key in use, until it is told how that ended, or is dropped.
pub struct KeyLease {
    pub(crate) shared: Arc<Shared>,
    pub(crate) id: KeyId,
    /// None once it has been given back.
    pub(crate) key: Option<Arc<LabelledKey>>,
    /// Which of the key's watched requests this is; 0 where they are not watched.
    pub(crate) number: u64,
    /// Apart, since most clients have none of it.
    pub(crate) besides: Option<Box<Besides>>,
}

/// What is held besides the key.
#[derive(Default)]
pub(crate) struct Besides {
    /// The room that the request has of the client's.
    pub seat: Option<Seat>,
    /// What it may cost of the budget, until it is answered.
    pub reserved: Option<Reserved>,
    /// The same in a state that processes share, which ends with it.
    pub remote: Option<RemoteLease>,
}

impl KeyLease {
    /// The key, for the wire only.
    #[must_use]
    pub fn key(&self) -> &str {
        self.held().key.expose()
    }

    /// What to call the key in logs (`…abcd`).
    #[must_use]
    pub fn key_label(&self) -> &str {
        &self.held().label
    }

    /// The same for whoever keeps it.
    pub(crate) fn label(&self) -> Arc<str> {
        self.held().label.clone()
    }

    fn held(&self) -> &LabelledKey {
        self.key.as_deref().unwrap_or(&NO_KEY)
    }

    pub(crate) fn id(&self) -> KeyId {
        self.id
    }

    /// What it holds besides the key, to add to it.
    pub(crate) fn besides(&mut self) -> &mut Besides {
        self.besides.get_or_insert_default()
    }

    /// What was set aside for its request, which is for somebody else to settle from now on.
    pub(crate) fn take_reserved(&mut self) -> Option<Reserved> {
        self.besides.as_mut()?.reserved.take()
    }

    pub(crate) fn api_key(&self) -> &ApiKey {
        &self.held().key
    }

    /// Ends the use: the key has served.
    pub fn succeeded(self) {
        self.end(KeyFate::Works, None, "", &|_| Duration::ZERO);
    }

    /// Ends the use with a failure of `kind`, which may say something of the key: that it rests
    /// ([`ErrorKind::RateLimited`], for `retry_after` or else a minute), is out of credit, refused or
    /// not for this model. Any other kind says nothing.
    pub fn failed(self, kind: ErrorKind, retry_after: Option<Duration>) {
        let failure = Failure { retry_after, ..Failure::new(kind, "") };
        let note = Some(Note::Failed(kind));
        self.end(failure.key_fate(), note, "", &|_| Duration::from_secs(60));
    }

    /// The key has begun to answer for this model: whatever was held against it is over.
    pub(crate) fn answers(&self, model: &str, note: Option<Note>) {
        let mut pool = lock(&self.shared.pool);
        let now = self.shared.time_for(&pool);
        pool.works(self.id, model, now);
        if let Some(note) = note {
            pool.note(self.id, note);
        }
        drop(pool);
        self.shared.freed();
    }

    /// The key has begun to answer a request that was sent at `sent`: what the headers say of its limits
    /// is heeded from now on.
    pub(crate) fn hears(&self, sent: Timestamp, headers: &Headers) {
        if self.number == 0 && !response_limits::are_told(headers) {
            return; // as nearly always
        }
        let limits = response_limits::read(headers, &*self.shared.runtime);
        let held = limits.held.and_then(from_seconds);
        let now = self.shared.runtime.now();
        lock(&self.shared.pool).heard(self.id, self.heard(sent, limits), held, now);
        self.shared.freed();
    }

    /// The key is limited: others must know before the response's body has come.
    pub(crate) fn rests(
        &self,
        sent: Timestamp,
        headers: &Headers,
        rest: Option<Duration>,
        backoff: Backoff<'_>,
    ) {
        let heard = self.heard(sent, response_limits::read(headers, &*self.shared.runtime));
        let now = self.shared.runtime.now();
        lock(&self.shared.pool).refused(self.id, heard, rest, now, backoff);
        self.shared.freed();
        if let Some(Besides { remote: Some(remote), .. }) = self.besides.as_deref() {
            let rest = self.rest();
            remote.rests(rest);
            self.account_rests(remote, rest);
        }
    }

    /// What keys share an account rests as one: the others rest as long, wherever they are used.
    fn account_rests(&self, remote: &RemoteLease, rest: Option<(Duration, KeyState)>) {
        let Some(rest) = rest else { return };
        let others = lock(&self.shared.pool).others_of_account(self.id);
        for key in others {
            remote.key_rests(&self.shared.fingerprint(&key), rest);
        }
    }

    fn heard(&self, sent: Timestamp, limits: Limits) -> Heard {
        Heard { sent: Sent { number: self.number, at: sent.seconds() }, quota: limits.requests }
    }

    /// Ends the use with what it showed of the key, for this model.
    pub(crate) fn end(
        mut self,
        fate: KeyFate,
        note: Option<Note>,
        model: &str,
        backoff: Backoff<'_>,
    ) {
        self.release(fate, note, model, backoff);
    }

    fn release(&mut self, fate: KeyFate, note: Option<Note>, model: &str, backoff: Backoff<'_>) {
        if let Some(key) = self.key.take() {
            let remote = self.besides.take().and_then(|besides| besides.give_back());
            let mut pool = lock(&self.shared.pool);
            let now = match fate.is_about_the_key() {
                true => self.shared.runtime.now(),
                false => self.shared.time_for(&pool),
            };
            if let Some(note) = note {
                pool.note(self.id, note); // first: a key that retires is forgotten with its last use
            }
            pool.release(self.id, fate, model, now, backoff);
            pool.take_back(Leased { id: self.id, key, number: self.number });
            drop(pool);
            self.shared.freed();
            if let Some(remote) = remote {
                let rest = fate.is_about_the_key().then(|| self.rest()).flatten();
                self.account_rests(&remote, rest);
                remote.end(matches!(fate, KeyFate::Works), rest);
            }
        }
    }

    /// How long the key rests, and why.
    fn rest(&self) -> Option<(Duration, KeyState)> {
        let now = self.shared.runtime.now();
        lock(&self.shared.pool).rest_of(self.id, now)
    }
}

impl Besides {
    /// Gives back what is this process's own, and returns the rest.
    #[cold]
    fn give_back(self) -> Option<RemoteLease> {
        drop(self.seat);
        if let Some(reserved) = self.reserved {
            reserved.give_back();
        }
        self.remote
    }
}

impl Drop for KeyLease {
    fn drop(&mut self) {
        self.release(KeyFate::Cancelled, None, "", &|_| Duration::ZERO);
    }
}

impl fmt::Debug for KeyLease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyLease").field("key", &self.key_label()).finish_non_exhaustive()
    }
}
