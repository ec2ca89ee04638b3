//! What a scenario must be like; every mistake with its path.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::arrivals;
use super::scenario::{Faults, Limits, Scenario, Service, Traffic};
use crate::error::{Error, Problem};

/// More would not fit into the memory of a page.
const MOST_CALLS: f64 = 500_000.0;
/// Numbers up to this are whole ones in JavaScript, too.
const MOST_SEED: u64 = 1 << 53;

/// Reads a scenario part by part, since serde stops at the first mistake and does not say where it is.
pub(super) fn read(json: Value) -> Result<Scenario, Error> {
    let Value::Object(members) = &json else {
        return Err(Error::config(vec![Problem::new("", 0, "expected an object")]));
    };
    let mut problems = Vec::new();
    if !members.contains_key("provider") {
        problems.push(Problem::new("provider", 0, "is missing"));
    }
    for (name, value) in members {
        problems.extend(match &**name {
            "traffic" => section::<Traffic>(name, value),
            "service" => section::<Service>(name, value),
            "limits" => section::<Limits>(name, value),
            "faults" => section::<Faults>(name, value),
            _ => {
                let beside = [("provider".to_owned(), Value::Null), (name.clone(), value.clone())];
                alone::<Scenario>(Map::from_iter(beside), name).into_iter().collect()
            }
        });
    }
    if problems.is_empty() {
        match serde_json::from_value(json) {
            Ok(scenario) => return Ok(scenario),
            Err(error) => problems.push(Problem::new("", 0, error.to_string())),
        }
    }
    Err(wrong(problems))
}

/// The error of these problems, by their paths: JSON keeps its order or not, as other crates wish.
pub(super) fn wrong(mut problems: Vec<Problem>) -> Error {
    problems.sort_by(|a, b| a.path.cmp(&b.path));
    Error::config(problems)
}

fn section<T: DeserializeOwned>(section: &str, value: &Value) -> Vec<Problem> {
    let Value::Object(members) = value else {
        return vec![Problem::new(section, 0, "expected an object")];
    };
    let each = members.iter().filter_map(|(name, value)| {
        let member = Map::from_iter([(name.clone(), value.clone())]);
        alone::<T>(member, &format!("{section}.{name}"))
    });
    each.collect()
}

fn alone<T: DeserializeOwned>(members: Map<String, Value>, path: &str) -> Option<Problem> {
    let read = serde_json::from_value::<T>(Value::Object(members));
    read.err().map(|error| Problem::new(path, 0, plain(&error.to_string())))
}

/// What serde says, in the words of JSON, and without what it found: that would be shown with `{:?}`, of
/// which the npm package has none.
fn plain(message: &str) -> String {
    let is_wrong_value = message.starts_with("invalid ");
    match message.rsplit_once(", expected ").filter(|_| is_wrong_value) {
        None => message.to_owned(),
        Some((_, "f64")) => "expected a number".to_owned(),
        Some((_, "u32" | "u64")) => "expected a whole number, not below 0".to_owned(),
        Some((_, "a boolean")) => "expected true or false".to_owned(),
        Some((_, other)) => format!("expected {other}"),
    }
}

/// Everything that is wrong with a scenario, but for its `provider`.
pub(super) fn problems(scenario: &Scenario) -> Vec<Problem> {
    let Scenario { traffic, service, limits, .. } = scenario;
    let whole = |number: u32| f64::from(number);
    let mut problems: Vec<Problem> = [
        range("duration", scenario.duration, 0.001, 2_592_000.0),
        range("traffic.rate", traffic.rate, 1e-6, 1e6),
        range("traffic.calls", whole(traffic.calls), 1.0, MOST_CALLS),
        range("traffic.every", traffic.every, 0.001, 2_592_000.0),
        range("traffic.input_tokens", whole(traffic.input_tokens), 1.0, 1e6),
        range("traffic.output_tokens", whole(traffic.output_tokens), 1.0, 1e6),
        range("service.latency", service.latency, 0.0, 3600.0),
        range("service.tokens_per_second", service.tokens_per_second, 0.01, 1e6),
        limits.requests.and_then(|requests| range("limits.requests", requests, 1.0, 1e9)),
        range("limits.per", limits.per, 0.001, 86_400.0),
        limits.capacity.and_then(|capacity| range("limits.capacity", capacity, 1.0, 1e9)),
    ]
    .into_iter()
    .chain(faults(&scenario.faults))
    .flatten()
    .collect();
    if scenario.seed > MOST_SEED {
        problems.push(Problem::new("seed", 0, "must be at most 2^53"));
    }
    if problems.is_empty() {
        problems.extend(too_much(scenario));
    }
    problems
}

fn faults(faults: &Faults) -> Vec<Option<Problem>> {
    let shares = [
        ("faults.429", faults.status_429),
        ("faults.500", faults.status_500),
        ("faults.503", faults.status_503),
        ("faults.silence", faults.silence),
        ("faults.cut", faults.cut),
    ];
    let mut problems: Vec<_> =
        shares.iter().map(|&(path, share)| range(path, share, 0.0, 1.0)).collect();
    if shares.iter().map(|(_, share)| share).sum::<f64>() > 1.0 + 1e-9 {
        problems.push(Some(Problem::new("faults", 0, "are more than 1 all together")));
    }
    problems
}

fn too_much(scenario: &Scenario) -> Vec<Problem> {
    let mut problems = Vec::new();
    let calls = arrivals::expected(scenario);
    if calls > MOST_CALLS {
        let message = format!("makes {calls:.0} calls, and at most {MOST_CALLS} are simulated");
        problems.push(Problem::new("traffic", 0, message));
    }
    let each = scenario.traffic.input_tokens + scenario.traffic.output_tokens;
    let fits = |most: f64| most.is_finite() && most >= f64::from(each);
    if scenario.limits.tokens_per_minute.is_some_and(|most| !fits(most)) {
        let message = format!("must be at least the {each} LLM tokens of one call");
        problems.push(Problem::new("limits.tokens_per_minute", 0, message));
    }
    problems
}

fn range(path: &str, value: f64, least: f64, most: f64) -> Option<Problem> {
    let message = format!("must be from {least} to {most}, and is {value}");
    (!(least..=most).contains(&value)).then(|| Problem::new(path, 0, message))
}
