//! A shared state in Redis or Valkey, on the runtime that connections live on.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::{ConnectionLike, ConnectionManager, ConnectionManagerConfig};
use redis::cluster::{ClusterClient, ClusterConfig};
use redis::{Client, RedisResult, Script};
use tokio::runtime::Handle;

use super::connections::own_runtime;
use crate::platform::{BoxFuture, boxed};
use crate::shared_state::{SharedState, SharedStateError};

/// The rules, which Redis keeps.
const RULES: &str = include_str!("../../shared_state/redis.lua");

/// What is kept at a place, under one hash tag.
const PARTS: [&str; 4] = ["state", "ends", "lines", "callers"];

/// Nobody waits so long for an answer; but what comes later than that is not given back.
const LATEST_ANSWER: Duration = Duration::from_secs(30);

/// A server that cannot be reached is not waited for longer, nor left alone for longer before the next attempt.
const LONGEST_CONNECT: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The keys of a place and a request, to the answer.
type Ask = dyn Fn([String; 4], String) -> BoxFuture<'static, RedisResult<String>> + Send + Sync;

/// A [`SharedState`] in Redis 5 or later, or Valkey, for
/// [`ClientBuilder::shared_state`](crate::ClientBuilder::shared_state).
///
/// ```no_run
/// use std::sync::Arc;
/// use lockkeeper::{ConfigLoader, RedisState, SharedStateOptions};
///
/// let state = Arc::new(RedisState::connect("redis://127.0.0.1:6379")?);
/// let providers = ConfigLoader::new()
///     .shared_state(state, SharedStateOptions::default())
///     .load_file("provider.json")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct RedisState {
    ask: Arc<Ask>,
    runtime: &'static Handle,
}

impl RedisState {
    /// The server at this URL (`redis://…`, or `rediss://…` over TLS). It connects when it is first asked, and
    /// again by itself where the connection is lost.
    ///
    /// # Errors
    /// Where the URL makes no sense.
    pub fn connect(url: &str) -> Result<Self, SharedStateError> {
        let client = Client::open(url).map_err(|error| told(&error))?;
        let config = ConnectionManagerConfig::new()
            .set_response_timeout(Some(LATEST_ANSWER))
            .set_connection_timeout(Some(LONGEST_CONNECT))
            .set_max_delay(LONGEST_PAUSE);
        Self::over(|| ConnectionManager::new_lazy_with_config(client, config))
    }

    /// The cluster that some servers belong to, as [`connect`](Self::connect) does: it finds the others by
    /// itself. All that is kept for one `base_url` is on one of them.
    ///
    /// # Errors
    /// Where an URL makes no sense, or they differ in user, password or TLS.
    pub fn connect_cluster<'a>(
        urls: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, SharedStateError> {
        let client = ClusterClient::builder(urls)
            .max_retry_wait(u64::try_from(LONGEST_PAUSE.as_millis()).unwrap_or(u64::MAX))
            .build()
            .map_err(|error| told(&error))?;
        let config = ClusterConfig::new()
            .set_response_timeout(LATEST_ANSWER)
            .set_connection_timeout(LONGEST_CONNECT);
        Self::over(|| Ok(client.get_pending_async_connection_with_config(config)))
    }

    /// Over a connection that is made on the runtime that connections live on.
    fn over<C>(connect: impl FnOnce() -> RedisResult<C>) -> Result<Self, SharedStateError>
    where
        C: ConnectionLike + Clone + Send + Sync + 'static,
    {
        let runtime = own_runtime().map_err(|error| SharedStateError::new(error.message))?;
        let _entered = runtime.enter();
        let connection = connect().map_err(|error| told(&error))?;
        let rules = Arc::new(Script::new(RULES));
        let ask = move |keys: [String; 4], request: String| {
            let (mut connection, rules) = (connection.clone(), rules.clone());
            boxed(async move {
                let mut call = rules.key(&keys[..]);
                call.arg(request).invoke_async(&mut connection).await
            })
        };
        Ok(Self { ask: Arc::new(ask), runtime })
    }
}

impl SharedState for RedisState {
    fn call(
        &self,
        place: &str,
        request: String,
    ) -> BoxFuture<'static, Result<String, SharedStateError>> {
        let keys = PARTS.map(|part| format!("lockkeeper:{{{place}}}:{part}"));
        let answer = self.runtime.spawn((self.ask)(keys, request));
        boxed(async move {
            let answer = answer.await.map_err(|error| SharedStateError::new(error.to_string()))?;
            answer.map_err(|error| told(&error))
        })
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.runtime.spawn(task);
    }
}

/// The server's address may be in an error, its password never is.
fn told(error: &redis::RedisError) -> SharedStateError {
    SharedStateError::new(error.to_string())
}

impl fmt::Debug for RedisState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisState").finish_non_exhaustive()
    }
}
