//! A store that answers by script.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use futures::StreamExt;
use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use futures::future::{Either, select};
use futures::stream::FuturesUnordered;
use lockkeeper::testing::VirtualClock;
use lockkeeper::{BoxFuture, SharedState, SharedStateError};

/// A request that was made.
#[derive(Clone, Debug)]
pub struct Said {
    /// Its number, from 0.
    pub number: usize,
    /// Since the clock began.
    pub at: Duration,
    pub json: serde_json::Value,
}

impl Said {
    pub fn op(&self) -> &str {
        self.json["op"].as_str().unwrap()
    }
}

type Script = Box<dyn FnMut(&Said) -> Option<String> + Send>;
type Task = BoxFuture<'static, ()>;

struct Inner {
    says: Script,
    said: Vec<Said>,
    leases: Vec<String>,
    after: Duration,
    is_silent: bool,
    tasks: Option<UnboundedReceiver<Task>>,
}

/// A store that answers by script, and remembers what was asked.
#[derive(Clone)]
pub struct ScriptedStore {
    clock: VirtualClock,
    inner: Arc<Mutex<Inner>>,
    spawned: UnboundedSender<Task>,
}

impl ScriptedStore {
    pub fn new(
        clock: &VirtualClock,
        says: impl FnMut(&Said) -> Option<String> + Send + 'static,
    ) -> Self {
        let (spawned, tasks) = unbounded();
        let (after, is_silent) = (Duration::ZERO, false);
        let (said, leases) = (Vec::new(), Vec::new());
        let inner =
            Inner { says: Box::new(says), said, leases, after, is_silent, tasks: Some(tasks) };
        Self { clock: clock.clone(), inner: Arc::new(Mutex::new(inner)), spawned }
    }

    /// From now on it answers, or does not.
    pub fn is_silent(&self, is_silent: bool) {
        self.inner().is_silent = is_silent;
    }

    /// It takes so long to answer.
    pub fn answers_after(&self, after: Duration) {
        self.inner().after = after;
    }

    /// What was asked so far.
    pub fn said(&self) -> Vec<Said> {
        self.inner().said.clone()
    }

    pub fn operations(&self) -> Vec<String> {
        self.said().iter().map(|said| said.op().to_owned()).collect()
    }

    /// The lease of this number that it has granted.
    pub fn lease(&self, number: usize) -> String {
        self.inner().leases[number].clone()
    }

    /// Does this, with the tasks that are spawned meanwhile in the background.
    pub async fn beside<T>(&self, test: impl Future<Output = T>) -> T {
        let mut spawned = self.inner().tasks.take().unwrap();
        let background = async {
            let mut running = FuturesUnordered::new();
            loop {
                futures::select_biased! {
                    task = spawned.next() => running.extend(task),
                    _ = running.select_next_some() => {}
                }
            }
        };
        let (test, background) = (std::pin::pin!(test), std::pin::pin!(background));
        match select(test, background).await {
            Either::Left((done, _)) => done,
            Either::Right((never, _)) => never,
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }
}

impl SharedState for ScriptedStore {
    fn call(
        &self,
        place: &str,
        request: String,
    ) -> BoxFuture<'static, Result<String, SharedStateError>> {
        assert!(place.len() == 16 && place.chars().all(|c| c.is_ascii_hexdigit()), "{place}");
        let mut inner = self.inner();
        let json = serde_json::from_str(&request).unwrap();
        let said = Said { number: inner.said.len(), at: self.clock.elapsed(), json };
        let answer = if inner.is_silent { None } else { (inner.says)(&said) };
        inner.said.push(said);
        let json = answer.as_deref().and_then(|text| serde_json::from_str(text).ok());
        let lease = json.as_ref().and_then(|json: &serde_json::Value| json["lease"].as_str());
        inner.leases.extend(lease.map(str::to_owned));
        let (runtime, after) = (self.clock.runtime(), inner.after);
        Box::pin(async move {
            runtime.sleep(after).await;
            match answer {
                Some(answer) => Ok(answer),
                None => std::future::pending().await,
            }
        })
    }

    fn spawn(&self, task: Task) {
        self.spawned.unbounded_send(task).unwrap();
    }
}
