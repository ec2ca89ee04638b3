//! What all connections of one provider share.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::clock::Clock;
use crate::fault::Fault;
use crate::fault_names::fault_for_model;
use crate::limits::{Admission, Limits};
use crate::lock::hold;
use crate::request_log::RequestLog;
use crate::script::{Script, Scripts};
use crate::settings::Settings;

/// Settings, limits, script and log. No lock is held across an await.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) clock: Clock,
    pub(crate) log: Arc<RequestLog>,
    settings: Mutex<Arc<Settings>>,
    limits: Mutex<Limits>,
    scripts: Mutex<Scripts>,
    requests: AtomicU64,
    connections: AtomicUsize,
    accepted: AtomicUsize,
}

/// A connection that is open as long as this lives.
pub(crate) struct Connected<'a>(&'a State);

impl Drop for Connected<'_> {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

impl State {
    pub(crate) fn new(settings: Settings) -> Self {
        let clock = Clock::start();
        let limits = Limits::default().renewed(&settings.keys, clock.elapsed());
        Self {
            clock,
            log: Arc::new(RequestLog::new(clock)),
            settings: Mutex::new(Arc::new(settings)),
            limits: Mutex::new(limits),
            scripts: Mutex::default(),
            requests: AtomicU64::new(0),
            connections: AtomicUsize::new(0),
            accepted: AtomicUsize::new(0),
        }
    }

    /// The settings as they are now.
    pub(crate) fn settings(&self) -> Arc<Settings> {
        Arc::clone(&hold(&self.settings))
    }

    /// Replaces the settings for all requests to come. The address stays.
    pub(crate) fn change_settings(&self, mut settings: Settings) {
        let mut current = hold(&self.settings);
        settings.address = current.address;
        let mut limits = hold(&self.limits);
        *limits = limits.renewed(&settings.keys, self.clock.elapsed());
        *current = Arc::new(settings);
    }

    /// Asks the limits about a request of this key.
    pub(crate) fn admit(&self, key: Option<&str>) -> Admission {
        hold(&self.limits).admit(key, self.clock.elapsed())
    }

    /// Whether the key may make requests at all.
    pub(crate) fn knows(&self, key: Option<&str>) -> bool {
        hold(&self.limits).knows(key)
    }

    /// Which of the settings' keys this is.
    pub(crate) fn key_index(&self, key: Option<&str>) -> Option<usize> {
        hold(&self.limits).index_of(key)
    }

    /// Queues faults behind those that wait already.
    pub(crate) fn script(&self, script: Script) {
        hold(&self.scripts).push(script);
    }

    /// Forgets the queued faults.
    pub(crate) fn clear_script(&self) {
        *hold(&self.scripts) = Scripts::default();
    }

    /// How many faults wait.
    pub(crate) fn script_len(&self) -> usize {
        hold(&self.scripts).len()
    }

    /// The fault for a request: a script's, else the one its model's name asks for.
    pub(crate) fn next_fault(&self, model: &str, key: Option<&str>, attempt: u32) -> Fault {
        let scripted = hold(&self.scripts).next(model, key);
        scripted.or_else(|| fault_for_model(model, attempt)).unwrap_or_default()
    }

    /// Counts one more connection.
    pub(crate) fn connect(&self) -> Connected<'_> {
        self.connections.fetch_add(1, Ordering::Relaxed);
        self.accepted.fetch_add(1, Ordering::Relaxed);
        Connected(self)
    }

    /// The connections that are open now.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// The connections that there have been.
    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::Relaxed)
    }

    /// An id that no other request has.
    pub(crate) fn next_request_id(&self) -> String {
        format!("req_{:06}", self.requests.fetch_add(1, Ordering::Relaxed) + 1)
    }
}
