//! The key pool that callers share: the plain pool of [`core`](crate::core) with a clock, and leases
//! that end by themselves.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::Duration;

use crate::core::fill::Pace;
use crate::core::fingerprint::fingerprint;
use crate::core::key::ApiKey;
use crate::core::key_memory::KeyMemory;
use crate::core::key_pool::{KeyId, KeyPool, NoKey, Scope};
use crate::core::key_slot::KeyStatus;
use crate::core::time::Timestamp;
use crate::error::{Error, ErrorKind, Problem};
use crate::key_lease::KeyLease;
use crate::line::Line;
use crate::lock::lock;
use crate::platform::{Runtime, the_clock};
use crate::provider_config::{BaseUrl, ModelSettings, check_key, known_base_url};
use crate::registry;
use crate::room::{Room, Seat};

mod leasing;

/// The API keys of one provider. Each request takes the ready key with the fewest requests in
/// flight; a key that is limited, out of credit or refused is left alone until it may work again.
///
/// Pools of one `provider_id` and `base_url` are one pool in a process: making it again adds the
/// keys that are new. Clones share one pool.
///
/// ```
/// use lockkeeper::ApiKeyPool;
///
/// let pool = ApiKeyPool::new("demo", "https://api.example.com/v1", ["key-one-0001", "key-two-0002"])?;
/// assert_eq!(pool.get_least_loaded_key().as_deref(), Some("key-one-0001"));
///
/// let lease = pool.lease()?; // counts a request on the key, until it is dropped
/// assert_eq!(lease.key_label(), "…0001");
/// assert_eq!(pool.get_least_loaded_key().as_deref(), Some("key-two-0002"));
/// # Ok::<(), lockkeeper::Error>(())
/// ```
#[derive(Clone)]
pub struct ApiKeyPool {
    pub(crate) shared: Arc<Shared>,
    /// Which of the keys are this handle's.
    pub(crate) scope: Scope,
    /// How many requests it puts on one key at once.
    pub(crate) most_per_key: u32,
    /// Whether nobody has set a limit for its requests.
    begins_slowly: bool,
}

pub(crate) struct Shared {
    provider_id: String,
    /// The keys that a client in code was made with: what tells its pool from others.
    of_client: Option<Vec<ApiKey>>,
    /// Empty until it is known.
    base_url: OnceLock<String>,
    pub(crate) pool: Mutex<KeyPool>,
    /// Calls that wait for a key.
    pub(crate) line: Line,
    pub(crate) runtime: Arc<dyn Runtime>,
}

impl ApiKeyPool {
    /// The pool of `provider_id` at `base_url`, with these keys in it.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] where there is no key, or one is empty or has characters that no header
    /// can carry.
    pub fn new<K: AsRef<str>>(
        provider_id: &str,
        base_url: &str,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<Self, Error> {
        Self::with_runtime(provider_id, base_url, keys, the_clock()?)
    }

    /// The pool of `provider_id` at the address that is known by its name, or else at that of the first
    /// client that is made with it.
    ///
    /// # Errors
    /// As [`ApiKeyPool::new`].
    pub fn of_provider<K: AsRef<str>>(
        provider_id: &str,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<Self, Error> {
        let keys = checked_and_some(keys)?;
        let base_url = known_base_url(provider_id).unwrap_or_default();
        let pool = Self::shared(provider_id, base_url, the_clock()?);
        pool.add_all(keys);
        Ok(pool)
    }

    /// The same on a clock of your own: pools are shared by those who share the clock.
    ///
    /// # Errors
    /// As [`ApiKeyPool::new`].
    pub fn with_runtime<K: AsRef<str>>(
        provider_id: &str,
        base_url: &str,
        keys: impl IntoIterator<Item = K>,
        runtime: Arc<dyn Runtime>,
    ) -> Result<Self, Error> {
        let keys = checked_and_some(keys)?;
        let base_url = BaseUrl::parse(base_url)
            .map_err(|problem| Error::config(vec![Problem::new("base_url", 0, problem)]))?;
        let pool = Self::shared(provider_id, &base_url.text, runtime);
        pool.add_all(keys);
        Ok(pool)
    }

    /// The keys of one entry of a configuration, within the pool of its provider: the entry's
    /// requests use no others, and what is learned of a key holds wherever it stands.
    pub(crate) fn of_entry(entry: &ModelSettings, runtime: Arc<dyn Runtime>) -> Self {
        let mut pool = Self::shared(&entry.provider, &entry.base_url, runtime);
        let scope = pool.lock().scope(&entry.name);
        pool.scope = scope;
        pool.with_keys_of(entry)
    }

    /// The keys of a client that is made in code. Clients with the very same keys share a pool, and no
    /// others do: one client's requests never go out with a key of another's.
    pub(crate) fn of_keys(client: &ModelSettings, runtime: Arc<dyn Runtime>) -> Self {
        let keys = Some(client.api_keys.clone()).filter(|keys| !keys.is_empty());
        let pool = Self::shared_by(&client.provider, &client.base_url, keys, runtime);
        pool.with_keys_of(client)
    }

    /// The same pool with these keys in it, too. A server that wants no keys has one place for all
    /// requests, and they carry no header.
    fn with_keys_of(self, settings: &ModelSettings) -> Self {
        let keys = settings.api_keys.clone();
        self.add_all(if keys.is_empty() { vec![ApiKey::none()] } else { keys });
        self.join(&settings.accounts);
        self
    }

    /// Adds the keys of a client, which are well.
    pub(crate) fn take_in(&self, client: &ModelSettings) -> Result<(), Error> {
        client.api_keys.iter().try_for_each(|key| self.add_key(key.expose()))?;
        self.join(&client.accounts);
        Ok(())
    }

    /// The keys of each of these groups have one account together.
    pub(crate) fn join(&self, accounts: &[Vec<ApiKey>]) {
        if !accounts.is_empty() {
            let mut pool = self.lock();
            accounts.iter().for_each(|keys| pool.join(keys));
        }
    }

    fn shared(provider_id: &str, base_url: &str, runtime: Arc<dyn Runtime>) -> Self {
        Self::shared_by(provider_id, base_url, None, runtime)
    }

    fn shared_by(
        provider_id: &str,
        base_url: &str,
        keys: Option<Vec<ApiKey>>,
        runtime: Arc<dyn Runtime>,
    ) -> Self {
        let is_meant = |pool: &Shared| pool.of_client == keys;
        let pool = registry::pool(&runtime.clone(), provider_id, base_url, is_meant, || Shared {
            provider_id: provider_id.to_owned(),
            of_client: keys.clone(),
            base_url: OnceLock::new(),
            pool: Mutex::default(),
            line: Line::default(),
            runtime,
        });
        pool.bind(base_url);
        pool
    }

    /// Learns which address its keys are for, if it does not know.
    pub(crate) fn bind(&self, base_url: &str) {
        if !base_url.is_empty() {
            self.shared.base_url.get_or_init(|| base_url.to_owned());
        }
    }

    fn add_all(&self, keys: Vec<ApiKey>) {
        let mut pool = self.lock();
        keys.into_iter().for_each(|key| pool.add(key, self.scope));
        drop(pool);
        self.shared.freed();
    }

    /// The id that the pool was made with.
    #[must_use]
    pub fn provider_id(&self) -> &str {
        &self.shared.provider_id
    }

    /// The base URL that its keys are for, once that is known; they are sent nowhere else.
    #[must_use]
    pub fn base_url(&self) -> &str {
        self.shared.base_url()
    }

    /// The key that the next request would use, or `None` while no key is ready. It is not reserved:
    /// [`lease`](Self::lease) picks and counts in one step.
    #[must_use]
    pub fn get_least_loaded_key(&self) -> Option<String> {
        let now = self.now();
        let mut pool = self.lock();
        let id = pool.next(self.wanted("", None), now).ok()?;
        let key = pool.key(id).filter(|key| !key.is_none());
        key.map(|key| key.expose().to_owned())
    }

    /// Counts a request on `key`, made outside the library. False if the pool does not know it.
    pub fn increment_task_count(&self, key: &str) -> bool {
        self.lock().adjust(&ApiKey::new(key), true)
    }

    /// Ends such a request. The count never falls below 0. False if the pool does not know the key.
    pub fn decrement_task_count(&self, key: &str) -> bool {
        self.lock().adjust(&ApiKey::new(key), false)
    }

    /// Takes the ready key with the fewest requests in flight until the lease is dropped.
    ///
    /// # Errors
    /// [`ErrorKind::RateLimited`] with [`Error::retry_at`] while keys are cooling; otherwise
    /// [`ErrorKind::QuotaExhausted`] or [`ErrorKind::Authentication`].
    pub fn lease(&self) -> Result<KeyLease, Error> {
        self.lease_for("", None).map_err(|none| self.no_key_error(none))
    }

    /// Adds a key; it may be used at once, also by calls that wait. One that is there, and rests or
    /// was refused, is taken to be well again.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for a key that no header can carry.
    pub fn add_key(&self, key: &str) -> Result<(), Error> {
        let keys = checked([key])?;
        keys.iter().for_each(|key| self.lock().revive(key));
        self.add_all(keys);
        Ok(())
    }

    /// Adds keys that share one account at the provider, and with it its quota: what is learned of the limit of one
    /// holds for all, and when one rests as it is limited or out of credit, all do.
    ///
    /// # Errors
    /// As [`add_key`](Self::add_key).
    pub fn add_account<K: AsRef<str>>(
        &self,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<(), Error> {
        let keys = checked(keys)?;
        self.add_all(keys.clone());
        self.join(&[keys]);
        Ok(())
    }

    /// Retires a key: it gets no new work, and is gone when its last request ends. False if the pool
    /// does not know it.
    pub fn remove_key(&self, key: &str) -> bool {
        let known = self.lock().remove(&ApiKey::new(key), self.scope);
        self.shared.freed();
        known
    }

    /// Makes `keys` the pool's keys: adds those that are new, retires those that are missing.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] where a key is unfit or none is left; then nothing is changed.
    pub fn reload<K: AsRef<str>>(&self, keys: impl IntoIterator<Item = K>) -> Result<(), Error> {
        let keys = checked_and_some(keys)?;
        let mut pool = self.lock();
        let gone = pool.keys(self.scope).filter(|key| !keys.contains(key));
        for key in gone.cloned().collect::<Vec<_>>() {
            pool.remove(&key, self.scope);
        }
        drop(pool);
        self.add_all(keys);
        Ok(())
    }

    /// A look at every key, in the order in which they were added.
    #[must_use]
    pub fn statuses(&self) -> Vec<KeyStatus> {
        let now = self.now();
        self.lock().statuses(self.scope, now)
    }

    /// Requests under way on all keys together.
    #[must_use]
    pub fn in_flight(&self) -> u32 {
        self.statuses().iter().map(|key| key.in_flight).sum()
    }

    /// What is known of each of its keys.
    pub(crate) fn memories(&self) -> Vec<(String, KeyMemory)> {
        let now = self.now();
        let memories = self.lock().memories(self.scope, now);
        memories.into_iter().map(|(key, memory)| (self.fingerprint(&key), memory)).collect()
    }

    /// Takes in what was known of its keys so long ago, where that is worse than what is. False if there was something,
    /// and all of it of other keys.
    pub(crate) fn recall(&self, memories: &[(String, KeyMemory)], passed: Duration) -> bool {
        let now = self.now();
        let mut pool = self.lock();
        let keys: Vec<ApiKey> = pool.keys(self.scope).cloned().collect();
        let mut is_known = memories.is_empty();
        for key in keys {
            let name = self.fingerprint(&key);
            if let Some((_, memory)) = memories.iter().find(|(known, _)| *known == name) {
                is_known = true;
                pool.recall(&key, memory, passed, now);
            }
        }
        is_known
    }

    pub(crate) fn fingerprint(&self, key: &ApiKey) -> String {
        self.shared.fingerprint(key)
    }

    /// Room for one more request of a client, if there is some.
    pub(crate) fn seat(&self, room: &Arc<Room>) -> Option<Seat> {
        room.take(&self.shared)
    }

    /// Counts an attempt that had to wait first.
    pub(crate) fn count_wait(&self, id: KeyId) {
        self.lock().count_wait(id);
    }

    /// Settles what a request to a model has cost of its key's own bucket.
    pub(crate) fn settle(&self, id: KeyId, model: &str, amount: f64, pace: Pace) {
        self.lock().settle(id, model, amount, pace);
        self.shared.freed();
    }

    /// Adds what an answer cost to the counts of its key.
    pub(crate) fn count_tokens(&self, id: KeyId, input: u64, output: u64) {
        self.lock().count_tokens(id, input, output);
    }

    pub(crate) fn runtime(&self) -> &Arc<dyn Runtime> {
        &self.shared.runtime
    }

    pub(crate) fn no_key_error(&self, none: NoKey) -> Error {
        let in_time = |until| self.shared.runtime.unix_time().checked_add(until - self.now());
        match none {
            NoKey::CoolingUntil(until) => {
                Error::new(ErrorKind::RateLimited, "every key is rate limited")
                    .with_retry_at(in_time(until))
            }
            NoKey::Exhausted(until) => {
                Error::new(ErrorKind::QuotaExhausted, "every key is out of quota or credit")
                    .with_retry_at(until.and_then(in_time))
            }
            NoKey::Busy(_) => Error::new(
                ErrorKind::RateLimited,
                "too many requests are under way: `max_concurrency` or `max_concurrency_per_key` has \
                 room for no more",
            ),
            NoKey::Denied => Error::new(ErrorKind::PermissionDenied, "no key may use this model"),
            NoKey::Dead => Error::new(ErrorKind::Authentication, "the provider refuses every key"),
            NoKey::Empty => Error::new(ErrorKind::Authentication, "the pool has no key any more"),
        }
    }

    pub(crate) fn from_shared(shared: Arc<Shared>) -> Self {
        Self { shared, scope: Scope::ALL, most_per_key: u32::MAX, begins_slowly: false }
    }

    pub(crate) fn now(&self) -> crate::Timestamp {
        self.shared.runtime.now()
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, KeyPool> {
        lock(&self.shared.pool)
    }
}

impl fmt::Debug for ApiKeyPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKeyPool")
            .field("provider_id", &self.shared.provider_id)
            .field("base_url", &self.base_url())
            .field("keys", &self.statuses())
            .finish()
    }
}

fn checked_and_some<K: AsRef<str>>(
    keys: impl IntoIterator<Item = K>,
) -> Result<Vec<ApiKey>, Error> {
    let keys = checked(keys)?;
    if keys.is_empty() {
        return Err(Error::config(vec![Problem::new("api_keys", 0, "a pool needs a key")]));
    }
    Ok(keys)
}

fn checked<K: AsRef<str>>(keys: impl IntoIterator<Item = K>) -> Result<Vec<ApiKey>, Error> {
    let mut problems = Vec::new();
    let mut fit = Vec::new();
    for (index, key) in keys.into_iter().enumerate() {
        match check_key(key.as_ref()) {
            Ok(()) => fit.push(ApiKey::new(key.as_ref())),
            Err(message) => {
                problems.push(Problem::new(format!("api_keys[{index}]"), 0, message));
            }
        }
    }
    if problems.is_empty() { Ok(fit) } else { Err(Error::config(problems)) }
}

impl Shared {
    fn base_url(&self) -> &str {
        self.base_url.get().map_or("", String::as_str)
    }

    /// The name of a key where it must not be known.
    pub(crate) fn fingerprint(&self, key: &ApiKey) -> String {
        fingerprint(&[&self.provider_id, self.base_url(), key.expose()])
    }

    /// The time, as far as the pool needs to know it: reading the clock is half of what a lease
    /// costs.
    pub(crate) fn time_for(&self, pool: &KeyPool) -> Timestamp {
        self.time_if(!pool.is_well())
    }

    pub(crate) fn time_if(&self, matters: bool) -> Timestamp {
        if matters { self.runtime.now() } else { Timestamp::ZERO }
    }

    /// A key may be ready that was not, or have room: tells those who wait for one.
    pub(crate) fn freed(&self) {
        if !self.line.is_empty() {
            self.line.wake_firsts(self.runtime.now());
        }
    }
}
