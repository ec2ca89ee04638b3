//! Making clients: from settings in code, or from `provider.json`.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use crate::accounting::Counters;
use crate::client::{Inner, OpenAiCompatible};
use crate::core::backoff::Jitter;
use crate::core::fill::Pace;
use crate::core::key_limits::PerKey;
use crate::core::secret::Secret;
use crate::error::{Error, Problem};
use crate::events::Observer;
use crate::exchange::Engine;
use crate::key_pool::ApiKeyPool;
use crate::model_buckets::ModelBuckets;
use crate::platform::{Runtime, Transport, default_transport, the_clock};
use crate::provider_config::{BaseUrl, ModelSettings, RateLimitScope, parse};
use crate::registry::{self, Meter};
use crate::room::Room;
use crate::shared_state::{Shared, Store};
use crate::token_budget::MeanOutput;
use crate::wire::Wire;

/// Clients by provider and model: `providers["openai"]["gpt-4"]`.
pub type Providers = BTreeMap<String, BTreeMap<String, OpenAiCompatible>>;

/// Looks up an environment variable.
type Env<'a> = Box<dyn Fn(&str) -> Option<String> + 'a>;

/// Makes the observer of a client.
type Observers<'a> = Box<dyn Fn(&ModelSettings) -> Arc<dyn Observer> + 'a>;

/// What the world is to a client, where it is not the platform's.
#[derive(Default)]
pub(crate) struct World {
    runtime: Option<Arc<dyn Runtime>>,
    transport: Option<Arc<dyn Transport>>,
    observer: Option<Arc<dyn Observer>>,
    pub shared_state: Shared,
}

/// Makes an [`OpenAiCompatible`] from [`ModelSettings`].
///
/// ```
/// use lockkeeper::{ModelSettings, OpenAiCompatible};
///
/// # #[cfg(feature = "reqwest")] {
/// let mut settings = ModelSettings::new("deepseek", "deepseek-chat", ["sk-0123456789abcdef"]);
/// settings.rate_limit_capacity = 20.0;
/// let llm = OpenAiCompatible::builder(settings).build()?;
/// assert_eq!(llm.key_pool().base_url(), "https://api.deepseek.com");
/// # }
/// # Ok::<(), lockkeeper::Error>(())
/// ```
#[must_use = "a builder does nothing until `build`"]
pub struct ClientBuilder {
    settings: ModelSettings,
    pool: Option<ApiKeyPool>,
    pub(crate) world: World,
}

impl ClientBuilder {
    pub(crate) fn new(settings: ModelSettings) -> Self {
        Self { settings, pool: None, world: World::default() }
    }

    /// A transport of your own. Default: reqwest natively, `fetch` on wasm32.
    pub fn transport(mut self, transport: Arc<dyn Transport>) -> Self {
        self.world.transport = Some(transport);
        self
    }

    /// A clock of your own. Default: the platform's. A pool given brings its own.
    pub fn runtime(mut self, runtime: Arc<dyn Runtime>) -> Self {
        self.world.runtime = Some(runtime);
        self
    }

    /// Whom to tell what happens to its calls. Default: nobody but the log.
    pub fn observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.world.observer = Some(observer);
        self
    }

    /// A pool of your own, which must be for the same origin as the settings' `base_url`. The
    /// settings' keys are added to it. Default: a pool of the settings' keys, shared by the clients
    /// with the very same keys.
    pub fn key_pool(mut self, pool: ApiKeyPool) -> Self {
        self.pool = Some(pool);
        self
    }

    /// Makes the client.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) with every problem found.
    pub fn build(mut self) -> Result<OpenAiCompatible, Error> {
        let mut problems = self.settings.validate();
        if !self.settings.fallbacks.is_empty() {
            let path = format!("{}.fallbacks", self.settings.path());
            let message = "name entries of a provider.json; in code, make a `Fallback` of clients";
            problems.push(Problem::new(path, 0, message));
        }
        if let Some(pool) = &self.pool {
            // Its keys are the pool's.
            let keys = |problem: &Problem| problem.path.ends_with(".api_keys");
            if self.settings.api_keys.is_empty() {
                problems.retain(|problem| !keys(problem));
            }
            problems.extend(other_origin(pool, &self.settings.base_url));
            if problems.is_empty() {
                pool.bind(&self.settings.base_url);
            }
            self.world.runtime = Some(pool.runtime().clone());
        }
        if !problems.is_empty() {
            return Err(Error::config(problems));
        }
        let (runtime, transport) = (self.world.runtime()?, self.world.transport()?);
        normalise(&mut self.settings);
        let buckets = buckets(&runtime, &self.settings)?;
        let pool = match self.pool {
            Some(pool) => {
                pool.take_in(&self.settings)?;
                pool
            }
            None => ApiKeyPool::of_keys(&self.settings, runtime.clone()),
        };
        let World { observer, shared_state, .. } = self.world;
        Ok(client(self.settings, buckets, pool, runtime, (transport, observer, shared_state)))
    }
}

/// Loads `provider.json`, with a transport, a clock or an environment of your own.
///
/// ```
/// use lockkeeper::ConfigLoader;
///
/// # #[cfg(feature = "reqwest")] {
/// let providers = ConfigLoader::new()
///     .env(|name| (name == "MY_KEY").then(|| "sk-0123456789abcdef".to_owned()))
///     .load_str(r#"{ "openai": { "gpt-4": { "api_keys": ["$MY_KEY"] } } }"#)?;
/// assert_eq!(providers["openai"]["gpt-4"].key_pool().statuses()[0].label, "…cdef");
/// # }
/// # Ok::<(), lockkeeper::Error>(())
/// ```
#[must_use = "a loader does nothing until it loads"]
pub struct ConfigLoader<'a> {
    env: Env<'a>,
    pool: Option<ApiKeyPool>,
    own_pools: bool,
    pub(crate) world: World,
    observers: Option<Observers<'a>>,
}

impl Default for ConfigLoader<'_> {
    fn default() -> Self {
        let env = Box::new(|name: &str| std::env::var(name).ok());
        Self { env, pool: None, own_pools: false, world: World::default(), observers: None }
    }
}

impl<'a> ConfigLoader<'a> {
    /// A loader that takes all from the platform.
    pub fn new() -> Self {
        Self::default()
    }

    /// A transport of your own.
    pub fn transport(mut self, transport: Arc<dyn Transport>) -> Self {
        self.world.transport = Some(transport);
        self
    }

    /// A clock of your own.
    pub fn runtime(mut self, runtime: Arc<dyn Runtime>) -> Self {
        self.world.runtime = Some(runtime);
        self
    }

    /// Gives each client a pool of its own, which it shares only with clients of the very same keys.
    /// Default: the entries of one provider and address share what is learned of a key, and loading
    /// again adds keys to an entry.
    pub fn own_pools(mut self) -> Self {
        self.own_pools = true;
        self
    }

    /// A pool of your own, whose keys all clients use in place of those in the file. It must be for
    /// the same origin as every `base_url` there.
    pub fn key_pool(mut self, pool: ApiKeyPool) -> Self {
        self.pool = Some(pool);
        self
    }

    /// Whom to tell what happens to the calls of each client. Default: nobody but the log.
    pub fn observers(
        mut self,
        observers: impl Fn(&ModelSettings) -> Arc<dyn Observer> + 'a,
    ) -> Self {
        self.observers = Some(Box::new(observers));
        self
    }

    /// Where `"$NAME"` is looked up. Default: the process's environment.
    pub fn env(mut self, env: impl Fn(&str) -> Option<String> + 'a) -> Self {
        self.env = Box::new(env);
        self
    }

    /// Loads a file.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) where it can't be read, or with every problem
    /// in it.
    pub fn load_file(self, path: impl AsRef<Path>) -> Result<Providers, Error> {
        let path = path.as_ref();
        if path.as_os_str().as_encoded_bytes().trim_ascii_start().starts_with(b"{") {
            // Not to be repeated in an error, since there are keys in it.
            let message = "expected the path of a file, found JSON: `load_str` takes that";
            return Err(Error::config(vec![Problem::new("", 0, message)]));
        }
        let text = std::fs::read_to_string(path).map_err(|error| {
            let message = format!("can't read {}: {error}", path.display());
            Error::config(vec![Problem::new("", 0, message)])
        })?;
        self.load_str(&Secret::from(text))
    }

    /// Loads a file's text. Either all of it is loaded or nothing.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) with every problem, its path and line.
    pub fn load_str(self, text: &str) -> Result<Providers, Error> {
        let clients = self.load_list(text)?;
        let mut providers = Providers::new();
        for client in &clients {
            let settings = client.settings();
            let joined = match &settings.fallbacks[..] {
                [] => client.clone(),
                names => client.with_fallbacks(named(&clients, names)),
            };
            let models = providers.entry(settings.provider.clone()).or_default();
            models.insert(settings.name.clone(), joined);
        }
        Ok(providers)
    }

    /// Loads a file's text: the clients in the order of the file, each on its own. What its `fallbacks`
    /// name is for the caller to join.
    ///
    /// # Errors
    /// As [`load_str`](Self::load_str).
    pub fn load_list(mut self, text: &str) -> Result<Vec<OpenAiCompatible>, Error> {
        let models = parse(text, &*self.env)?;
        if let Some(pool) = &self.pool {
            self.world.runtime = Some(pool.runtime().clone());
        }
        let (runtime, transport) = (self.world.runtime()?, self.world.transport()?);
        // All that can still fail comes before the first pool is touched.
        let mut problems = Vec::new();
        let mut ready = Vec::new();
        for settings in models {
            let other = self.pool.as_ref().and_then(|pool| other_origin(pool, &settings.base_url));
            let bucket = match other {
                None => buckets(&runtime, &settings),
                Some(problem) => Err(Error::config(vec![problem])),
            };
            match bucket {
                Ok(bucket) => ready.push((settings, bucket)),
                Err(error) => problems.extend(error.problems().iter().cloned().map(|problem| {
                    let path = format!("{}.{}", settings.path(), problem.path);
                    Problem { path, ..problem }
                })),
            }
        }
        if !problems.is_empty() {
            return Err(Error::config(problems));
        }
        let mut clients = Vec::with_capacity(ready.len());
        for (mut settings, bucket) in ready {
            if let Some(pool) = &self.pool {
                settings.api_keys.clear();
                pool.bind(&settings.base_url);
            }
            let observer = self.observers.as_ref().map(|observers| observers(&settings));
            let world = (transport.clone(), observer, self.world.shared_state.clone());
            let pool = match &self.pool {
                Some(pool) => pool.clone(),
                None if self.own_pools => ApiKeyPool::of_keys(&settings, runtime.clone()),
                None => ApiKeyPool::of_entry(&settings, runtime.clone()),
            };
            clients.push(client(settings, bucket, pool, runtime.clone(), world));
        }
        Ok(clients)
    }
}

impl OpenAiCompatible {
    /// Loads a `provider.json`: clients by provider and model.
    ///
    /// # Errors
    /// As [`ConfigLoader::load_file`].
    pub fn load_from_json_file(path: impl AsRef<Path>) -> Result<Providers, Error> {
        ConfigLoader::new().load_file(path)
    }

    /// Loads the text of a `provider.json`.
    ///
    /// ```
    /// use lockkeeper::OpenAiCompatible;
    ///
    /// # #[cfg(feature = "reqwest")] {
    /// let providers = OpenAiCompatible::load_from_json_str(
    ///     r#"{ "openai": { "gpt-4": { "api_keys": ["sk-0123456789abcdef"] } } }"#,
    /// )?;
    /// let llm = &providers["openai"]["gpt-4"];
    /// assert_eq!(llm.settings().max_retries, 5);
    ///
    /// let error = OpenAiCompatible::load_from_json_str(
    ///     r#"{ "openai": { "gpt-4": { "api_keys": [""], "retries": 3 } } }"#,
    /// )
    /// .unwrap_err();
    /// assert_eq!(error.problems().len(), 2);
    /// # }
    /// # Ok::<(), lockkeeper::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`ConfigLoader::load_str`].
    pub fn load_from_json_str(text: &str) -> Result<Providers, Error> {
        ConfigLoader::new().load_str(text)
    }
}

impl World {
    /// The clock given, or else the platform's own.
    fn runtime(&self) -> Result<Arc<dyn Runtime>, Error> {
        self.runtime.clone().map_or_else(the_clock, Ok)
    }

    /// The transport given, or else the platform's own.
    fn transport(&self) -> Result<Arc<dyn Transport>, Error> {
        let transport = self.transport.clone().map_or_else(default_transport, Ok);
        transport.map_err(|error| Error::config(vec![Problem::new("", 0, error.message)]))
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("settings", &self.settings)
            .field("pool", &self.pool)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for ConfigLoader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConfigLoader").finish_non_exhaustive()
    }
}

/// Those of the clients that `fallbacks` name, in the order of the names.
fn named(clients: &[OpenAiCompatible], names: &[String]) -> Vec<OpenAiCompatible> {
    let by_name =
        |name: &String| clients.iter().find(|client| client.settings().reference() == *name);
    names.iter().filter_map(by_name).cloned().collect()
}

fn other_origin(pool: &ApiKeyPool, base_url: &str) -> Option<Problem> {
    if pool.base_url().is_empty() {
        return None; // it takes this one
    }
    let origin = |url| BaseUrl::parse(url).map(|url| url.origin).ok();
    (origin(pool.base_url()) != origin(base_url)).then(|| {
        let message = format!("the pool's keys are for {}, not for {base_url}", pool.base_url());
        Problem::new("base_url", 0, message)
    })
}

/// Writes the address in its one spelling.
fn normalise(settings: &mut ModelSettings) {
    if let Ok(url) = BaseUrl::parse(&settings.base_url) {
        settings.base_url = url.text;
    }
}

/// What meters a client's requests, and its LLM tokens where those are limited.
type Buckets = (ModelBuckets, Option<ModelBuckets>);

fn buckets(runtime: &Arc<dyn Runtime>, settings: &ModelSettings) -> Result<Buckets, Error> {
    let bucket = |meter, limits| {
        let bucket = registry::bucket(meter, runtime, &settings.base_url, &settings.model, limits)?;
        Ok(ModelBuckets::new(meter, bucket))
    };
    let limits = (settings.rate_limit_capacity, settings.rate_limit_refill_rate);
    let per_minute = settings.rate_limit_tokens_per_minute;
    let budget = per_minute.map(|most| bucket(Meter::LlmTokens, (most, most / 60.0)));
    Ok((bucket(Meter::Requests, limits)?, budget.transpose()?))
}

/// The limits that each key has for itself, if that is what they are.
fn limits_of_keys(settings: &ModelSettings) -> Option<PerKey> {
    let pace = |capacity, rate| Pace { each: 1.0 / rate, whole: capacity / rate };
    let llm_tokens = settings.rate_limit_tokens_per_minute;
    (settings.rate_limit_scope == RateLimitScope::Key).then(|| PerKey {
        requests: pace(settings.rate_limit_capacity, settings.rate_limit_refill_rate),
        llm_tokens: llm_tokens.map(|most| (pace(most, most / 60.0), 0.0)),
    })
}

fn client(
    settings: ModelSettings,
    (buckets, budgets): Buckets,
    pool: ApiKeyPool,
    runtime: Arc<dyn Runtime>,
    (transport, observer, shared_state): (Arc<dyn Transport>, Option<Arc<dyn Observer>>, Shared),
) -> OpenAiCompatible {
    let counters = Arc::new(Counters::new(observer));
    let engine = Engine {
        store: shared_state.map(|it| Arc::new(Store::new(it, &settings, runtime.clone()))),
        pool: pool.with_most_per_key(settings.max_concurrency_per_key).with_limits_of(&settings),
        room: settings.max_concurrency.map(Room::new),
        limits_of_keys: limits_of_keys(&settings),
        transport,
        wire: Wire::new(&settings),
        retry_delay: settings.retry_delay,
        jitter: Mutex::new(Jitter::new(runtime.random_seed())),
        counters: counters.clone(),
        max_event_bytes: settings.max_event_bytes,
        skip_undecodable_events: settings.skip_undecodable_events,
    };
    OpenAiCompatible::from_inner(Inner {
        #[cfg(feature = "functions")]
        learned: Arc::default(),
        model: settings.model.as_str().into(),
        settings,
        engine,
        buckets,
        budgets,
        mean_output: MeanOutput::default(),
        counters,
        refuses_usage: AtomicBool::new(false),
    })
}
