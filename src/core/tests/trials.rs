//! How properties are tried out: a thousand times, and the same in every run.

use proptest::test_runner::{Config, RngSeed};

/// For `#![proptest_config(…)]`.
pub fn a_thousand() -> Config {
    let (rng_seed, failure_persistence) = (RngSeed::Fixed(7), None);
    Config { rng_seed, failure_persistence, ..Config::with_cases(1_000) }
}
