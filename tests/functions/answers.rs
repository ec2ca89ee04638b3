//! What is taken for an answer, what is asked again, and what is an error.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use lockkeeper::{
    Arguments, ChatOptions, ErrorKind, HttpRequest, LlmFunctionErrorKind as Kind, LlmInterface,
};

use super::*;

#[test]
fn the_first_request_asks_for_the_schema_in_short() {
    let scene = scene([Reply::answer(EGGS)]);
    let answer = scene.clock.block_on(order(&scene).name("order").call(text())).unwrap();
    assert_eq!((&answer.value, answer.usage.total_tokens), (&eggs(), 8));
    let body = bodies(&scene).remove(0);
    let item = json!({"type": "object", "additionalProperties": false,
    "required": ["name", "count"],
    "properties": {
        "name": {"description": "What is ordered.", "type": "string"},
        "count": {"type": "integer", "minimum": 0, "maximum": 255},
    }});
    let schema = json!({"type": "object", "additionalProperties": false,
    "required": ["items", "note"],
    "properties": {
        "items": {"type": "array", "items": item},
        "note": {"type": ["string", "null"]},
    }});
    assert_eq!(
        body["response_format"],
        json!({"type": "json_schema",
            "json_schema": {"name": "order", "schema": schema, "strict": true}})
    );
    let expected = [
        ("system", "Read the order.\n\nAnswer with JSON only."),
        ("user", "text:\nTwo eggs, please."),
    ];
    assert_eq!(said(&body), expected.map(|(role, text)| (role.to_owned(), text.to_owned())));
    let attempt = &answer.trace.attempts[0];
    assert_eq!((attempt.strategy.as_str(), attempt.text.as_str()), ("json_schema", EGGS));
    assert_eq!(attempt.answered_by.as_ref().unwrap().key_label, scripted::label(1));
}

#[test]
fn text_asks_for_no_structure() {
    let scene = scene([Reply::answer("<think>French?</think>\n Deux œufs. ")]);
    let translate = LlmFunction::<_, String>::new(scene.llm.clone(), "Translate {text} into {to}.");
    let arguments = Arguments::new().with("text", "it").with("to", "French");
    let answer = scene.clock.block_on(translate.call(arguments)).unwrap();
    assert_eq!(*answer, "Deux œufs.");
    let body = bodies(&scene).remove(0);
    assert_eq!((body.get("response_format"), body.get("tools")), (None, None));
    assert_eq!(said(&body)[0].1, "Translate it into French.");
    assert_eq!(said(&body)[1].1, r#"{"text":"it","to":"French"}"#);
}

#[test]
fn other_types_go_wrapped() {
    let scene = scene([
        Reply::answer(r#"{"result": 3}"#),
        Reply::answer("3"),
        Reply::answer(r#"["a"]"#),
        Reply::answer(r#"{"result": null}"#),
        Reply::answer(r#"{"result": {"b": 2}}"#),
    ]);
    let llm = || scene.llm.clone();
    scene.clock.block_on(async {
        let number = LlmFunction::<(), u32>::new(llm(), "Count.");
        assert_eq!(*number.call(()).await.unwrap(), 3);
        assert_eq!(*number.call(()).await.unwrap(), 3);
        let list = LlmFunction::<(), Vec<String>>::new(llm(), "List.");
        assert_eq!(*list.call(()).await.unwrap(), ["a"]);
        let perhaps = LlmFunction::<(), Option<bool>>::new(llm(), "Is it?");
        assert_eq!(*perhaps.call(()).await.unwrap(), None);
        let map = LlmFunction::<(), std::collections::BTreeMap<String, u8>>::new(llm(), "Map.");
        let answer = map.call(()).await.unwrap();
        assert_eq!(answer.get("b"), Some(&2)); // an object itself, if it is wrapped all the same
    });
}

#[test]
fn errors_are_shown_to_the_model_until_it_has_none() {
    let wrong = r#"{"items": [{"name": "egg", "count": 2}, {"name": 3, "count": "many"}]}"#;
    let scene = scene([Reply::answer(wrong), Reply::answer("{}"), Reply::answer(EGGS)]);
    let answer = scene.clock.block_on(order(&scene).call(text())).unwrap();
    assert_eq!(answer.value, eggs());
    let problems = ["$.items[1].count: expected an integer, found \"many\""];
    assert_eq!(answer.trace.attempts[0].problems, problems);
    assert_eq!(answer.trace.attempts[1].problems, ["$.items: is missing"]);
    assert_eq!((answer.trace.attempts[2].problems.len(), answer.usage.total_tokens), (0, 24));
    let bodies = bodies(&scene);
    let second = said(&bodies[1]);
    assert_eq!((second.len(), second[2].1.as_str()), (4, wrong));
    let says = format!(
        "That answer is wrong:\n- {}\nAnswer again with the corrected JSON alone, in this form:\n{{\n",
        problems[0]
    );
    assert!(second[3].1.starts_with(&says), "{}", second[3].1);
    assert_eq!(said(&bodies[2])[2].1, "{}", "the last answer only");
}

#[test]
fn who_gives_the_same_wrong_answer_again_is_asked_from_the_beginning() {
    let scene = scene([Reply::answer("{}"), Reply::answer("{}"), Reply::answer(EGGS)]);
    assert_eq!(scene.clock.block_on(order(&scene).call(text())).unwrap().value, eggs());
    let lengths: Vec<_> = bodies(&scene).iter().map(|body| said(body).len()).collect();
    assert_eq!(lengths, [2, 4, 2]);
}

#[test]
fn repairs_are_bounded() {
    for repairs in [0, 1, 2] {
        let scene = scene(vec![Reply::answer("{}"); 5]);
        let call = order(&scene).max_repairs(repairs).call(text());
        let error = scene.clock.block_on(call).unwrap_err();
        assert_eq!(
            (error.kind(), error.problems()),
            (Kind::InvalidAnswer, &["$.items: is missing".to_owned()][..])
        );
        assert_eq!(error.trace().attempts.len() as u32, repairs + 1);
        assert_eq!(scene.provider.requests().len() as u32, repairs + 1);
        assert!(error.to_string().contains("\n  $.items: is missing"), "{error}");
    }
}

#[test]
fn what_serde_refuses_is_shown_too() {
    #[derive(Debug, JsonSchema)]
    #[schemars(with = "u8")]
    struct Even;
    impl<'de> Deserialize<'de> for Even {
        fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
            let number = u8::deserialize(from)?;
            (number % 2 == 0).then_some(Self).ok_or_else(|| serde::de::Error::custom("it is odd"))
        }
    }
    let scene = scene([Reply::answer("3"), Reply::answer("4")]);
    let even = LlmFunction::<(), Even>::new(scene.llm.clone(), "Name an even number.");
    let answer = scene.clock.block_on(even.call(())).unwrap();
    assert_eq!(answer.trace.attempts[0].problems, ["$: it is odd"]);
}

#[test]
fn empty_answers_are_asked_again() {
    let scene = scene([Reply::answer(""), Reply::answer("Yes.")]);
    let speak = LlmFunction::<(), String>::new(scene.llm.clone(), "Speak.");
    assert_eq!(*scene.clock.block_on(speak.call(())).unwrap(), "Yes.");
    let second = said(&bodies(&scene)[1]);
    assert_eq!(
        second[1..].iter().map(|it| it.0.as_str()).collect::<Vec<_>>(),
        ["user", "assistant", "user"]
    );
}

#[test]
fn an_answer_that_is_too_long_is_an_error_of_its_own() {
    let cut = r#"{"items": [{"name": "egg", "count": 2}, {"name": "mi"#;
    let scene = scene([ended(cut, "length"), ended(&format!("{EGGS} And"), "length")]);
    let error = scene.clock.block_on(order(&scene).call(text())).unwrap_err();
    assert_eq!(error.kind(), Kind::Truncated);
    let partial = json!({"items": [{"name": "egg", "count": 2}, {"name": "mi"}]});
    assert_eq!(error.partial(), Some(&partial));
    assert_eq!(error.trace().attempts.len(), 1, "more of the same would not help");
    // What the model adds behind a whole value is not missed.
    assert_eq!(scene.clock.block_on(order(&scene).call(text())).unwrap().value, eggs());
}

#[test]
fn a_refusal_is_an_error_of_its_own() {
    let declines = json!({"choices": [{"message": {"content": null, "refusal": "I can't."}, "finish_reason": "stop"}]});
    let scene = scene([
        Reply::status(200).body(declines.to_string()),
        ended("", "content_filter"),
        Reply::error(400, "content_filter", "the prompt was filtered"),
    ]);
    for words in ["I can't.", "", "content_policy: the prompt was filtered"] {
        let error = scene.clock.block_on(order(&scene).call(text())).unwrap_err();
        assert_eq!(error.kind(), Kind::Refused);
        assert!(error.message().starts_with(words), "{error}");
    }
}

#[test]
fn one_deadline_spans_all_attempts() {
    let slow = || Reply::answer("{}").after(Duration::from_secs(4));
    let scene = scene([slow(), slow(), slow()]);
    let call = order(&scene).timeout(Duration::from_secs(10)).call(text());
    let error = scene.clock.block_on(call).unwrap_err();
    assert_eq!((error.kind(), scene.elapsed()), (Kind::Timeout, 10.0));
    assert_eq!(error.trace().attempts.len(), 3);
    assert_eq!(error.trace().attempts[1].took, Duration::from_secs(4));
    assert_eq!(scene.provider.open_requests(), 0);
    // The timeout of the options is that of the whole call as well.
    let scene = super::scene([slow(), slow(), slow()]);
    let options = ChatOptions::default().timeout(Duration::from_secs(6));
    let error = scene.clock.block_on(order(&scene).options(options).call(text())).unwrap_err();
    assert_eq!((error.kind(), scene.elapsed()), (Kind::Timeout, 6.0));
}

#[test]
fn errors_of_the_layers_below_are_inside() {
    let scene = scene([Reply::status(401)]);
    let error = scene.clock.block_on(order(&scene).call(text())).unwrap_err();
    assert_eq!(error.kind(), Kind::Llm);
    assert_eq!(error.llm_error().unwrap().kind(), ErrorKind::Authentication);
    assert_eq!(error.trace().attempts[0].error.as_ref(), error.llm_error());
    assert!(std::error::Error::source(&error).is_some());
}

#[test]
fn retries_below_are_not_seen_above() {
    let scene = scene([Reply::status(503), Reply::answer(EGGS)]);
    let answer = scene.clock.block_on(order(&scene).call(text())).unwrap();
    assert_eq!((answer.trace.attempts.len(), scene.provider.requests().len()), (1, 2));
}

#[test]
fn what_is_wrong_with_the_function_is_said_before_anything_is_sent() {
    let scene = scene([]);
    let unknown = LlmFunction::<Text, String>::new(scene.llm.clone(), "Translate {txt}.");
    let error = scene.clock.block_on(unknown.call(text())).unwrap_err();
    assert_eq!(error.kind(), Kind::Config);
    assert!(error.message().contains("`{txt}`"), "{error}");
    let broken = Arguments::new().with("text", &std::collections::BTreeMap::from([((1, 2), 3)]));
    let function = LlmFunction::<_, String>::new(scene.llm.clone(), "Read.");
    let error = scene.clock.block_on(function.call(broken)).unwrap_err();
    assert!(error.message().contains("the argument `text`"), "{error}");
    assert!(scene.provider.requests().is_empty());
}

#[test]
fn a_hundred_calls_at_once_never_mix() {
    /// Says the number in the user's message back, late where it is odd and wrong at first.
    fn echo(request: &HttpRequest) -> Reply {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let said = said(&body);
        let number: u64 = said[1].1.rsplit(':').next().unwrap().trim_matches('}').parse().unwrap();
        let is_first = said.len() == 2;
        let text = if is_first && number.is_multiple_of(3) {
            "{}".to_owned()
        } else {
            json!({"n": number}).to_string()
        };
        Reply::answer(&text).after(Duration::from_millis(number * 37 % 101))
    }
    #[derive(Debug, Deserialize, JsonSchema)]
    struct Number {
        n: u64,
    }
    let mut settings = settings(4);
    settings.rate_limit_capacity = 1000.0;
    let scene = Scene::by(settings, echo);
    let function = LlmFunction::<Arguments, Number>::new(scene.llm.clone(), "Say it back.");
    let calls = (0..100u64).map(|number| function.call(Arguments::new().with("number", &number)));
    let answers = scene.clock.block_on(join_all(calls));
    for (number, answer) in answers.into_iter().enumerate() {
        let answer = answer.unwrap();
        assert_eq!(answer.n, number as u64);
        assert_eq!(answer.trace.attempts.len(), if number % 3 == 0 { 2 } else { 1 });
    }
}

#[test]
fn a_dropped_call_ends_its_request() {
    let scene = scene([Reply::silence()]);
    let mut call = order(&scene).call(text());
    assert!(scene.provider.requests().is_empty(), "nothing is sent before it is polled");
    let polled = scene.clock.block_on(futures::future::poll_immediate(&mut call));
    assert_eq!((polled.is_none(), scene.provider.open_requests()), (true, 1));
    drop(call);
    assert_eq!((scene.provider.open_requests(), scene.llm.key_pool().in_flight()), (0, 0));
}

#[test]
fn an_interface_of_any_kind_will_do() {
    let scene = scene([Reply::answer(EGGS)]);
    let llm: Arc<dyn LlmInterface> = Arc::new(scene.llm.clone());
    let answer = scene.clock.block_on(LlmFunction::<_, Order>::new(llm, "Read it.").call(text()));
    assert_eq!(answer.unwrap().into_value(), eggs());
}
