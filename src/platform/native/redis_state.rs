//! A shared state in Redis or Valkey, on the runtime that connections live on.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, Script};
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
    connection: ConnectionManager,
    rules: Arc<Script>,
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
            .set_connection_timeout(Some(Duration::from_secs(5)))
            .set_max_delay(Duration::from_secs(1));
        let runtime = own_runtime().map_err(|error| SharedStateError::new(error.message))?;
        let _entered = runtime.enter();
        let connection = ConnectionManager::new_lazy_with_config(client, config);
        let connection = connection.map_err(|error| told(&error))?;
        Ok(Self { connection, rules: Arc::new(Script::new(RULES)), runtime })
    }
}

impl SharedState for RedisState {
    fn call(
        &self,
        place: &str,
        request: String,
    ) -> BoxFuture<'static, Result<String, SharedStateError>> {
        let (mut connection, rules) = (self.connection.clone(), self.rules.clone());
        let keys = PARTS.map(|part| format!("lockkeeper:{{{place}}}:{part}"));
        let answer = self.runtime.spawn(async move {
            let mut call = rules.prepare_invoke();
            keys.iter().for_each(|key| {
                call.key(key);
            });
            call.arg(request);
            call.invoke_async::<String>(&mut connection).await
        });
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
