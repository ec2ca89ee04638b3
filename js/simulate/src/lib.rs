//! What JavaScript sees of the simulator. Scenarios and reports cross the border as JSON.

#![cfg(target_arch = "wasm32")]

use lockkeeper::testing::{self, Scenario};
use serde_json::json;
use wasm_bindgen::prelude::wasm_bindgen;

#[global_allocator]
static ALLOCATOR: rlsf::SmallGlobalTlsf = rlsf::SmallGlobalTlsf::new();

/// Plays a scenario: a report, or else what is wrong with it.
#[wasm_bindgen]
pub fn simulate(scenario: &str) -> Result<String, String> {
    let report = Scenario::from_json(scenario).and_then(|scenario| testing::simulate(&scenario));
    written(report)
}

/// A scenario, complete and with how many keys there are in place of the keys.
#[wasm_bindgen(js_name = withoutKeys)]
pub fn without_keys(scenario: &str) -> Result<String, String> {
    written(Scenario::from_json(scenario))
}

fn written<T: serde::Serialize>(result: Result<T, lockkeeper::Error>) -> Result<String, String> {
    let value = result.map_err(|error| {
        let problem = |problem: &lockkeeper::Problem| json!({ "path": problem.path, "message": problem.message });
        error.problems().iter().map(problem).collect::<serde_json::Value>().to_string()
    })?;
    serde_json::to_string(&value)
        .map_err(|error| json!([{ "path": "", "message": error.to_string() }]).to_string())
}
