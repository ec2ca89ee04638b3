//! Several interfaces behind one: a call goes to the first, and on to the next where it is not answered.

mod streamed;
mod target;
mod walk;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::chat::{ChatOptions, ChatResponse, Message, OnInterrupt};
use crate::chat_stream::ChatStream;
use crate::circuit::CircuitState;
use crate::error::Error;
use crate::interface::{LlmInterface, ModelInfo};
use crate::platform::{BoxFuture, Runtime, boxed, the_clock};
use crate::provider_config::DEFAULT_CHAT_TIMEOUT;
use target::Target;
use walk::Walk;

/// Several interfaces behind one. A call goes to the first, and on to the next
///
/// * when its retries are used up, or it asks to wait for more than 5 s;
/// * when it is silent: no answer, or no first token, in time (it is not tried again then);
/// * when all its keys are refused or out of quota, or its model is not there;
/// * when its circuit breaker is open: too much has failed there of late;
/// * when the messages are too long for it: then only to a model whose declared `context_window` is
///   larger, or not declared.
///
/// What the content policy rejects, a malformed request and what the caller aborts goes nowhere else.
/// One deadline spans it all: of the time that is left, each target may take an equal share to begin
/// its answer, the last one all of it. The answer says [who gave it](ChatResponse::answered_by); the
/// error of a full failure lists every attempt at every target.
///
/// ```
/// use lockkeeper::testing::{Reply, ScriptedTransport, VirtualClock};
/// use lockkeeper::{ChatOptions, Fallback, LlmInterface, Message, ModelSettings, OpenAiCompatible};
/// use std::sync::Arc;
///
/// # fn main() -> Result<(), lockkeeper::Error> {
/// let clock = VirtualClock::new();
/// let client = |provider: &str, replies: Vec<Reply>| {
///     OpenAiCompatible::builder(ModelSettings::new(provider, "big", ["sk-0123456789ab"]))
///         .transport(Arc::new(ScriptedTransport::replies(&clock, replies)))
///         .runtime(clock.runtime())
///         .build()
/// };
/// let primary = client("openai", vec![Reply::status(402)])?;
/// let backup = client("deepseek", vec![Reply::answer("Hello!")])?;
///
/// let llm = Fallback::new([primary, backup]);
/// let answer = clock.block_on(llm.chat(vec![Message::user("Hi!")], ChatOptions::default()))?;
/// assert_eq!(answer.text(), "Hello!");
/// assert_eq!(answer.answered_by.unwrap_or_default().provider, "deepseek");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Fallback {
    targets: Arc<[Target]>,
    runtime: Option<Arc<dyn Runtime>>,
    timeout: Option<Duration>,
    on_interrupt: OnInterrupt,
    #[cfg(feature = "functions")]
    learned: Arc<crate::llm_function::Learned>,
}

/// How a target of a [`Fallback`] is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TargetStatus {
    /// Its name: `provider/model`, or its number where it has none.
    pub name: String,
    /// Where its circuit breaker stands.
    pub circuit: CircuitState,
}

impl Fallback {
    /// These interfaces behind one, in this order; give an `Arc<dyn LlmInterface>` for each where they
    /// are of several types. Without any, every call is an error.
    pub fn new<L: LlmInterface + 'static>(targets: impl IntoIterator<Item = L>) -> Self {
        let targets: Vec<Arc<dyn LlmInterface>> =
            targets.into_iter().map(|llm| Arc::new(llm) as Arc<dyn LlmInterface>).collect();
        let runtime = targets.iter().find_map(|llm| llm.model_info().runtime);
        Self::on_clock(targets, runtime.or_else(|| the_clock().ok()))
    }

    fn on_clock(targets: Vec<Arc<dyn LlmInterface>>, runtime: Option<Arc<dyn Runtime>>) -> Self {
        let alone = targets.len() == 1;
        let breaker = runtime.as_ref().filter(|_| !alone);
        let targets = targets.into_iter().enumerate();
        let targets = targets.map(|(index, llm)| Target::new(llm, index, breaker)).collect();
        Self {
            targets,
            runtime,
            timeout: None,
            on_interrupt: OnInterrupt::default(),
            #[cfg(feature = "functions")]
            learned: Arc::default(),
        }
    }

    /// Sets how long a call may take over all targets where it does not say. Default: the `timeout` of
    /// the first target, or else 600 s for a whole answer and no limit for a stream.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout: Some(timeout), ..self }
    }

    /// Sets what becomes of a stream that breaks after its first visible token where the call does not
    /// say. Default: it fails.
    #[must_use]
    pub fn on_interrupt(self, on_interrupt: OnInterrupt) -> Self {
        Self { on_interrupt, ..self }
    }

    /// Sets the clock. Default: that of the first client among the targets, or the platform's. The
    /// circuit breakers begin anew.
    #[must_use]
    pub fn runtime(self, runtime: Arc<dyn Runtime>) -> Self {
        let targets = self.targets.iter().map(|target| target.llm.clone()).collect();
        let Self { timeout, on_interrupt, .. } = self;
        Self { timeout, on_interrupt, ..Self::on_clock(targets, Some(runtime)) }
    }

    /// How its targets are doing, in order.
    #[must_use]
    pub fn statuses(&self) -> Vec<TargetStatus> {
        self.targets.iter().map(Target::status).collect()
    }

    /// A call that sets out now; `usual` is how long one may take where nobody has said.
    fn walk(
        &self,
        messages: Vec<Message>,
        options: ChatOptions,
        usual: Option<Duration>,
    ) -> Result<Walk, Error> {
        let runtime = self.runtime.clone().map_or_else(the_clock, Ok)?;
        let of_first = self.targets.first().and_then(|target| target.info.timeout);
        let total = options.timeout.or(self.timeout).or(of_first).or(usual);
        Ok(Walk::new(self.targets.clone(), runtime, messages, options, total))
    }
}

impl LlmInterface for Fallback {
    fn chat(
        &self,
        messages: Vec<Message>,
        options: ChatOptions,
    ) -> BoxFuture<'static, Result<ChatResponse, Error>> {
        let fallback = self.clone();
        boxed(async move {
            let mut walk = fallback.walk(messages, options, Some(DEFAULT_CHAT_TIMEOUT))?;
            loop {
                let leg = walk.next_leg()?;
                match leg.chat(&walk).await {
                    Ok(answer) => return Ok(leg.answers(answer)),
                    Err(error) => walk.failed(&leg, error)?,
                }
            }
        })
    }

    fn chat_stream(&self, messages: Vec<Message>, options: ChatOptions) -> ChatStream {
        let on_interrupt = options.on_interrupt.unwrap_or(self.on_interrupt);
        let fallback = self.clone();
        let set_out = {
            let messages = messages.clone();
            move || fallback.walk(messages, options, None)
        };
        streamed::stream(messages, set_out, on_interrupt)
    }

    /// Of the first target, but for its context window: a longer text may find room behind it.
    fn model_info(&self) -> ModelInfo {
        let first = self.targets.first().map(|target| target.info.clone());
        let ModelInfo { provider, model, retry_delay, .. } = first.unwrap_or_default();
        let (timeout, runtime) = (self.timeout, self.runtime.clone());
        ModelInfo {
            provider,
            model,
            context_window: None,
            timeout,
            retry_delay,
            #[cfg(feature = "functions")]
            learned: Some(self.learned.clone()),
            runtime,
        }
    }
}

impl fmt::Debug for Fallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fallback").field("targets", &self.statuses()).finish_non_exhaustive()
    }
}
