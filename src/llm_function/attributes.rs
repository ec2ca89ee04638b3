//! The attributes, as they are documented to users: their own crate can't show them at work.

/// Makes of a signature a function that a model carries out.
///
/// The doc comment is the instruction, with `{argument}` for the value of an argument (`{{` and `}}` are
/// braces); the arguments are the input; the return type is the contract. In place of the body there is a `;`.
///
/// ```
/// use lockkeeper::{LlmFunctionError, OpenAiCompatible, llm_function, schemars};
/// use schemars::JsonSchema;
/// use serde::Deserialize;
///
/// # use lockkeeper::testing::{Reply, ScriptedTransport, VirtualClock};
/// # thread_local! { static CLOCK: VirtualClock = VirtualClock::new(); }
/// fn my_llm() -> OpenAiCompatible {
///     // …such as a clone of the one client that your program has
/// #   let clock = CLOCK.with(Clone::clone);
/// #   let reply = Reply::answer(r#"{"headline": "Lock opened", "points": ["It was the keeper."]}"#);
/// #   OpenAiCompatible::builder(lockkeeper::ModelSettings::new("openai", "gpt-4", ["sk-0123456789ab"]))
/// #       .transport(std::sync::Arc::new(ScriptedTransport::replies(&clock, [reply])))
/// #       .runtime(clock.runtime())
/// #       .build()
/// #       .unwrap()
/// }
///
/// #[derive(Deserialize, JsonSchema)]
/// struct Summary {
///     /// A headline of at most six words.
///     headline: String,
///     points: Vec<String>,
/// }
///
/// /// Summarise the text in at most {max_words} words, in the text's own language.
/// #[llm_function(llm = my_llm())]
/// async fn summarise(text: &str, max_words: u32) -> Result<Summary, LlmFunctionError>;
///
/// # CLOCK.with(Clone::clone).block_on(async {
/// let summary = summarise("The lock keeper opened the gate.", 20).await?;
/// assert_eq!(summary.headline, "Lock opened");
/// # Ok::<(), LlmFunctionError>(())
/// # }).unwrap();
/// ```
///
/// | setting | |
/// |---|---|
/// | `llm = …` | who carries it out: any [`LlmInterface`](crate::LlmInterface), by value; evaluated at each call |
/// | `tools = [a, b]` | [tools](crate::LlmTool) that the model may call on the way |
/// | `max_repairs = 2` | how often the model is shown the errors of its answer |
/// | `max_steps = 8` | how many rounds of tool calls there may be |
/// | `timeout = …` | a `Duration` for all attempts and tools together |
/// | `options = …` | [`ChatOptions`](crate::ChatOptions) of every request |
/// | `stream` | a `fn` that returns a [`FunctionStream<T>`](crate::FunctionStream) |
///
/// It returns `Result<T, E>`, or `Result<Answer<T>, E>` for the trace and the cost with it; `E` is
/// [`LlmFunctionError`](crate::LlmFunctionError), or made of one by `?`. Arguments are `Serialize`, `T` is
/// `DeserializeOwned + JsonSchema`. [`LlmFunction`](crate::LlmFunction) does the same without the attribute.
pub use lockkeeper_macros::llm_function;

/// Makes of a signature the turns of a conversation.
///
/// The first parameter is the history so far, the others are what is said: one alone as it is, several as
/// JSON. The doc comment is the instruction, as that of [`llm_function`](macro@crate::llm_function); so are
/// the settings, without `stream` and `max_repairs`. See [`LlmChat`](crate::LlmChat).
///
/// ```no_run
/// use futures::StreamExt;
/// use lockkeeper::{ChatProgress, LlmChatStream, LlmFunctionError, Message, OpenAiCompatible, llm_chat};
///
/// # fn my_llm() -> OpenAiCompatible { unreachable!() }
/// /// You are the host of a canal museum.
/// #[llm_chat(llm = my_llm())]
/// fn host(history: Vec<Message>, text: &str) -> LlmChatStream;
///
/// # async fn example() -> Result<(), LlmFunctionError> {
/// let mut history = Vec::new();
/// for text in ["What is a lock?", "And who keeps it?"] {
///     let mut turn = host(history.clone(), text);
///     while let Some(progress) = turn.next().await {
///         match progress? {
///             ChatProgress::Text(piece) => print!("{piece}"),
///             ChatProgress::Whole(reply) => history = reply.history,
///             _ => {}
///         }
///     }
/// }
/// # Ok(())
/// # }
/// ```
pub use lockkeeper_macros::llm_chat;

/// Makes of a function a tool that a model may call: a value of the function's name, which is an
/// [`LlmTool`](crate::LlmTool).
///
/// The doc comment says what the tool does; those of the parameters say what they are. What the function
/// returns is shown to the model, and so is the error of a `Result`. It can still be called as it was, as
/// `name::run(…)`.
///
/// ```
/// use lockkeeper::{LlmTool, tool};
///
/// /// The weather now.
/// #[tool]
/// async fn get_weather(
///     /// The city, in English.
///     city: String,
///     days: Option<u32>,
/// ) -> Result<String, std::io::Error> {
///     Ok(format!("Rain in {city} for {} days", days.unwrap_or(1)))
/// }
///
/// assert_eq!(get_weather.description(), "The weather now.");
/// assert_eq!(get_weather.parameters()["required"], serde_json::json!(["city"]));
/// # futures::executor::block_on(async {
/// assert_eq!(get_weather::run("Paris".into(), None).await?, "Rain in Paris for 1 days");
/// # Ok::<(), std::io::Error>(())
/// # })?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub use lockkeeper_macros::tool;
