//! Runs a scenario: the real client on a virtual clock, its callers as tasks, the provider behind
//! the observed transport.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use futures::StreamExt;
use futures::future::{Either, select};
use lockkeeper::testing::{Executor, ScriptedTransport, VirtualClock};
use lockkeeper::{
    ChatOptions, ChatStream, LlmInterface, Message, ModelSettings, OpenAiCompatible,
    RateLimitScope, StreamState, Transport,
};

use super::observe::Observed;
use super::provider::{Asked, Provider};
use super::scenario::{CallPlan, Leaves, MODELS, Scenario, Step};
use super::trace::{End, Recorder, Returned, Sample, Trace};

/// The world of a scenario.
struct World {
    clock: VirtualClock,
    recorder: Recorder,
    transport: ScriptedTransport,
    /// The client of each model; calls go to the first.
    clients: Vec<OpenAiCompatible>,
}

/// Runs `scenario` to its end.
pub fn run(scenario: &Scenario) -> Trace {
    let world = World::new(scenario);
    let mut executor = Executor::new(&world.clock);
    for (call, plan) in scenario.calls.iter().enumerate() {
        let caller = Caller {
            clock: world.clock.clone(),
            recorder: world.recorder.clone(),
            client: world.clients[0].clone(),
            call,
            plan: plan.clone(),
        };
        executor.spawn(caller.run());
    }
    for &(at, step) in &scenario.steps {
        executor.spawn(set_clock(world.clock.clone(), at, step));
    }
    for &at in &scenario.samples {
        executor.spawn(world.look(at));
    }
    let hung = executor.run().err().map_or(0, |hung| hung.tasks);
    let end = world.end(hung);
    let mut trace = std::mem::take(&mut *world.recorder.trace());
    trace.end = Some(end);
    trace
}

impl World {
    fn new(scenario: &Scenario) -> Self {
        let clock = VirtualClock::new();
        let recorder = Recorder::new(&clock);
        let transport = transport(scenario, &clock, &recorder);
        let observed: Arc<dyn Transport> =
            Arc::new(Observed { transport: transport.clone(), recorder: recorder.clone() });
        let client = |model| {
            OpenAiCompatible::builder(settings(scenario, model))
                .transport(observed.clone())
                .runtime(clock.runtime())
                .build()
                .unwrap()
        };
        let clients = (0..MODELS.len()).map(client).collect();
        Self { clock, recorder, transport, clients }
    }

    /// Looks at the client at `at`, unless something else happens at the same moment.
    fn look(&self, at: Duration) -> impl Future<Output = ()> + 'static {
        let (clock, recorder) = (self.clock.clone(), self.recorder.clone());
        let (transport, clients) = (self.transport.clone(), self.clients.clone());
        async move {
            clock.runtime().sleep(at).await;
            let keys = clients[0].key_pool().statuses();
            let bucket = |client: &OpenAiCompatible| {
                (client.token_bucket().tokens(), client.token_bucket().waiters())
            };
            let (at, open_requests) = (recorder.now(), transport.open_requests());
            let mut trace = recorder.trace();
            let sample = Sample {
                at,
                events: trace.events.len(),
                in_flight: keys.iter().map(|key| key.in_flight).collect(),
                open_requests,
                buckets: clients.iter().map(bucket).collect(),
            };
            trace.samples.push(sample);
        }
    }

    fn end(&self, hung: usize) -> End {
        let pool = self.clients[0].key_pool();
        End {
            keys: pool.statuses(),
            in_flight: pool.in_flight(),
            open_requests: self.transport.open_requests(),
            waiters: self.clients.iter().map(|client| client.token_bucket().waiters()).sum(),
            stats: self.clients[0].stats(),
            hung,
            elapsed: self.clock.elapsed(),
        }
    }
}

fn transport(scenario: &Scenario, clock: &VirtualClock, recorder: &Recorder) -> ScriptedTransport {
    let provider = Mutex::new(Provider::new(scenario));
    let recorder = recorder.clone();
    ScriptedTransport::new(clock, move |request| {
        let (now, by_day) = (recorder.now(), recorder.time_of_day());
        let (reply, said) = provider.lock().unwrap().reply(&Asked::read(request), now, by_day);
        // The observer has just begun this attempt: nobody else has run in between.
        recorder.trace().attempts.last_mut().unwrap().said = said;
        reply
    })
}

fn settings(scenario: &Scenario, model: usize) -> ModelSettings {
    let keys = (0..scenario.keys.len()).map(Scenario::key);
    let mut settings = ModelSettings::new("simulated", MODELS[model], keys);
    settings.base_url = "https://simulated.test/v1".to_owned();
    (settings.rate_limit_capacity, settings.rate_limit_refill_rate) = scenario.limits[model];
    (settings.max_concurrency, settings.max_concurrency_per_key) = scenario.most;
    settings.rate_limit_tokens_per_minute = scenario.budget;
    if scenario.per_key {
        settings.rate_limit_scope = RateLimitScope::Key;
    }
    settings.retry_delay = scenario.retry_delay;
    settings.max_retries = scenario.max_retries;
    settings.timeout = scenario.clocks.total;
    settings.headers_timeout = scenario.clocks.headers;
    settings.first_token_timeout = scenario.clocks.first_token;
    settings.idle_timeout = scenario.clocks.idle;
    settings
}

/// Sets the machine's clock on or back. It is read before and after, as a clock in use is: what a
/// step back takes from nobody's reading can't be told from time that did not pass.
async fn set_clock(clock: VirtualClock, at: Duration, step: Step) {
    let runtime = clock.runtime();
    runtime.sleep(at).await;
    runtime.now();
    match step {
        Step::On(by) => clock.step_on(by),
        Step::Back(by) => clock.step_back(by),
    }
    runtime.now();
}

/// What the call of this number says.
pub fn messages(call: usize) -> Vec<Message> {
    vec![Message::user(format!("call {call}"))]
}

struct Caller {
    clock: VirtualClock,
    recorder: Recorder,
    client: OpenAiCompatible,
    call: usize,
    plan: CallPlan,
}

impl Caller {
    async fn run(self) {
        self.clock.runtime().sleep(self.plan.at).await;
        if self.plan.streams { self.stream().await } else { self.chat().await }
    }

    fn options(&self) -> ChatOptions {
        let mut options = ChatOptions::default().extra("user", self.call as u64);
        options.model = self.plan.model.map(|model| MODELS[model].to_owned());
        options.timeout = self.plan.timeout;
        options.max_retries = self.plan.max_retries;
        options.priority = Some(self.plan.priority);
        options.max_completion_tokens = Some(self.plan.most_output);
        options
    }

    async fn chat(self) {
        self.recorder.asked(self.call);
        let chat = self.client.chat(messages(self.call), self.options());
        let (result, text, usage, told) = match self.unless_it_leaves(chat).await {
            None => (Returned::Cancelled, String::new(), None, Vec::new()),
            Some(Ok(answer)) => {
                (Returned::Answer, answer.text().into_owned(), answer.usage, Vec::new())
            }
            Some(Err(error)) => {
                let told = error.attempts().to_vec();
                (Returned::Failed(Box::new(error)), String::new(), None, told)
            }
        };
        self.recorder.returned(self.call, result, |call| {
            (call.text, call.usage, call.told) = (text, usage, told);
        });
    }

    async fn stream(self) {
        let mut stream = self.client.chat_stream(messages(self.call), self.options());
        self.recorder.asked(self.call);
        let mut text = String::new();
        let read = self.unless_it_leaves(self.read(&mut stream, &mut text)).await;
        let result = match read {
            None => Returned::Cancelled,
            Some(Ok(())) => Returned::Answer,
            Some(Err(error)) => Returned::Failed(Box::new(error)),
        };
        if matches!(result, Returned::Cancelled) && self.call.is_multiple_of(2) {
            stream.abort();
        }
        let spoke = stream.state() != StreamState::Open && stream.next().await.is_some();
        let usage = stream.key_label().is_some().then(|| stream.usage());
        let (told, state) = (stream.attempts(), stream.state());
        drop(stream);
        self.recorder.returned(self.call, result, |call| {
            (call.text, call.usage, call.told) = (text, usage, told);
            (call.state, call.spoke_after_its_end) = (Some(state), spoke);
        });
    }

    async fn read(
        &self,
        stream: &mut ChatStream,
        text: &mut String,
    ) -> Result<(), lockkeeper::Error> {
        while let Some(chunk) = stream.next().await {
            let piece = chunk?.text().into_owned();
            text.push_str(&piece);
            if !piece.is_empty() && !self.plan.rests.is_zero() {
                self.clock.runtime().sleep(self.plan.rests).await;
            }
        }
        Ok(())
    }

    /// The outcome of `work`, or `None` if the caller leaves before; then `work` is dropped.
    async fn unless_it_leaves<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(self.fidgeting(work));
        match self.plan.leaves {
            Leaves::Never => Some(work.await),
            Leaves::After(patience) => {
                let patience = self.clock.runtime().sleep(patience);
                match select(work, patience).await {
                    Either::Left((outcome, _)) => Some(outcome),
                    Either::Right(_) => None,
                }
            }
            Leaves::AfterPolls(mut patience) => {
                poll_fn(|cx| match work.as_mut().poll(cx) {
                    Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
                    Poll::Pending => {
                        patience -= 1;
                        if patience == 0 { Poll::Ready(None) } else { Poll::Pending }
                    }
                })
                .await
            }
        }
    }

    /// The outcome of `work`, which is polled now and then for no reason.
    async fn fidgeting<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        let Some(pause) = self.plan.fidgets else { return work.await };
        loop {
            let pause = self.clock.runtime().sleep(pause);
            match select(work, pause).await {
                Either::Left((outcome, _)) => return outcome,
                Either::Right((_, same)) => work = same,
            }
        }
    }
}
