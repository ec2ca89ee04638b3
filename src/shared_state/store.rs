//! A client's way to the state that it shares: who asks where, whether there is an answer, and what is
//! this process's own share while there is none.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tracing::debug;

use super::message::{Answer, Bucket, Request};
use super::taken::Taken;
use super::{OnFailure, SharedState, SharedStateError, SharedStateOptions};
use crate::call::Call;
use crate::clocks::{Alarm, within};
use crate::core::fingerprint::fingerprint;
use crate::core::store_health::{ASKED_AGAIN_AFTER, StoreHealth};
use crate::error::{Clock, Error, ErrorKind};
use crate::lock::lock;
use crate::platform::{BoxFuture, Runtime, boxed};
use crate::provider_config::{ModelSettings, RateLimitScope};
use crate::registry::{self, Meter};
use crate::token_bucket::TokenBucket;
use crate::wakers::{Change, Wakers};

/// An answer that comes, in time or not at all.
type Said = BoxFuture<'static, Result<Answer, SharedStateError>>;

/// Who asks, where nobody says: a name of the process's own.
static CALLER: OnceLock<String> = OnceLock::new();

/// A client's way to the state that it shares.
pub(crate) struct Store {
    state: Arc<dyn SharedState>,
    pub(super) options: SharedStateOptions,
    pub(super) runtime: Arc<dyn Runtime>,
    caller: String,
    base_url: String,
    /// The most requests that may be under way at once: of the client, and on a key.
    pub(super) most: Option<u32>,
    pub(super) most_per_key: Option<u32>,
    /// Whether each key has limits of its own.
    pub(super) of_keys: bool,
    /// The names of the base URL and of the pool, as the store knows them.
    place: String,
    pool: String,
    health: Mutex<StoreHealth>,
    /// Those who want to know when it answers again.
    waiting: Wakers,
    /// What this process has taken since it was last answered, by the model.
    shares: Mutex<Vec<Share>>,
}

/// This process's own part of a bucket, while the store does not answer.
pub(crate) struct Share {
    model: String,
    bucket: TokenBucket,
    taken: u32,
}

impl Store {
    pub fn new(
        (state, options): (Arc<dyn SharedState>, SharedStateOptions),
        settings: &ModelSettings,
        runtime: Arc<dyn Runtime>,
    ) -> Self {
        let ModelSettings { provider, base_url, model, .. } = settings;
        let own = || {
            let numbers = [runtime.random_seed(), runtime.random_seed()];
            fingerprint(&numbers.map(|number| number.to_string()).each_ref().map(String::as_str))
        };
        let caller = options.caller.clone().unwrap_or_else(|| CALLER.get_or_init(own).clone());
        Self {
            place: fingerprint(&[base_url]),
            pool: fingerprint(&[base_url, provider, model]),
            caller,
            base_url: base_url.clone(),
            most: settings.max_concurrency,
            of_keys: settings.rate_limit_scope == RateLimitScope::Key,
            most_per_key: settings.max_concurrency_per_key,
            state,
            options,
            runtime,
            health: Mutex::default(),
            waiting: Wakers::default(),
            shares: Mutex::default(),
        }
    }

    /// What an attempt of a call takes.
    pub fn taken(&self, call: &Call) -> Taken {
        let named = |what, bucket: &TokenBucket| Bucket {
            name: fingerprint(&[&self.base_url, &call.course.model, what]),
            capacity: bucket.capacity(),
            refill_rate: bucket.refill_rate(),
        };
        let budget = call.asked.as_ref();
        Taken {
            permit: named("requests", &call.bucket),
            budget: budget.map(|it| (named("LLM tokens", &it.bucket), it.amount.into())),
            of_keys: self.of_keys,
        }
    }

    /// A request that counts this process among those who ask.
    pub fn request(&self, operation: &str) -> Request {
        Request::new(operation).text("caller", &self.caller).text("pool", &self.pool)
    }

    /// A request that gives a lease back.
    pub fn release(&self, lease: &str) -> Request {
        self.request("release").text("lease", lease)
    }

    /// A request that renews a lease; without one, it asks for nothing.
    pub fn renewal(&self, lease: Option<&str>) -> String {
        let request = self.request("renew").texts("leases", lease.into_iter());
        request.seconds("ttl", self.options.lease_ttl).finish()
    }

    pub fn spawn(&self, task: impl Future<Output = ()> + crate::MaybeSend + 'static) {
        self.state.spawn(boxed(task));
    }

    /// Sends a request whose answer nobody waits for.
    pub fn tell(self: &Arc<Self>, request: String) {
        let answer = self.send(request);
        self.spawn(async move {
            let _ = answer.await;
        });
    }

    /// Sends a request that asks for nothing, and takes note of whether there was an answer.
    pub fn send(self: &Arc<Self>, request: String) -> Said {
        self.said(self.state.call(&self.place, request), |_| true)
    }

    /// Asks for a permit and a key. If the caller goes meanwhile, what it is granted is given back.
    pub fn ask(self: &Arc<Self>, request: String, taken: Taken) -> Said {
        let answer = Some(self.state.call(&self.place, request));
        let asking = Asking { store: self.clone(), answer, taken };
        self.said(boxed(asking), |answer| *answer != Answer::Done)
    }

    /// What comes in time.
    fn said(
        self: &Arc<Self>,
        answer: BoxFuture<'static, Result<String, SharedStateError>>,
        is_fit: fn(&Answer) -> bool,
    ) -> Said {
        let store = self.clone();
        boxed(async move {
            let now = store.runtime.now();
            let limit = crate::clocks::Limit::new(Clock::Total, store.options.timeout, now);
            let answer = within(&*store.runtime, Some(limit), answer).await;
            let silence = |_| Err(SharedStateError::new("no answer in time"));
            store.note(answer.unwrap_or_else(silence), is_fit)
        })
    }

    fn note(
        self: &Arc<Self>,
        answer: Result<String, SharedStateError>,
        is_fit: fn(&Answer) -> bool,
    ) -> Result<Answer, SharedStateError> {
        let told = answer.and_then(|text| {
            let unfit = || SharedStateError::new("its answer makes no sense");
            Answer::read(&text).filter(|(answer, _)| is_fit(answer)).ok_or_else(unfit)
        });
        match told {
            Ok((answer, processes)) => {
                if lock(&self.health).answers(processes) {
                    debug!("the shared state answers again");
                    self.waiting.wake_all();
                }
                Ok(answer)
            }
            Err(error) => {
                if lock(&self.health).is_silent(self.runtime.now()) {
                    debug!(message = %error.message, "the shared state does not answer");
                    self.keep_asking(ASKED_AGAIN_AFTER);
                }
                Err(error)
            }
        }
    }

    /// Asks after this whether it is back, and again, in the background and for as long as anybody is
    /// interested.
    fn keep_asking(self: &Arc<Self>, first_after: Duration) {
        let (store, runtime) = (Arc::downgrade(self), self.runtime.clone());
        self.spawn(async move {
            let mut after = first_after;
            loop {
                let mut alarm = Alarm::new(&*runtime, runtime.now() + after);
                std::future::poll_fn(|cx| alarm.poll(cx)).await;
                after = ASKED_AGAIN_AFTER;
                let Some(store) = Weak::upgrade(&store) else { return };
                let somebody_waits = store.waiting.is_waited_at();
                if !lock(&store.health).is_asked_again(somebody_waits, runtime.now()) {
                    return;
                }
                let _ = store.send(store.renewal(None)).await;
            }
        });
    }
}

/// While there is no answer.
impl Store {
    /// Whether it answers, as far as is known.
    pub fn is_up(self: &Arc<Self>) -> bool {
        let mut health = lock(&self.health);
        let forgotten = health.is_forgotten(self.runtime.now());
        let is_up = health.is_up();
        drop(health);
        if forgotten {
            self.keep_asking(Duration::ZERO);
        }
        is_up
    }

    /// Resolves when it answers again.
    pub fn answers_again(&self) -> Change<'_> {
        self.waiting.wait()
    }

    /// The error of a call that can't go on without it, if that is so.
    pub fn failure(&self, cause: Option<SharedStateError>) -> Result<(), Error> {
        if self.options.on_failure != OnFailure::Error {
            return Ok(());
        }
        let why = cause.map_or_else(|| "it has not answered".to_owned(), |error| error.message);
        let message = format!("the state that processes share can't be asked: {why}");
        let retry_at = self.runtime.unix_time().checked_add(ASKED_AGAIN_AFTER);
        Err(Error::new(ErrorKind::SharedState, message).with_retry_at(retry_at))
    }

    /// This process's own part of a model's bucket. It begins empty, where others may just have used up
    /// the whole.
    pub fn share(&self, model: &str, whole: &TokenBucket) -> Result<TokenBucket, Error> {
        let mut shares = lock(&self.shares);
        if let Some(share) = shares.iter().find(|share| share.model == model) {
            return Ok(share.bucket.clone());
        }
        let bucket =
            self.part(Meter::Requests, model, whole, |whole, parts| (whole / parts).max(1.0))?;
        shares.push(Share { model: model.to_owned(), bucket: bucket.clone(), taken: 0 });
        Ok(bucket)
    }

    /// The same of its LLM tokens. It has room for any request, but gains its part only.
    pub fn share_of_budget(&self, model: &str, whole: &TokenBucket) -> Result<TokenBucket, Error> {
        self.part(Meter::LlmTokens, model, whole, |whole, _| whole)
    }

    fn part(
        &self,
        meter: Meter,
        model: &str,
        whole: &TokenBucket,
        capacity: fn(f64, f64) -> f64,
    ) -> Result<TokenBucket, Error> {
        let health = lock(&self.health);
        let (parts, drained) = (f64::from(health.parts()), health.has_answered());
        drop(health);
        let limits = (capacity(whole.capacity(), parts), whole.refill_rate() / parts);
        let name = format!("{model} (share)");
        let bucket =
            registry::bucket_by_guess(meter, &self.runtime, &self.base_url, &name, limits)?;
        bucket.clone().into_shared().change(|bucket, now| {
            bucket.set_limits(limits.0, limits.1, now);
            bucket.reset(now);
            bucket.give_back(if drained { -limits.0 } else { 0.0 }, now);
        });
        Ok(bucket)
    }

    /// Counts an attempt that was made by a share.
    pub fn took(&self, model: &str) {
        let mut shares = lock(&self.shares);
        shares.iter_mut().filter(|share| share.model == model).for_each(|share| share.taken += 1);
    }

    /// What was taken of a model's bucket while there was no answer, to be told once.
    pub fn take_share(&self, model: &str) -> Option<Share> {
        let mut shares = lock(&self.shares);
        let place = shares.iter().position(|share| share.model == model)?;
        Some(shares.swap_remove(place))
    }

    /// It could not be told: there still is no answer.
    pub fn put_back(&self, share: Option<Share>) {
        lock(&self.shares).extend(share);
    }
}

impl Share {
    /// What was taken and has not come in again since.
    pub fn spent(&self) -> f64 {
        f64::from(self.taken).min(self.bucket.capacity() - self.bucket.tokens())
    }
}

/// A request on its way. Whoever drops it leaves it to the background, where what it is granted is given back.
struct Asking {
    store: Arc<Store>,
    answer: Option<BoxFuture<'static, Result<String, SharedStateError>>>,
    taken: Taken,
}

impl Future for Asking {
    type Output = Result<String, SharedStateError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(answer) = &mut self.answer else { return Poll::Pending };
        let answer = ready!(answer.as_mut().poll(cx));
        self.answer = None;
        Poll::Ready(answer)
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        let Some(answer) = self.answer.take() else { return };
        let (store, taken) = (self.store.clone(), self.taken.clone());
        self.store.spawn(async move {
            let Ok(text) = answer.await else { return };
            let request = match Answer::read(&text) {
                Some((Answer::Granted { lease, .. }, _)) => {
                    taken.add_to(store.release(&lease), -1.0)
                }
                Some((Answer::Wait { ticket: Some(ticket), .. }, _)) => {
                    Request::new("leave").text("ticket", &ticket)
                }
                _ => return,
            };
            let _ = store.send(request.finish()).await;
        });
    }
}
