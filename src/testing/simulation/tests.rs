//! Simulations whose outcome is known beforehand.
#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};

use super::*;

fn scenario(entry: Value, edit: impl FnOnce(&mut Scenario)) -> Scenario {
    let mut scenario = Scenario::new(json!({ "openai": { "gpt-4": entry } }));
    edit(&mut scenario);
    scenario
}

/// Four keys whose settings hold nothing back.
fn four_keys(edit: impl FnOnce(&mut Scenario)) -> Scenario {
    let rates = json!({ "api_keys": 4, "rate_limit_capacity": 1e6, "rate_limit_refill_rate": 1e6 });
    scenario(rates, edit)
}

fn near(found: f64, expected: f64) -> bool {
    (found - expected).abs() < 1e-4
}

#[test]
fn the_optimum_is_what_can_be_counted_by_hand() {
    let at_once = |edit: fn(&mut Scenario)| {
        let scenario = four_keys(|scenario| {
            (scenario.traffic.shape, scenario.traffic.calls) = (Shape::AtOnce, 200);
            scenario.limits.requests = Some(5.0);
            edit(scenario);
        });
        simulate(&scenario).unwrap().optimum
    };
    // Twenty at once, then twenty a second; 1.5 s for each answer.
    assert!(near(at_once(|_| ()), 9.0 + 1.5));
    assert!(near(at_once(|scenario| scenario.limits.capacity = Some(1.0)), 9.8 + 1.5));
    assert!(near(at_once(|scenario| scenario.limits.counting = Counting::Window), 9.0 + 1.5));
    assert!(near(at_once(|scenario| scenario.limits.scope = LimitScope::Account), 39.0 + 1.5));
    assert!(near(at_once(|scenario| scenario.faults.dead_keys = 2), 19.0 + 1.5));
    assert!(near(at_once(|scenario| scenario.traffic.stream = false), 9.0 + 1.5));
    assert!(near(at_once(|scenario| scenario.limits.requests = None), 1.5));
    // 600 LLM tokens each, 40 in the first minute's budgets of four keys; 40 a minute after it.
    let budget = |scenario: &mut Scenario| scenario.limits.tokens_per_minute = Some(6000.0);
    assert!(near(at_once(budget), 160.0 / 40.0 * 60.0 + 1.5));
}

#[test]
fn the_optimum_waits_for_late_calls_and_not_for_early_limits() {
    let scenario = four_keys(|scenario| {
        (scenario.traffic.shape, scenario.traffic.calls) = (Shape::Burst, 40);
        (scenario.traffic.every, scenario.duration) = (10.0, 25.0);
        scenario.limits.requests = Some(5.0);
    });
    let report = simulate(&scenario).unwrap();
    // The last burst comes at 20 s: twenty start at once, the rest within a second.
    assert!(near(report.optimum, 20.0 + 1.0 + 1.5), "{}", report.optimum);
    assert!(near(report.optimum_waits.max, 1.0) && report.optimum_waits.p50 < 1e-9);
    assert_eq!(report.succeeded, 120);
}

#[test]
fn a_client_comes_near_the_optimum_and_never_before_it() {
    for counting in [Counting::Bucket, Counting::Window] {
        for tells in [Tells::All, Tells::Headers, Tells::RetryAfter, Tells::Nothing] {
            let scenario = four_keys(|scenario| {
                (scenario.traffic.shape, scenario.traffic.calls) = (Shape::AtOnce, 200);
                scenario.service.latency = 0.1;
                scenario.traffic.stream = false;
                scenario.traffic.output_tokens = 1;
                scenario.limits.requests = Some(5.0);
                (scenario.limits.counting, scenario.limits.tells) = (counting, tells);
            });
            let report = simulate(&scenario).unwrap();
            let ratio = report.makespan / report.optimum;
            assert_eq!((report.calls, report.succeeded), (200, 200));
            // What nobody tells has to be found out.
            let most = if matches!(tells, Tells::All | Tells::Headers) { 1.1 } else { 1.8 };
            assert!((1.0 - 1e-6..most).contains(&ratio), "{counting:?} {tells:?}: {ratio}");
            assert_eq!(report.requests, 200 + report.refused);
        }
    }
}

#[test]
fn the_clients_own_bucket_is_waited_for() {
    let rates = json!({ "api_keys": 1, "rate_limit_capacity": 10, "rate_limit_refill_rate": 2 });
    let scenario = scenario(rates, |scenario| {
        (scenario.traffic.shape, scenario.traffic.calls) = (Shape::AtOnce, 30);
    });
    let report = simulate(&scenario).unwrap();
    // Ten at once, twenty in the next ten seconds; without limits of the provider's none had to.
    assert!(near(report.waits.bucket.max, 10.0), "{:?}", report.waits.bucket);
    assert!(near(report.makespan, 11.5) && near(report.optimum, 1.5));
    assert_eq!(report.waits.bucket, report.waits.total);
    let series = &report.series;
    assert_eq!((series.bucket[0], series.in_flight[0], series.queue[0]), (0.0, 10, 20));
    assert!(series.time.len() <= 401 && near(*series.time.last().unwrap(), 11.5));
}

#[test]
fn faults_show_by_kind() {
    let scenario = four_keys(|scenario| {
        scenario.duration = 600.0;
        scenario.traffic.shape = Shape::Poisson;
        let faults = &mut scenario.faults;
        (faults.status_429, faults.status_500, faults.status_503) = (0.005, 0.02, 0.02);
        (faults.silence, faults.cut, faults.dead_keys) = (0.01, 0.02, 1);
    });
    let report = simulate(&scenario).unwrap();
    // What is cut has been seen, and is not asked for again.
    assert_eq!(report.failures.keys().collect::<Vec<_>>(), ["truncated"]);
    assert_eq!(report.failures["truncated"], report.outcomes["cut"]);
    assert_eq!(report.calls, report.succeeded + report.failed);
    assert_eq!(report.outcomes.values().sum::<u64>(), report.requests);
    for (outcome, share) in [("429", 0.005), ("500", 0.02), ("503", 0.02), ("silence", 0.01)] {
        let found = report.outcomes[outcome] as f64 / report.requests as f64;
        assert!((found / share - 1.0).abs() < 0.3, "{outcome}: {found}");
    }
    let dead = &report.keys[3];
    assert!(dead.answered == 0 && dead.requests == report.outcomes["401"]);
    assert!(report.balance > 0.9, "{}", report.balance);
}

#[test]
fn chance_comes_out_the_same_for_the_same_seed_only() {
    let of = |seed| {
        simulate(&four_keys(|scenario| {
            (scenario.seed, scenario.duration) = (seed, 60.0);
            scenario.traffic.shape = Shape::Poisson;
            scenario.limits.requests = Some(2.0);
            scenario.faults.status_500 = 0.05;
        }))
        .unwrap()
    };
    assert_eq!(of(7), of(7));
    assert_ne!(of(7).makespan, of(8).makespan);
}

#[test]
fn every_mistake_has_its_path() {
    let text = r#"{
        "provider": { "openai": { "gpt-4": { "api_keys": [""], "retries": 3 } } }, "sed": 5,
        "traffic": { "shape": "brust", "rate": "x" }, "limits": [], "faults": { "500": true }
    }"#;
    let paths = |error: crate::Error| {
        let paths: Vec<_> = error.problems().iter().map(|problem| problem.path.clone()).collect();
        paths.join(" ")
    };
    let error = Scenario::from_json(text).unwrap_err();
    assert_eq!(paths(error), "faults.500 limits sed traffic.rate traffic.shape");
    assert_eq!(paths(Scenario::from_json("{}").unwrap_err()), "provider");
    assert_eq!(paths(Scenario::from_json("[").unwrap_err()), "");

    let text = r#"{
        "provider": { "openai": { "gpt-4": { "api_keys": [""], "retries": 3 } } }, "duration": 0,
        "traffic": { "rate": 1e9 }, "faults": { "429": 0.9, "cut": 0.9 }
    }"#;
    let error = simulate(&Scenario::from_json(text).unwrap()).unwrap_err();
    let provider = "provider.openai.gpt-4.api_keys[0] provider.openai.gpt-4.retries";
    assert_eq!(paths(error), format!("duration faults {provider} traffic.rate"));

    let error = simulate(&four_keys(|scenario| {
        scenario.model = Some("openai/gpt-5".to_owned());
        scenario.limits.tokens_per_minute = Some(599.0);
    }));
    assert_eq!(paths(error.unwrap_err()), "limits.tokens_per_minute model");
}

#[test]
fn scenarios_and_reports_survive_json() {
    let scenario = four_keys(|scenario| {
        scenario.limits.capacity = Some(2.5);
        scenario.duration = 10.0;
    });
    let text = serde_json::to_string(&scenario).unwrap();
    assert_eq!(Scenario::from_json(&text), Ok(scenario.clone()));
    let report = simulate(&scenario).unwrap();
    let text = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), report);
}
