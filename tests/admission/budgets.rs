//! The budget of LLM tokens: what requests set aside, and what they settle.

use futures::{FutureExt, StreamExt};
use lockkeeper::codec::ForwardRequest;
use lockkeeper::testing::{Executor, Reply};
use lockkeeper::{ChatOptions, ErrorKind, LlmInterface, ModelSettings, OpenAiCompatible};

use crate::scripted::{BASE_URL, Scene, Way, question, seconds, settings};
use crate::{Arrival, all, at_most, calls, costs, order, sent};

/// The input of `question()`, as it is estimated.
const INPUT: f64 = 12.0;

/// So many LLM tokens a minute.
fn per_minute(tokens: f64) -> ModelSettings {
    let mut settings = settings(1);
    settings.rate_limit_tokens_per_minute = Some(tokens);
    settings
}

fn left(llm: &OpenAiCompatible) -> f64 {
    llm.token_budget().unwrap().tokens()
}

#[test]
fn a_request_sets_aside_what_it_may_cost_and_settles_what_it_did() {
    let scene = Scene::with(per_minute(6_000.0), [costs(20, 80).after(seconds(0.5))]);
    let mut call = scene.llm.chat(question(), at_most(1_000));
    assert!((&mut call).now_or_never().is_none());
    assert_eq!(left(&scene.llm), 5_000.0 - INPUT);
    scene.clock.block_on(call).unwrap();
    // Half a second has brought 50.
    assert_eq!(left(&scene.llm), 6_000.0 - 100.0 + 50.0);
    assert_eq!(scene.llm.token_budget().unwrap().capacity(), 6_000.0);
    assert_eq!(scene.llm.token_budget().unwrap().refill_rate(), 100.0);
}

#[test]
fn what_is_more_than_was_set_aside_is_owed() {
    let scene = Scene::with(per_minute(6_000.0), [costs(20, 6_980), costs(20, 80)]);
    scene.ask_with(Way::Chat, at_most(10)).unwrap();
    assert_eq!(left(&scene.llm), 0.0);
    scene.ask_with(Way::Chat, at_most(488)).unwrap();
    // 1,000 are owed, and 500 are asked for, at 100 a second.
    assert!((scene.elapsed() - 15.0).abs() < 1e-3, "{}", scene.elapsed());
}

#[test]
fn what_fails_or_is_dropped_before_its_answer_gives_all_back() {
    let scene = Scene::by(per_minute(6_000.0), |_| Reply::error(400, "", "no").after(seconds(1.0)));
    for way in [Way::Chat, Way::Stream] {
        scene.ask_with(way, at_most(1_000)).unwrap_err();
        assert_eq!(left(&scene.llm), 6_000.0);
    }
    let mut call = scene.llm.chat(question(), at_most(1_000));
    assert!((&mut call).now_or_never().is_none());
    assert!(left(&scene.llm) < 5_000.0);
    drop(call);
    assert_eq!(left(&scene.llm), 6_000.0);
    let mut stream = scene.llm.chat_stream(question(), at_most(1_000));
    assert!(stream.next().now_or_never().is_none());
    drop(stream);
    assert_eq!(left(&scene.llm), 6_000.0);
}

#[test]
fn a_stream_that_is_left_midway_settles_what_it_has_had() {
    let pieces = ["one and two and ", "three and four a"];
    let scene = Scene::by(per_minute(6_000.0), move |_| Reply::stream(pieces));
    let mut stream = scene.llm.chat_stream(question(), at_most(1_000));
    scene.clock.block_on(stream.next()).unwrap().unwrap();
    drop(stream);
    // Estimated: the input, and sixteen characters.
    assert!((left(&scene.llm) - (6_000.0 - INPUT - 4.0)).abs() < 2.0, "{}", left(&scene.llm));
}

#[test]
fn who_passes_on_an_answer_settles_what_it_says_and_else_spends_what_was_set_aside() {
    let scene = Scene::by(per_minute(6_000.0), |_| Reply::answer("yes"));
    let pass_on = |input, output| {
        let request = ForwardRequest {
            method: "POST".into(),
            url: format!("{BASE_URL}/chat/completions"),
            headers: Vec::new(),
            body: r#"{"max_tokens":100}"#.into(),
            model: None,
            streams: false,
        };
        let before = left(&scene.llm);
        let (mut response, account) = scene.clock.block_on(scene.llm.forward(request)).unwrap();
        scene.clock.block_on(async { while response.body.next().await.is_some() {} });
        account.count(input, output);
        before - left(&scene.llm)
    };
    assert_eq!(pass_on(30, 12), 42.0);
    assert!(pass_on(0, 0) >= 100.0, "no usage was found");
}

#[test]
fn a_request_that_can_never_fit_is_an_error_at_once() {
    let scene = Scene::new(1, []);
    let settings = per_minute(1_000.0);
    let llm = OpenAiCompatible::builder(settings).runtime(scene.clock.runtime());
    let llm = llm.transport(std::sync::Arc::new(scene.provider.clone())).build().unwrap();
    let error = scene.clock.block_on(llm.chat(question(), at_most(2_000))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.message().contains("2012") && error.message().contains("1000"), "{error}");
    assert_eq!((scene.provider.requests().len(), llm.stats().failed), (0, 1));
    assert_eq!(left(&llm), 1_000.0);
}

#[test]
fn a_wait_that_does_not_fit_is_told_at_once() {
    let scene = Scene::by(per_minute(6_000.0), |_| costs(12, 5_988));
    scene.ask_with(Way::Chat, at_most(5_988)).unwrap();
    let error = scene.ask_with(Way::Chat, at_most(988).timeout(seconds(5.0))).unwrap_err();
    assert_eq!((error.kind(), scene.elapsed()), (ErrorKind::RateLimited, 0.0));
    assert!(error.retry_at().is_some());
    // Nothing is lost by it.
    assert_eq!((left(&scene.llm), scene.llm.token_bucket().tokens()), (0.0, 1e6 - 1.0));
    scene.ask_with(Way::Chat, at_most(988).timeout(seconds(11.0))).unwrap();
    assert!((scene.elapsed() - 10.0).abs() < 1e-3, "{}", scene.elapsed());
}

#[test]
fn without_a_limit_of_its_own_a_request_sets_aside_what_answers_have_cost_of_late() {
    let scene = Scene::by(per_minute(60_000.0), |_| costs(12, 100).after(seconds(60.0)));
    let mut set_aside = Vec::new();
    for _ in 0..30 {
        let mut call = scene.llm.chat(question(), ChatOptions::default());
        assert!((&mut call).now_or_never().is_none());
        set_aside.push(60_000.0 - left(&scene.llm) - INPUT);
        scene.clock.block_on(call).unwrap();
        scene.clock.block_on(scene.clock.runtime().sleep(seconds(60.0)));
    }
    assert_eq!(set_aside[0], 500.0);
    assert!(set_aside.is_sorted_by(|one, next| one >= next), "{set_aside:?}");
    assert!((100.0..110.0).contains(&set_aside[29]), "{set_aside:?}");
}

#[test]
fn each_model_has_its_own_budget() {
    let scene = Scene::by(per_minute(1_000.0), |_| costs(12, 988));
    scene.ask_with(Way::Chat, at_most(988)).unwrap();
    scene.ask_with(Way::Chat, at_most(988).model("model-b")).unwrap();
    assert_eq!(scene.elapsed(), 0.0);
    scene.ask_with(Way::Chat, at_most(988).model("model-b")).unwrap();
    assert!((scene.elapsed() - 60.0).abs() < 1e-3, "{}", scene.elapsed());
}

#[test]
fn clients_of_one_model_share_a_budget_that_has_one_size() {
    let scene = Scene::by(per_minute(1_000.0), |_| costs(12, 988));
    let other = |tokens| {
        let builder = OpenAiCompatible::builder(per_minute(tokens)).runtime(scene.clock.runtime());
        builder.transport(std::sync::Arc::new(scene.provider.clone())).build()
    };
    scene.ask_with(Way::Chat, at_most(988)).unwrap();
    assert_eq!(left(&other(1_000.0).unwrap()), 0.0);
    let error = other(2_000.0).unwrap_err();
    assert!(error.problems()[0].path.ends_with("rate_limit_tokens_per_minute"), "{error}");
}

#[test]
fn tokens_of_both_kinds_come_in_the_order_of_the_calls() {
    // Small and large ones in turn, where now one bucket is short and now the other.
    let mut metered = per_minute(6_000.0);
    (metered.rate_limit_capacity, metered.rate_limit_refill_rate) = (2.0, 0.5);
    let sizes = (0..30).map(|call| if call % 3 == 0 { 988 } else { 38 });
    let arrivals: Vec<Arrival> = sizes.map(|size| (0.0, at_most(size))).collect();
    let sent = sent(metered, Way::Chat, 0.5, arrivals);
    assert_eq!(calls(&sent), (0..30).collect::<Vec<_>>());
    // The requests alone take 56 seconds.
    assert!(sent[29].1 < 57.0, "{sent:?}");
}

#[test]
fn no_window_holds_more_than_the_budget_as_it_is_set_aside() {
    let scene = Scene::by(per_minute(1_200.0), |_| costs(12, 388).after(seconds(2.0)));
    let mut executor = Executor::new(&scene.clock);
    let ends = all(&scene, &mut executor, Way::Chat, vec![(0.0, at_most(388)); 20]);
    executor.run().unwrap();
    assert!(ends.borrow().iter().all(|(_, end)| end.is_ok()));
    for (n, (_, at)) in order(&scene).iter().enumerate() {
        let expected = (n as f64 - 2.0).max(0.0) * 20.0;
        assert!((at - expected).abs() < 1e-2, "request {n} is sent at {at}, not {expected}");
    }
}

#[test]
fn without_a_budget_there_is_none_to_show() {
    assert!(Scene::new(1, []).llm.token_budget().is_none());
}
