//! Scenarios and their reports: `cases.json` holds the simulator to them here, and the npm package in
//! `tests/js/simulate.test.mjs`, so that both report the same.
//!
//! `UPDATE_SIMULATION=1 cargo test --test simulation` writes what comes out today.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used)]

use lockkeeper::testing::{Scenario, simulate};
use serde_json::{Value, json};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/simulation/cases.json");
/// Of a series the file holds each point of this number.
const EVERY: usize = 40;

#[test]
fn scenarios_have_the_reports_of_the_cases() {
    let text = std::fs::read_to_string(FILE).unwrap();
    let mut cases: Vec<Value> = serde_json::from_str(&text).unwrap();
    assert!(cases.len() >= 8);
    let is_update = std::env::var_os("UPDATE_SIMULATION").is_some();
    for case in &mut cases {
        let outcome = outcome(&case["scenario"]);
        if is_update {
            case["outcome"] = outcome;
        } else {
            assert_eq!(outcome, case["outcome"], "{}", case["name"]);
        }
    }
    if is_update {
        let lines: Vec<String> = cases.iter().map(Value::to_string).collect();
        std::fs::write(FILE, format!("[\n{}\n]\n", lines.join(",\n"))).unwrap();
    }
}

/// The report, or where the mistakes are.
fn outcome(scenario: &Value) -> Value {
    let report = Scenario::from_json(&scenario.to_string()).and_then(|read| simulate(&read));
    match report {
        Ok(report) => {
            let mut report = serde_json::to_value(report).unwrap();
            for list in report["series"].as_object_mut().unwrap().values_mut() {
                *list = list.as_array().unwrap().iter().step_by(EVERY).cloned().collect();
            }
            report
        }
        Err(error) => {
            let problem = |problem: &lockkeeper::Problem| json!([problem.path, problem.message]);
            json!({ "problems": error.problems().iter().map(problem).collect::<Vec<_>>() })
        }
    }
}
