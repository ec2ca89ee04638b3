//! Servers that do not take every way of asking: what is tried next, and what is remembered.

use lockkeeper::{ChatOptions, Fallback, LlmFunctionErrorKind as Kind};

use super::*;

#[test]
fn each_way_is_tried_in_turn_and_what_works_is_remembered() {
    let scene = scene([
        bad_request("Unknown parameter: 'response_format'"),
        bad_request("this model has no support for tools"),
        Reply::error(422, "", "response_format.type must be text"),
        Reply::answer(&format!("Of course!\n```json\n{EGGS}\n```")),
        Reply::answer(EGGS),
    ]);
    let function = order(&scene).max_repairs(0); // refusals are no repairs
    let answer = scene.clock.block_on(function.call(text())).unwrap();
    assert_eq!(answer.value, eggs());
    assert_eq!(strategies(&answer.trace), ["json_schema", "tool", "json_object", "prompt"]);
    assert!(answer.trace.attempts[0].error.is_some());
    let bodies = bodies(&scene);
    let forced = json!({"type": "function", "function": {"name": "answer"}});
    assert_eq!((&bodies[1]["tool_choice"], bodies[1].get("response_format")), (&forced, None));
    assert_eq!(
        bodies[1]["tools"][0]["function"]["parameters"]["required"],
        json!(["items", "note"])
    );
    assert_eq!(bodies[2]["response_format"], json!({"type": "json_object"}));
    let form = r#"text:
Two eggs, please.

Answer with JSON alone, in this form:
{
  "items": [{
    "name": "text" (What is ordered.),
    "count": whole number from 0 to 255
  }, ...],
  "note": "text" or null
}
For example: {"items":[{"name":"text","count":0},{"name":"text","count":0}],"note":"text"}"#;
    for body in &bodies[2..] {
        let said: Vec<_> = said(body).into_iter().map(|it| it.1).collect();
        assert_eq!(said, ["Read the order.", form]);
    }
    assert_eq!((bodies[3].get("response_format"), bodies[3].get("tools")), (None, None));
    // Another function of the same client knows it already.
    let another = order(&scene);
    let answer = scene.clock.block_on(another.call(text())).unwrap();
    assert_eq!(strategies(&answer.trace), ["prompt"]);
}

#[test]
fn a_copy_of_the_example_is_no_answer() {
    let copy = r#"{"items": [{"name": "text", "count": 0}, {"name": "text", "count": 0}], "note": "text"}"#;
    let refusals = || (0..3).map(|_| bad_request("response_format and tools are not supported"));
    let scene = scene(refusals().chain([Reply::answer(copy), Reply::answer(EGGS)]));
    let answer = scene.clock.block_on(order(&scene).call(text())).unwrap();
    assert_eq!(answer.value, eggs());
    let problem = "$: that is the example: put your own values in place of its";
    assert_eq!(answer.trace.attempts[3].problems, [problem]);
    // A correction shows the example, too; what has not been shown can't be copied.
    let scene = super::scene([Reply::answer("{}"), Reply::answer(copy), Reply::answer(EGGS)]);
    let answer = scene.clock.block_on(order(&scene).call(text())).unwrap();
    assert_eq!(answer.trace.attempts[1].problems, [problem]);
    let scene = super::scene([Reply::answer(copy)]);
    assert_eq!(scene.clock.block_on(order(&scene).call(text())).unwrap().items.len(), 2);
}

#[test]
fn what_is_learned_is_of_one_client_and_one_model() {
    let refusal = || bad_request("json_schema is not supported");
    let tool = || calls(&[("answer", EGGS)]);
    let one = scene([refusal(), tool(), refusal(), tool(), tool()]);
    let other = scene([refusal(), tool()]);
    let ask = |scene: &Scene, options: ChatOptions| {
        let answer = scene.clock.block_on(order(scene).options(options).call(text())).unwrap();
        assert_eq!(answer.value, eggs());
        strategies(&answer.trace)
    };
    let both = ["json_schema", "tool"];
    assert_eq!(ask(&one, ChatOptions::default()), both);
    assert_eq!(ask(&one, ChatOptions::default().model("another")), both);
    assert_eq!(ask(&one, ChatOptions::default()), ["tool"]);
    assert_eq!(ask(&other, ChatOptions::default()), both);
}

#[test]
fn a_fallback_keeps_what_it_has_learned() {
    let scene = scene([
        bad_request("response_format"),
        calls(&[("answer", EGGS)]),
        calls(&[("answer", EGGS)]),
    ]);
    let llm = Fallback::new([scene.llm.clone()]);
    for expected in [vec!["json_schema", "tool"], vec!["tool"]] {
        let function = LlmFunction::<Text, Order>::new(llm.clone(), "Read the order.");
        assert_eq!(
            strategies(&scene.clock.block_on(function.call(text())).unwrap().trace),
            expected
        );
    }
}

#[test]
fn other_errors_are_errors() {
    let scene = scene([bad_request("temperature is out of range"), Reply::answer(EGGS)]);
    let error = scene.clock.block_on(order(&scene).call(text())).unwrap_err();
    assert_eq!((error.kind(), scene.provider.requests().len()), (Kind::Llm, 1));
}

#[test]
fn where_everything_is_refused_the_last_refusal_is_the_error() {
    let scene = scene(vec![bad_request("this is not supported"); 9]);
    let error = scene.clock.block_on(order(&scene).call(text())).unwrap_err();
    assert_eq!((error.kind(), error.trace().attempts.len()), (Kind::Llm, 4));
}

#[test]
fn two_answers_of_prose_in_a_row_and_the_next_way_is_tried() {
    let prose = || Reply::answer("Gladly! What would you like to know?");
    let scene = scene([prose(), prose(), calls(&[("answer", EGGS)])]);
    let answer = scene.clock.block_on(order(&scene).call(text())).unwrap();
    assert_eq!(strategies(&answer.trace), ["json_schema", "json_schema", "tool"]);
    assert_eq!(answer.value, eggs());
    let said: Vec<_> = said(&bodies(&scene)[2]).into_iter().map(|it| it.1).collect();
    assert_eq!(said[0], "Read the order.\n\nGive your answer by calling `answer`.");
}

#[test]
fn an_answer_in_words_counts_where_a_tool_was_to_be_called() {
    let scene =
        scene([bad_request("response_format"), Reply::answer(EGGS), calls(&[("order", EGGS)])]);
    for _ in 0..2 {
        let answer = scene.clock.block_on(order(&scene).call(text())).unwrap();
        assert_eq!(answer.value, eggs());
    }
}
