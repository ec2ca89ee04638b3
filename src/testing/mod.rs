//! Tests without waiting and without a network: a clock that stands still until everybody sleeps, and
//! a provider that answers by script.
//!
//! ```
//! use lockkeeper::testing::{Reply, ScriptedTransport, VirtualClock};
//! use lockkeeper::{ChatOptions, LlmInterface, Message, ModelSettings, OpenAiCompatible};
//! use std::sync::Arc;
//!
//! let clock = VirtualClock::new();
//! let transport = ScriptedTransport::replies(
//!     &clock,
//!     [Reply::status(429).header("retry-after", "30"), Reply::answer("Hello!")],
//! );
//! let llm = OpenAiCompatible::builder(ModelSettings::new("openai", "gpt-4", ["sk-0123456789ab"]))
//!     .transport(Arc::new(transport.clone()))
//!     .runtime(clock.runtime())
//!     .build()?;
//!
//! let answer = clock.block_on(llm.chat(vec![Message::user("Hi!")], ChatOptions::default()))?;
//! assert_eq!(answer.text(), "Hello!");
//! assert_eq!(clock.elapsed().as_secs(), 30); // virtual seconds: the test took none
//! assert_eq!(transport.requests().len(), 2);
//! # Ok::<(), lockkeeper::Error>(())
//! ```

mod executor;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod reply;
mod scripted_transport;
#[cfg(feature = "simulation")]
pub mod simulation;
mod virtual_clock;

pub use executor::{Executor, Hung};
pub use reply::Reply;
pub use scripted_transport::{ScriptedTransport, SentRequest};
#[cfg(feature = "simulation")]
pub use simulation::{Report, Scenario, simulate};
pub use virtual_clock::VirtualClock;
