//! What would come of it: an hour of traffic against a made-up provider, in under a second.
//!
//! The client is the real one, with its pool, bucket, retries and learned limits; only time and the
//! provider are not. The same [`Scenario`] gives the same [`Report`], natively and in JavaScript
//! (`lockkeeper/simulate`).
//!
//! ```
//! use lockkeeper::testing::simulation::{Scenario, Shape, simulate};
//!
//! let provider = serde_json::json!({ "openai": { "gpt-4": { "api_keys": 4, "rate_limit_capacity": 1000 } } });
//! let mut scenario = Scenario::new(provider);
//! scenario.traffic.shape = Shape::AtOnce;
//! scenario.traffic.calls = 200;
//! scenario.limits.requests = Some(5.0); // of each key, in a second
//!
//! let report = simulate(&scenario)?;
//! assert_eq!(report.succeeded, 200);
//! assert!(report.makespan < 1.2 * report.optimum);
//! # Ok::<(), lockkeeper::Error>(())
//! ```

mod arrivals;
mod books;
mod dialect;
mod limit;
mod optimum;
mod provider_file;
mod random;
mod report;
mod run;
mod scenario;
mod series;
mod service;
#[cfg(test)]
mod tests;
mod valid;

pub use report::{KeyReport, Report, Series, Spread, WaitReport};
pub use run::simulate;
pub use scenario::{
    Counting, Faults, LimitScope, Limits, Scenario, Service, Shape, Tells, Traffic,
};
