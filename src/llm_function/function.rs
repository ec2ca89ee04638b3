//! The builder of a function, and its calls.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::answer::{Answer, FunctionStream};
use super::arguments::by_name;
use super::error::LlmFunctionError;
use super::progress::Teller;
use super::run::{Task, run};
use super::schema::Contract;
use super::schema_of;
use super::spec::Spec;
use super::tool::LlmTool;
use crate::chat::ChatOptions;
use crate::interface::LlmInterface;
use crate::platform::{BoxFuture, boxed};

/// Defines the methods that [`LlmFunction`] and [`LlmChat`](super::LlmChat) have in common.
macro_rules! settings {
    () => {
        /// Lets the model call this tool on the way to its answer.
        #[must_use]
        pub fn tool(mut self, tool: impl LlmTool + 'static) -> Self {
            Arc::make_mut(&mut self.spec).tools.push(Arc::new(tool));
            self
        }

        /// Lets the model call these tools, too.
        #[must_use]
        pub fn tools(mut self, tools: impl IntoIterator<Item = Arc<dyn LlmTool>>) -> Self {
            Arc::make_mut(&mut self.spec).tools.extend(tools);
            self
        }

        /// Sets how many rounds of tool calls there may be. Default: 8.
        #[must_use]
        pub fn max_steps(mut self, max_steps: u32) -> Self {
            Arc::make_mut(&mut self.spec).max_steps = max_steps;
            self
        }

        /// Sets how long all attempts and tools of a call may take together. Default: each attempt as long as the
        /// client's calls may.
        #[must_use]
        pub fn timeout(mut self, timeout: Duration) -> Self {
            Arc::make_mut(&mut self.spec).timeout = Some(timeout);
            self
        }

        /// Sets the options of every request: model, temperature and so on. Their `timeout`, if there is
        /// one, is that of the whole call.
        #[must_use]
        pub fn options(mut self, options: ChatOptions) -> Self {
            Arc::make_mut(&mut self.spec).options = options;
            self
        }
    };
}

pub(super) use settings;

/// A function that a model carries out: from an `In` to an `Out`.
///
/// The instruction says what it does; `{name}` in it stands for the argument (the field of `In`) of that
/// name. `Out` is the contract: what comes back is of this type, or else there is an error that says why.
/// Plain `String`s are taken as they come; any other type has its JSON schema shown to the model, and doc
/// comments on its fields with it.
///
/// ```
/// use lockkeeper::testing::{Reply, ScriptedTransport, VirtualClock};
/// use lockkeeper::{LlmFunction, ModelSettings, OpenAiCompatible};
/// use schemars::JsonSchema;
/// use serde::{Deserialize, Serialize};
/// use std::sync::Arc;
///
/// #[derive(Serialize)]
/// struct Review {
///     text: String,
/// }
///
/// #[derive(Debug, PartialEq, Deserialize, JsonSchema)]
/// struct Verdict {
///     /// From 1 to 5.
///     stars: u8,
/// }
///
/// let clock = VirtualClock::new();
/// let provider = ScriptedTransport::replies(
///     &clock,
///     [Reply::answer("Four stars, I'd say."), Reply::answer("```json\n{\"stars\": \"4\",}\n```")],
/// );
/// let llm = OpenAiCompatible::builder(ModelSettings::new("openai", "gpt-4", ["sk-0123456789ab"]))
///     .transport(Arc::new(provider))
///     .runtime(clock.runtime())
///     .build()?;
///
/// let rate = LlmFunction::<Review, Verdict>::new(llm, "Say how many stars the review gives.");
/// let answer = clock.block_on(rate.call(Review { text: "Rather good.".into() }))?;
/// assert_eq!(answer.stars, 4);
/// assert_eq!(answer.trace.attempts.len(), 2); // the first was no JSON, and the model was told so
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct LlmFunction<In, Out> {
    spec: Arc<Spec>,
    types: PhantomData<fn(In) -> Out>,
}

impl<In, Out> LlmFunction<In, Out> {
    /// The function that `instruction` describes, carried out by `llm`.
    pub fn new(llm: impl LlmInterface + 'static, instruction: impl Into<String>) -> Self
    where
        In: Serialize,
        Out: DeserializeOwned + JsonSchema,
    {
        let contract = Contract::new(&schema_of::<Out>());
        let mut spec = Spec::new(llm, instruction.into(), contract);
        spec.accepts = accepts::<Out>;
        Self { spec: Arc::new(spec), types: PhantomData }
    }

    /// Sets its name, as providers are told it: letters, digits, `_` and `-`. Default: `answer`.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        Arc::make_mut(&mut self.spec).name = name.into();
        self
    }

    /// Sets how often the model is shown the errors of its answer and asked to correct it. Default: 2.
    #[must_use]
    pub fn max_repairs(mut self, max_repairs: u32) -> Self {
        Arc::make_mut(&mut self.spec).max_repairs = max_repairs;
        self
    }

    settings!();

    /// Calls it. Nothing is sent before the future is first polled; dropping it ends the request.
    ///
    /// # Errors
    /// Why there is no value, with all that was tried: [`LlmFunctionError`].
    pub fn call(&self, input: In) -> BoxFuture<'static, Result<Answer<Out>, LlmFunctionError>>
    where
        In: Serialize,
        Out: DeserializeOwned + 'static,
    {
        let outcome = run(self.spec.clone(), by_name(&input).map(Task::of), Teller::default());
        boxed(async move { Answer::of(outcome.await?) })
    }

    /// Calls it, and tells of the value while it arrives. Nothing is sent before the stream is first
    /// polled; dropping it ends the request.
    pub fn stream(&self, input: In) -> FunctionStream<Out>
    where
        In: Serialize,
        Out: DeserializeOwned,
    {
        FunctionStream::new(self.spec.clone(), by_name(&input).map(Task::of))
    }
}

/// Why a value is none of the type, if it is not.
fn accepts<Out: DeserializeOwned>(value: &Value) -> Result<(), String> {
    Out::deserialize(value).map(drop).map_err(|error| error.to_string())
}

/// Clones are one function.
impl<In, Out> Clone for LlmFunction<In, Out> {
    fn clone(&self) -> Self {
        Self { spec: self.spec.clone(), types: PhantomData }
    }
}

impl<In, Out> fmt::Debug for LlmFunction<In, Out> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LlmFunction").field(&self.spec).finish()
    }
}
