//! The provider itself: it listens, accepts, and can be asked what it saw.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::connection;
use crate::fault::Fault;
use crate::listener;
use crate::record::RequestRecord;
use crate::script::Script;
use crate::settings::Settings;
use crate::state::State;

/// A running provider. Dropping it stops it and closes all its connections.
///
/// It runs on the tokio runtime in which it was started. A test on another executor keeps a
/// multi-threaded tokio runtime beside it and starts the provider with `runtime.block_on`.
#[derive(Debug)]
pub struct MockProvider {
    address: SocketAddr,
    state: Arc<State>,
    stop: watch::Sender<bool>,
    accepting: JoinHandle<()>,
}

impl MockProvider {
    /// Binds the address and starts to serve.
    ///
    /// # Errors
    /// The address cannot be bound.
    pub async fn start(settings: Settings) -> io::Result<Self> {
        let listener = listener::bind(settings.address)?;
        let address = listener.local_addr()?;
        let state = Arc::new(State::new(settings));
        let (stop, stopped) = watch::channel(false);
        let serving = Arc::clone(&state);
        let serve = move |socket| connection::serve(socket, Arc::clone(&serving));
        let accepting = tokio::spawn(listener::accept(listener, serve, stopped));
        Ok(Self { address, state, stop, accepting })
    }

    /// What clients take as their base URL: `http://127.0.0.1:PORT/v1`.
    pub fn base_url(&self) -> String {
        format!("{}/v1", self.origin())
    }

    /// The URL without a path: `http://127.0.0.1:PORT`.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The settings as they are now.
    pub fn settings(&self) -> Settings {
        self.state.settings().as_ref().clone()
    }

    /// Changes the settings for all requests to come. The address stays; a key whose limit does not
    /// change keeps its bucket's level.
    pub fn change_settings(&self, change: impl FnOnce(&mut Settings)) {
        let mut settings = self.settings();
        change(&mut settings);
        self.state.change_settings(settings);
    }

    /// The requests so far, oldest first. Preflights and control calls are not among them.
    pub fn log(&self) -> Vec<RequestRecord> {
        self.state.log.records()
    }

    /// Forgets all requests, attempts and peaks. The next request has index 0 again.
    pub fn clear_log(&self) {
        self.state.log.clear();
    }

    /// The most requests that one key had open at once, by the key or by its label.
    pub fn peak_in_flight(&self, key_or_label: &str) -> usize {
        self.state.log.traffic(|traffic| traffic.peak_of(key_or_label))
    }

    /// The most requests that were open at once over all keys.
    pub fn peak_in_flight_overall(&self) -> usize {
        self.state.log.traffic(|traffic| traffic.peak())
    }

    /// The requests that are open now.
    pub fn in_flight(&self) -> usize {
        self.state.log.traffic(|traffic| traffic.open())
    }

    /// The connections that are open now, with a request under way or without.
    pub fn connections(&self) -> usize {
        self.state.connections()
    }

    /// Queues faults. Each chat request that its key and rate allow takes one, in order; one that is
    /// refused for those takes none. With the queue empty, the model's name decides.
    pub fn script(&self, faults: impl IntoIterator<Item = Fault>) {
        self.script_for(Script { faults: faults.into_iter().collect(), ..Script::default() });
    }

    /// Queues faults for some requests only, by their model or key. Each takes its fault from the
    /// first script that is about it.
    pub fn script_for(&self, script: Script) {
        self.state.script(script);
    }

    /// Forgets the faults still queued.
    pub fn clear_script(&self) {
        self.state.clear_script();
    }

    /// Waits until this many requests have come since the log was last cleared.
    pub async fn wait_for_requests(&self, count: usize) {
        self.state.log.wait_for_requests(count).await;
    }

    /// Waits until the request with this index has come and has ended: the client closed its socket,
    /// or the answer went out. Gives its record, or nothing if the log no longer holds it.
    pub async fn wait_for_close(&self, index: usize) -> Option<RequestRecord> {
        self.state.log.wait_for_close(index).await
    }

    /// Stops it and waits until all its connections are closed.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        // It ends with an error only if it panicked or its runtime shuts down: stopped either way.
        let _ = (&mut self.accepting).await;
    }
}

impl Drop for MockProvider {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}
