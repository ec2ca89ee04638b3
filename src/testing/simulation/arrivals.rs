//! When calls come.

use std::time::Duration;

use super::random::Random;
use super::scenario::{Scenario, Shape};

/// How many calls come, if it is left to chance as a mean.
pub(super) fn expected(scenario: &Scenario) -> f64 {
    let traffic = &scenario.traffic;
    match traffic.shape {
        Shape::Constant | Shape::Poisson => traffic.rate * scenario.duration,
        Shape::Burst => f64::from(traffic.calls) * (scenario.duration / traffic.every).ceil(),
        Shape::AtOnce => f64::from(traffic.calls),
    }
}

/// The moments at which calls come, in order.
pub(super) fn arrivals(scenario: &Scenario) -> Vec<Duration> {
    let traffic = &scenario.traffic;
    let calls = traffic.calls as usize;
    match traffic.shape {
        Shape::AtOnce => vec![Duration::ZERO; calls],
        Shape::Constant => evenly(1.0 / traffic.rate, scenario.duration).collect(),
        Shape::Burst => evenly(traffic.every, scenario.duration)
            .flat_map(|at| std::iter::repeat_n(at, calls))
            .collect(),
        Shape::Poisson => {
            let mut random = Random::new(scenario.seed, 1);
            let mut at = 0.0;
            let next = std::iter::from_fn(|| {
                at += random.exponential() / traffic.rate;
                (at < scenario.duration).then(|| Duration::from_secs_f64(at))
            });
            next.collect()
        }
    }
}

fn evenly(every: f64, duration: f64) -> impl Iterator<Item = Duration> {
    let at = (0_u32..).map(move |number| f64::from(number) * every);
    at.take_while(move |&at| at < duration).map(Duration::from_secs_f64)
}
