//! Tools that a function may call on the way to its answer.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::schema::simplify;
use super::schema_of;
use crate::platform::{BoxFuture, MaybeSend, MaybeSync, boxed};

/// A tool that a model may call: something to be told of it, and something to be done.
///
/// [`FunctionTool`] makes one of a closure, the attribute `#[tool]` one of a function.
pub trait LlmTool: MaybeSend + MaybeSync {
    /// Its name: letters, digits, `_` and `-`.
    fn name(&self) -> &str;

    /// What it does, for the model.
    fn description(&self) -> &str;

    /// Its arguments, as the JSON schema of an object.
    fn parameters(&self) -> Value;

    /// Does it. The arguments have been checked against [`parameters`](Self::parameters). What is returned
    /// is shown to the model, an error too. Dropping the future ends it.
    fn call(&self, arguments: Value) -> BoxFuture<'static, Result<Value, String>>;
}

/// A tool made of a closure.
///
/// ```
/// use lockkeeper::FunctionTool;
/// use schemars::JsonSchema;
/// use serde::Deserialize;
///
/// #[derive(Deserialize, JsonSchema)]
/// struct Place {
///     /// The city, in English.
///     city: String,
/// }
///
/// let weather = FunctionTool::new("get_weather", "The weather now.", |place: Place| async move {
///     match place.city.as_str() {
///         "Paris" => Ok("rain"),
///         other => Err(format!("no weather is known for {other}")),
///     }
/// });
/// # let _ = weather;
/// ```
pub struct FunctionTool<Args, F> {
    name: String,
    description: String,
    parameters: Value,
    call: F,
    arguments: PhantomData<fn(Args)>,
}

impl<Args, F, Fut, Out, E> FunctionTool<Args, F>
where
    Args: DeserializeOwned + JsonSchema + 'static,
    F: Fn(Args) -> Fut + MaybeSend + MaybeSync,
    Fut: Future<Output = Result<Out, E>> + MaybeSend + 'static,
    Out: Serialize,
    E: fmt::Display,
{
    /// The tool `name`, which calls `call` with the arguments that the model gives.
    pub fn new(name: impl Into<String>, description: impl Into<String>, call: F) -> Self {
        let parameters = parameters_of::<Args>();
        let (name, description) = (name.into(), description.into());
        Self { name, description, parameters, call, arguments: PhantomData }
    }
}

impl<Args, F, Fut, Out, E> LlmTool for FunctionTool<Args, F>
where
    Args: DeserializeOwned + JsonSchema + 'static,
    F: Fn(Args) -> Fut + MaybeSend + MaybeSync,
    Fut: Future<Output = Result<Out, E>> + MaybeSend + 'static,
    Out: Serialize,
    E: fmt::Display,
{
    fn name(&self) -> &str {
        &self.name
    }

    fn description(&self) -> &str {
        &self.description
    }

    fn parameters(&self) -> Value {
        self.parameters.clone()
    }

    fn call(&self, arguments: Value) -> BoxFuture<'static, Result<Value, String>> {
        call_tool(arguments, &self.call)
    }
}

/// What a model is told of a tool's arguments.
pub fn parameters_of<Args: JsonSchema>() -> Value {
    simplify(&schema_of::<Args>())
}

/// Calls a tool with the arguments of its type.
pub fn call_tool<Args, Fut, Out, E>(
    arguments: Value,
    call: impl FnOnce(Args) -> Fut,
) -> BoxFuture<'static, Result<Value, String>>
where
    Args: DeserializeOwned,
    Fut: Future<Output = Result<Out, E>> + MaybeSend + 'static,
    Out: Serialize,
    E: fmt::Display,
{
    let called = serde_json::from_value(arguments).map(call);
    boxed(async move {
        let future = called.map_err(|error| format!("the arguments do not fit: {error}"))?;
        let value = future.await.map_err(|error| error.to_string())?;
        serde_json::to_value(value).map_err(|error| error.to_string())
    })
}

impl<Args, F> fmt::Debug for FunctionTool<Args, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FunctionTool").field("name", &self.name).finish_non_exhaustive()
    }
}
