//! What a client asks of a state that processes share, and what it does with the answers: over a scripted
//! store, on a virtual clock. The rules themselves are tested by `conformance.test.mjs`.
#![allow(clippy::unwrap_used)]

#[path = "../scripted/mod.rs"]
#[allow(unused_imports)]
mod scripted;
mod store;

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::join_all;
use lockkeeper::testing::{Reply, ScriptedTransport, VirtualClock};
use lockkeeper::{
    ChatOptions, Error, ErrorKind, LlmInterface, ModelSettings, OnFailure, OpenAiCompatible,
    RateLimitScope, SharedStateOptions,
};
use serde_json::json;

use scripted::{key, question, settings};
use store::{Said, ScriptedStore};

const SECOND: Duration = Duration::from_secs(1);

/// A client over a scripted store and provider.
struct Rig {
    clock: VirtualClock,
    store: ScriptedStore,
    transport: ScriptedTransport,
    llm: OpenAiCompatible,
}

fn rig(
    settings: ModelSettings,
    on_failure: OnFailure,
    replies: Vec<Reply>,
    says: impl FnMut(&Said) -> Option<String> + Send + 'static,
) -> Rig {
    let clock = VirtualClock::new();
    let store = ScriptedStore::new(&clock, says);
    let transport = ScriptedTransport::replies(&clock, replies);
    let options = SharedStateOptions::default().on_failure(on_failure).caller("one");
    let llm = OpenAiCompatible::builder(settings)
        .runtime(clock.runtime())
        .transport(Arc::new(transport.clone()))
        .shared_state(Arc::new(store.clone()), options)
        .build()
        .unwrap();
    Rig { clock, store, transport, llm }
}

impl Rig {
    fn chat(&self, timeout: Option<Duration>) -> impl Future<Output = Result<String, Error>> {
        let options =
            timeout.map_or_else(ChatOptions::default, |it| ChatOptions::default().timeout(it));
        let call = self.llm.chat(question(), options);
        async move { Ok(call.await?.text().into_owned()) }
    }

    fn run<T>(&self, test: impl Future<Output = T>) -> T {
        self.clock.block_on(self.store.beside(test))
    }

    async fn sleep(&self, seconds: f64) {
        self.clock.runtime().sleep(Duration::from_secs_f64(seconds)).await;
    }
}

/// What a store says that grants everything, with the first key.
fn grants(said: &Said) -> Option<String> {
    Some(match said.op() {
        "ask" => json!({ "key": said.json["keys"][0], "lease": format!("l|{}|{}|p", said.number, said.json["keys"][0].as_str().unwrap()), "processes": 1 }),
        _ => json!({ "processes": 1 }),
    }.to_string())
}

fn waits(seconds: f64, look: f64, ticket: Option<&str>) -> Option<String> {
    let mut answer = json!({ "wait": seconds, "look": look, "reason": "token", "processes": 1 });
    if let Some(ticket) = ticket {
        answer["ticket"] = ticket.into();
    }
    Some(answer.to_string())
}

#[test]
fn one_request_brings_permit_and_key_and_another_gives_the_key_back() {
    let mut settings = settings(2);
    (settings.rate_limit_capacity, settings.rate_limit_refill_rate) = (20.0, 2.5);
    let rig = rig(settings, OnFailure::Error, vec![Reply::answer("Left.")], grants);
    rig.run(async {
        assert_eq!(rig.chat(None).await.unwrap(), "Left.");
        rig.sleep(0.1).await;
    });
    let said = rig.store.said();
    assert_eq!(rig.store.operations(), ["ask", "release"]);
    assert_eq!(said[0].json["keys"].as_array().unwrap().len(), 2);
    assert_eq!(
        said[0].json["limits"][0].as_array().unwrap()[1..],
        [json!(20), json!(2.5), json!(1)]
    );
    assert_eq!((&said[0].json["ttl"], &said[0].json["caller"]), (&json!(30), &json!("one")));
    assert_eq!(said[0].json["patience"], json!(600));
    assert_eq!(
        (&said[1].json["works"], &said[1].json["lease"]),
        (&json!(true), &json!(rig.store.lease(0)))
    );
    let all = format!("{said:?}");
    assert!((1..=2).all(|number| !all.contains(&key(number))), "a key goes to no store");
    assert!(!all.contains(scripted::BASE_URL), "nor does the address");
    assert_eq!(rig.llm.key_pool().in_flight(), 0);
}

#[test]
fn priorities_and_caps_are_the_stores() {
    let mut settings = settings(1);
    (settings.max_concurrency, settings.max_concurrency_per_key) = (Some(8), Some(1));
    let busy = json!({ "wait": 0.05, "look": 0.05, "reason": "concurrency", "ticket": "s:p|1", "processes": 2 });
    let says = move |said: &Said| match said.number {
        1 => Some(busy.to_string()),
        _ => grants(said),
    };
    let replies = vec![Reply::answer("Left.").after(SECOND), Reply::answer("Right.")];
    let rig = rig(settings, OnFailure::Error, replies, says);
    rig.run(async {
        let urgent = rig.llm.chat(question(), ChatOptions::default().priority(7));
        let (first, second) = futures::join!(rig.chat(None), urgent);
        assert!(first.is_ok() && second.is_ok());
    });
    let said = rig.store.said();
    let counts = |said: &Said| {
        ["priority", "per_key", "per_pool"]
            .map(|name| said.json.get(name).and_then(|it| it.as_i64()))
    };
    assert_eq!(counts(&said[0]), [None, Some(1), Some(8)]);
    assert_eq!(counts(&said[1]), [Some(7), Some(1), Some(8)]);
    // The store counts for all: what this process has under way does not keep it from asking.
    assert_eq!(said[2].at, Duration::from_millis(50));
}

#[test]
fn llm_tokens_are_taken_with_the_permit_and_settled_by_what_it_cost() {
    for scope in [RateLimitScope::Client, RateLimitScope::Key] {
        let mut settings = settings(1);
        settings.rate_limit_tokens_per_minute = Some(6000.0);
        settings.rate_limit_scope = scope;
        let rig = rig(settings, OnFailure::Error, vec![Reply::answer("Left.")], grants);
        rig.run(async {
            let options = ChatOptions::default().max_tokens(100);
            let answer = rig.llm.chat(question(), options).await.unwrap();
            drop(answer);
            rig.sleep(0.1).await;
        });
        let said = rig.store.said();
        let (taken, none) = match scope {
            RateLimitScope::Key => ("key_limits", "limits"),
            _ => ("limits", "key_limits"),
        };
        let limits = said[0].json[taken].as_array().unwrap();
        assert_eq!((limits.len(), &limits[1][1], &limits[1][2]), (2, &json!(6000), &json!(100)));
        let asked = limits[1][3].as_f64().unwrap();
        assert!(asked > 100.0, "the question counts, too: {asked}");
        assert!(said[0].json.get(none).is_none_or(|it| it == &json!([])));
        let settled = said.iter().find(|said| said.op() == "settle").unwrap();
        let spent = rig.llm.stats().input_tokens + rig.llm.stats().output_tokens;
        assert_eq!(settled.json[taken][0][0], limits[1][0], "of the same bucket");
        assert_eq!(settled.json[taken][0][3].as_f64().unwrap(), spent as f64 - asked);
        assert_eq!(settled.json["key"], said[0].json["keys"][0]);
    }
}

#[test]
fn a_call_asks_again_by_its_ticket_when_it_is_told_to() {
    let says = |said: &Said| match said.number {
        0 => waits(5.0, 1.0, Some("m|1")),
        1 => waits(1.5, 1.5, Some("m|1")),
        _ => grants(said),
    };
    let rig = rig(settings(1), OnFailure::Error, vec![Reply::answer("Left.")], says);
    rig.run(async { rig.chat(None).await.unwrap() });
    let said = rig.store.said();
    let at: Vec<_> = said.iter().take(3).map(|said| said.at.as_secs_f64()).collect();
    assert_eq!(at, [0.0, 1.0, 2.5]);
    assert_eq!((said[0].json.get("ticket"), &said[1].json["ticket"]), (None, &json!("m|1")));
    assert_eq!(rig.llm.stats().waits, 1, "one wait, however often it looks");
}

#[test]
fn a_wait_that_does_not_fit_is_not_begun() {
    let rig = rig(settings(1), OnFailure::Error, vec![], |_| waits(5.0, 1.0, None));
    let error = rig.run(rig.chat(Some(2 * SECOND))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RateLimited);
    assert_eq!(error.retry_at().unwrap(), rig.clock.runtime().unix_time() + 5 * SECOND);
    assert_eq!(rig.store.operations(), ["ask"]);
    assert_eq!(rig.clock.elapsed(), Duration::ZERO);
}

#[test]
fn keys_that_rest_for_all_are_waited_for_or_tell_why() {
    let rests = |why: &'static str, wait: f64| {
        move |said: &Said| {
            match said.number {
            0 => Some(json!({ "wait": wait, "look": wait, "reason": "key", "why": why, "ticket": "s:p|1", "processes": 2 }).to_string()),
            _ => grants(said),
        }
        }
    };
    for (why, kind) in
        [("dead", ErrorKind::Authentication), ("exhausted", ErrorKind::QuotaExhausted)]
    {
        let rig = rig(settings(1), OnFailure::Error, vec![], rests(why, 300.0));
        let error = rig.run(async {
            let error = rig.chat(None).await.unwrap_err();
            rig.sleep(0.1).await;
            error
        });
        assert_eq!(error.kind(), kind);
        assert_eq!(rig.store.operations(), ["ask", "leave"]);
    }
    let rig =
        rig(settings(1), OnFailure::Error, vec![Reply::answer("Left.")], rests("cooling", 3.0));
    assert_eq!(rig.run(rig.chat(None)).unwrap(), "Left.");
    assert_eq!(rig.clock.elapsed(), 3 * SECOND);
}

#[test]
fn whoever_leaves_the_line_says_so() {
    let rig = rig(settings(1), OnFailure::Error, vec![], |_| waits(5.0, 5.0, Some("m|1")));
    rig.run(async {
        let mut call = Box::pin(rig.chat(None));
        assert!((&mut call).now_or_never().is_none());
        rig.sleep(1.0).await;
        assert!((&mut call).now_or_never().is_none());
        drop(call);
        rig.sleep(0.1).await;
    });
    assert_eq!(rig.store.operations(), ["ask", "leave"]);
    assert_eq!(rig.store.said()[1].json["ticket"], json!("m|1"));
}

#[test]
fn what_is_granted_to_somebody_who_has_gone_is_given_back() {
    let rig = rig(settings(1), OnFailure::Error, vec![], grants);
    rig.store.answers_after(Duration::from_millis(500));
    rig.run(async {
        let mut call = Box::pin(rig.chat(None));
        assert!((&mut call).now_or_never().is_none());
        drop(call);
        rig.sleep(2.0).await;
    });
    assert_eq!(rig.store.operations(), ["ask", "release"]);
    let release = &rig.store.said()[1].json;
    assert_eq!(release["limits"][0][3], json!(-1), "the permit, too");
    assert_eq!((rig.transport.requests().len(), rig.llm.key_pool().in_flight()), (0, 0));
}

#[test]
fn what_a_key_shows_is_told_to_all_at_once() {
    let limited = Reply::status(429).header("retry-after", "7");
    let rig = rig(settings(2), OnFailure::Error, vec![limited, Reply::answer("Left.")], grants);
    rig.run(async {
        rig.chat(None).await.unwrap();
        rig.sleep(0.1).await;
    });
    let said = rig.store.said();
    let rest = said.iter().find(|said| said.op() == "rest").unwrap();
    assert_eq!((&rest.json["rest"], &rest.json["why"]), (&json!(7), &json!("cooling")));
    assert_eq!(rest.json["key"], said[0].json["keys"][0]);
    let releases: Vec<_> = said.iter().filter(|said| said.op() == "release").collect();
    assert_eq!((&releases[0].json["rest"], releases[1].json.get("rest")), (&json!(7), None));
}

#[test]
fn keys_of_one_account_rest_for_all_together() {
    let limited = Reply::status(429).header("retry-after", "7");
    let mut settings = settings(0).with_account([key(1), key(2)]);
    settings.api_keys.push(key(3).into());
    let rig = rig(settings, OnFailure::Error, vec![limited, Reply::answer("Left.")], grants);
    rig.run(async {
        rig.chat(None).await.unwrap();
        rig.sleep(0.1).await;
    });
    let said = rig.store.said();
    let rests = said.iter().filter(|said| said.op() == "rest" && said.json["rest"] == json!(7));
    let rests: Vec<_> = rests.map(|said| &said.json["key"]).collect();
    let [one, two, three] = [0, 1, 2].map(|at| &said[0].json["keys"][at]);
    assert!(rests.contains(&one) && rests.contains(&two) && !rests.contains(&three), "{rests:?}");
    let offered = said.iter().filter_map(|said| said.json.get("keys")).next_back();
    assert_eq!(offered, Some(&json!([three])));
}

#[test]
fn a_lease_is_renewed_for_as_long_as_it_is_held() {
    let slow = Reply::answer("Left.").after(25 * SECOND);
    let rig = rig(settings(1), OnFailure::Error, vec![slow], grants);
    rig.run(async {
        rig.chat(None).await.unwrap();
        rig.sleep(60.0).await;
    });
    assert_eq!(rig.store.operations(), ["ask", "renew", "renew", "release"]);
    assert_eq!(rig.store.said()[1].json["leases"], json!([rig.store.lease(0)]));
}

#[test]
fn a_store_that_is_silent_fails_calls_where_that_is_the_policy() {
    let rig = rig(settings(1), OnFailure::Error, vec![Reply::answer("Left.")], grants);
    rig.store.is_silent(true);
    rig.run(async {
        let error = rig.chat(None).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::SharedState);
        assert_eq!(rig.clock.elapsed(), SECOND);
        assert_eq!(error.retry_at().unwrap(), rig.clock.runtime().unix_time() + SECOND);
        let at_once = join_all((0..5).map(|_| rig.chat(None))).await;
        assert!(at_once.iter().all(Result::is_err));
        assert_eq!(rig.clock.elapsed(), SECOND, "nobody waits once more");
        let asked = rig.store.said().len();
        rig.sleep(3.9).await;
        assert_eq!(
            rig.store.said().len() - asked,
            2,
            "at most once a second, and a second for the answer"
        );
        rig.store.is_silent(false);
        rig.sleep(2.1).await;
        rig.chat(None).await.unwrap();
    });
    assert_eq!(rig.transport.requests().len(), 1);
}

#[test]
fn nobody_asks_for_ever_for_a_client_that_is_at_rest() {
    let rig = rig(settings(1), OnFailure::Error, vec![Reply::answer("Left.")], grants);
    rig.store.is_silent(true);
    rig.run(async {
        rig.chat(None).await.unwrap_err();
        rig.sleep(60.0).await;
        let asked = rig.store.said().len();
        assert!(asked < 6, "{asked}");
        rig.store.is_silent(false);
        rig.chat(None).await.unwrap_err();
        rig.sleep(1.5).await;
        rig.chat(None).await.unwrap();
    });
}

#[test]
fn a_share_of_the_limits_holds_while_the_store_is_silent_and_is_told_afterwards() {
    let mut settings = settings(1);
    (settings.rate_limit_capacity, settings.rate_limit_refill_rate) = (8.0, 0.4);
    let says = |said: &Said| {
        let mut answer: serde_json::Value = serde_json::from_str(&grants(said)?).unwrap();
        answer["processes"] = 4.into();
        Some(answer.to_string())
    };
    let rig = rig(settings, OnFailure::LocalShare, vec![Reply::answer("Left."); 20], says);
    rig.run(async {
        rig.chat(None).await.unwrap();
        rig.store.is_silent(true);
        // A second until that is known, then a call in ten: a fourth of the rate, from an empty bucket.
        join_all((0..3).map(|_| rig.chat(None))).await.into_iter().for_each(|it| drop(it.unwrap()));
        assert_eq!(rig.clock.elapsed().as_secs_f64().round(), 31.0);
        rig.store.is_silent(false);
        rig.sleep(2.2).await;
        rig.chat(None).await.unwrap();
        rig.sleep(0.1).await;
    });
    let said = rig.store.said();
    let spent: Vec<_> = said.iter().filter_map(|said| said.json.get("spent")).collect();
    assert_eq!(spent.len(), 1, "it is told once: {spent:?}");
    let amount = spent[0][0][3].as_f64().unwrap();
    assert!((1.7..=2.0).contains(&amount), "what the share has not got back: {amount}");
}

#[test]
fn calls_that_wait_for_a_share_go_back_to_the_store_when_it_answers() {
    let mut settings = settings(1);
    (settings.rate_limit_capacity, settings.rate_limit_refill_rate) = (1.0, 0.01);
    let rig = rig(settings, OnFailure::LocalShare, vec![Reply::answer("Left."); 3], grants);
    rig.run(async {
        rig.chat(None).await.unwrap();
        rig.store.is_silent(true);
        let call = rig.chat(None);
        let back = async {
            rig.sleep(5.0).await;
            rig.store.is_silent(false);
        };
        let (answer, ()) = futures::join!(call, back);
        answer.unwrap();
        assert!(rig.clock.elapsed() < 8 * SECOND, "{:?}", rig.clock.elapsed());
    });
}

#[test]
fn answers_that_make_no_sense_are_as_good_as_none() {
    for text in ["", "OK", r#"{"processes":1}"#, r#"{"lease":"l|1|k|p","processes":1}"#] {
        let rig = rig(settings(1), OnFailure::Error, vec![], move |said| {
            assert!(said.number == 0, "it is not asked at once again");
            Some(text.to_owned())
        });
        let error = rig.run(rig.chat(None)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::SharedState, "{text}");
    }
}
