//! Tools: how they are called, and what the model is told of them.

use std::sync::Mutex;
use std::time::Duration;

use lockkeeper::{FunctionTool, LlmFunctionErrorKind as Kind, LlmTool};

use super::*;

#[derive(Deserialize, JsonSchema)]
struct Place {
    /// The city.
    city: String,
}

/// A tool that takes a second.
fn weather(scene: &Scene) -> impl LlmTool + 'static {
    let runtime = scene.clock.runtime();
    FunctionTool::new("get_weather", "The weather now.", move |place: Place| {
        let runtime = runtime.clone();
        async move {
            runtime.sleep(Duration::from_secs(1)).await;
            match place.city.as_str() {
                "Atlantis" => Err("it is under water"),
                city => Ok(format!("rain in {city}")),
            }
        }
    })
}

fn dress(scene: &Scene) -> LlmFunction<Text, String> {
    LlmFunction::new(scene.llm.clone(), "Say what to wear.").tool(weather(scene))
}

#[test]
fn calls_are_run_at_once_and_their_results_shown() {
    let cities = [("get_weather", r#"{"city": "Paris"}"#), ("get_weather", "{'city': 'Rome',}")];
    let scene = scene([calls(&cities), Reply::answer("A coat.")]);
    let answer = scene.clock.block_on(dress(&scene).call(text())).unwrap();
    assert_eq!((answer.value.as_str(), scene.elapsed()), ("A coat.", 1.0));
    let runs: Vec<_> = answer.trace.tool_runs().collect();
    assert_eq!(
        (runs.len(), runs[0].name.as_str(), runs[0].took),
        (2, "get_weather", Duration::from_secs(1))
    );
    assert_eq!(runs[0].arguments, json!({"city": "Paris"}));
    assert_eq!(runs[1].outcome, Some(Ok(json!("rain in Rome"))));
    let bodies = bodies(&scene);
    assert_eq!(
        bodies[0]["tools"][0]["function"],
        json!({"name": "get_weather", "description": "The weather now.", "parameters":
            {"type": "object", "required": ["city"],
                "properties": {"city": {"type": "string", "description": "The city."}}}})
    );
    let messages = &bodies[1]["messages"];
    assert_eq!(messages[2]["tool_calls"][1]["id"], "c1");
    assert_eq!(
        messages[3],
        json!({"role": "tool", "content": "rain in Paris", "tool_call_id": "c0"})
    );
    assert_eq!(messages[4]["tool_call_id"], "c1");
}

#[test]
fn whatever_goes_wrong_is_told_to_the_model() {
    let scene = scene([
        calls(&[
            ("get_weather", r#"{"town": "Paris"}"#),
            ("get_time", "{}"),
            ("get_weather", r#"{"city": "Atlantis"}"#),
            ("get_weather", "not JSON"),
        ]),
        Reply::answer("Nothing."),
    ]);
    let answer = scene.clock.block_on(dress(&scene).call(text())).unwrap();
    let told: Vec<_> = said(&bodies(&scene)[1]).into_iter().skip(3).map(|it| it.1).collect();
    let expected = [
        "error: the arguments have errors:\n$.city: is missing",
        "error: there is no tool `get_time`; there are: get_weather",
        "error: it is under water",
        "error: the arguments have errors:\n$: expected a JSON object",
    ];
    assert_eq!(told, expected);
    let last = answer.trace.tool_runs().last().unwrap();
    assert_eq!(last.arguments, "not JSON");
    assert_eq!(answer.value, "Nothing.");
}

#[test]
fn a_typed_answer_comes_as_a_call_too() {
    let place = [("get_weather", r#"{"city": "Paris"}"#)];
    let scene = scene([
        calls(&place),
        calls(&[("answer", "{}")]),
        calls(&[("answer", EGGS)]),
        Reply::answer(EGGS),
    ]);
    let function = order(&scene).tool(weather(&scene));
    let answer = scene.clock.block_on(function.call(text())).unwrap();
    assert_eq!((&answer.value, strategies(&answer.trace)), (&eggs(), vec!["tool"; 3]));
    let bodies = bodies(&scene);
    let tools = bodies[0]["tools"].as_array().unwrap();
    assert_eq!((tools.len(), bodies[0].get("tool_choice")), (2, None));
    assert_eq!(bodies[0].get("response_format"), None);
    assert_eq!(
        bodies[2]["messages"].as_array().unwrap().len(),
        6,
        "the weather, and the correction"
    );
    // …or in words.
    assert_eq!(scene.clock.block_on(function.call(text())).unwrap().value, eggs());
}

#[test]
fn an_answer_beside_other_calls_comes_too_early() {
    let both = [("answer", EGGS), ("get_weather", r#"{"city": "Paris"}"#)];
    let scene = scene([calls(&both), calls(&[("answer", EGGS)])]);
    let answer = scene.clock.block_on(order(&scene).tool(weather(&scene)).call(text())).unwrap();
    assert_eq!((answer.value, answer.trace.attempts.len()), (eggs(), 2));
    let told = &said(&bodies(&scene)[1])[3].1;
    assert_eq!(told, "error: give the answer when the tools have answered");
}

#[test]
fn refused_tools_are_an_error() {
    let scene = scene([bad_request("tools are not supported"), Reply::answer(EGGS)]);
    let function = order(&scene).tool(weather(&scene));
    let error = scene.clock.block_on(function.call(text())).unwrap_err();
    assert_eq!((error.kind(), scene.provider.requests().len()), (Kind::Llm, 1));
    // …and nothing is learned from it of how to ask without any.
    assert_eq!(
        strategies(&scene.clock.block_on(order(&scene).call(text())).unwrap().trace),
        ["json_schema"]
    );
}

#[test]
fn a_model_that_goes_on_calling_is_stopped() {
    let scene = scene(vec![calls(&[("get_weather", r#"{"city": "Paris"}"#)]); 9]);
    let error = scene.clock.block_on(dress(&scene).max_steps(2).call(text())).unwrap_err();
    assert_eq!((error.kind(), scene.provider.requests().len()), (Kind::StepLimit, 3));
    assert_eq!(error.trace().tool_runs().count(), 2);
    assert!(error.message().ends_with("called were: get_weather, get_weather"), "{error}");
}

#[test]
fn the_deadline_stops_tools() {
    let scene = scene([calls(&[("get_weather", r#"{"city": "Paris"}"#), ("no_such", "{}")])]);
    let call = dress(&scene).timeout(Duration::from_millis(500)).call(text());
    let error = scene.clock.block_on(call).unwrap_err();
    assert_eq!((error.kind(), scene.elapsed()), (Kind::Timeout, 0.5));
    let done: Vec<_> = error.trace().tool_runs().map(|run| run.outcome.is_some()).collect();
    assert_eq!(done, [false, true]);
}

#[test]
fn names_must_differ() {
    let scene = scene([]);
    let twice = dress(&scene).tool(weather(&scene)).call(text());
    assert_eq!(scene.clock.block_on(twice).unwrap_err().kind(), Kind::Config);
    let taken = FunctionTool::new("answer", "Mine.", |_: Place| async { Ok::<_, String>(1) });
    let error = scene.clock.block_on(order(&scene).tool(taken).call(text())).unwrap_err();
    assert_eq!((error.kind(), scene.provider.requests().len()), (Kind::Config, 0));
}

#[test]
fn a_tool_may_keep_what_it_is_told() {
    let notes = Arc::new(Mutex::new(Vec::new()));
    let kept = notes.clone();
    let note = FunctionTool::new("note", "Keeps a note.", move |place: Place| {
        kept.lock().unwrap().push(place.city);
        async { Ok::<_, String>(()) }
    });
    let scene = scene([calls(&[("note", r#"{"city": "Paris"}"#)]), Reply::answer("Kept.")]);
    let function = LlmFunction::<Text, String>::new(scene.llm.clone(), "Note it.")
        .tools([Arc::new(note) as Arc<dyn LlmTool>]);
    scene.clock.block_on(function.call(text())).unwrap();
    assert_eq!(*notes.lock().unwrap(), ["Paris"]);
}
