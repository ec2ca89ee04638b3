//! The decision table: what each outcome means for its key, and what comes next.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used)] // in helpers too, a failure is the test's

mod scripted;

use std::time::{Duration, SystemTime};

use lockkeeper::testing::Reply;
use lockkeeper::{ChatOptions, Clock, Error, ErrorKind, KeyState};
use scripted::{BASE_URL, BOTH, Scene, Way, key_number, label, seconds, settings};

/// The virtual clock's time of day at its origin: 2026-01-01.
const DAY_ONE: Duration = Duration::from_secs(1_767_225_600);

fn states(scene: &Scene) -> Vec<KeyState> {
    scene.llm.key_pool().statuses().iter().map(|key| key.state).collect()
}

/// `retry_at`, in seconds from the clock's origin.
fn retry_at(error: &Error) -> Option<f64> {
    let at = error.retry_at()?.duration_since(SystemTime::UNIX_EPOCH).unwrap();
    Some((at - DAY_ONE).as_secs_f64())
}

fn limited() -> Reply {
    Reply::error(429, "rate_limit_exceeded", "slow down")
}

#[test]
fn a_request_at_fault_is_not_tried_again() {
    use ErrorKind::{InvalidRequest, NotFound};
    for way in BOTH {
        for (status, kind) in [
            (400, InvalidRequest),
            (404, NotFound),
            (405, InvalidRequest),
            (413, InvalidRequest),
            (418, InvalidRequest),
            (422, InvalidRequest),
            (451, InvalidRequest),
        ] {
            let reply = Reply::error(status, "some_code", "the provider's own words");
            let scene = Scene::new(2, [reply.header("x-request-id", "req-7"), way.answer("no")]);
            let error = scene.ask(way).unwrap_err();
            assert_eq!(error.kind(), kind, "{status}");
            assert!(error.message().contains("the provider's own words"), "{error}");
            assert_eq!((error.status(), error.code()), (Some(status), Some("some_code")));
            assert_eq!(error.request_id(), Some("req-7"));
            assert_eq!(error.key_label(), Some(&*label(1)));
            assert_eq!((error.attempts().len(), error.retry_at()), (1, None));
            assert_eq!((scene.sent_at(), scene.elapsed()), (vec![0.0], 0.0));
            assert_eq!(states(&scene), [KeyState::Ready, KeyState::Ready]);
            assert_eq!(scene.llm.key_pool().in_flight(), 0);
        }
    }
}

#[test]
fn a_404_says_where_the_models_name_came_from() {
    let ask = |settings, options| {
        let scene = Scene::with(settings, [Reply::error(404, "model_not_found", "no such model")]);
        scene.ask_with(Way::Chat, options).unwrap_err().message().to_owned()
    };
    let by_name = ask(settings(1), ChatOptions::default());
    assert!(by_name.contains("`model-a`") && by_name.contains("entry's name"), "{by_name}");
    let mut spelled = settings(1);
    spelled.model = "model-b".to_owned();
    let by_setting = ask(spelled.clone(), ChatOptions::default());
    assert!(by_setting.contains("`model-b`") && by_setting.contains("`model` in the conf"));
    let by_call = ask(spelled, ChatOptions::default().model("model-c"));
    assert!(by_call.contains("`model-c`") && by_call.contains("call's `model`"), "{by_call}");
}

#[test]
fn a_redirect_names_its_target_and_is_not_followed() {
    for way in BOTH {
        for status in [301, 302, 303, 307, 308] {
            let target = "https://elsewhere.test/v1/chat/completions";
            let redirect = Reply::status(status).header("location", target);
            let scene = Scene::new(2, [redirect, way.answer("no")]);
            let error = scene.ask(way).unwrap_err();
            assert_eq!((error.kind(), error.status()), (ErrorKind::Redirect, Some(status)));
            assert!(error.message().contains(target), "{error}");
            let urls: Vec<_> =
                scene.provider.requests().into_iter().map(|s| s.request.url.to_string()).collect();
            assert_eq!(urls, [format!("{BASE_URL}/chat/completions")]);
        }
    }
}

/// A refusal of the key itself: the next key goes at once, and that is no retry.
fn moves_on_without_a_retry(refusal: &Reply, state: KeyState) {
    for way in BOTH {
        let mut settings = settings(3);
        settings.max_retries = 0;
        let replies = [refusal.clone(), refusal.clone(), way.answer("third time lucky")];
        let scene = Scene::with(settings, replies);
        assert_eq!(scene.ask(way).unwrap(), "third time lucky");
        assert_eq!((scene.keys_used(), scene.elapsed()), (vec![1, 2, 3], 0.0));
        assert_eq!(states(&scene), [state, state, KeyState::Ready]);
    }
}

#[test]
fn a_401_moves_on_from_a_dead_key() {
    moves_on_without_a_retry(&Reply::error(401, "invalid_api_key", "wrong"), KeyState::Dead);
    moves_on_without_a_retry(
        &Reply::status(401).body(r#"{"detail":"Unauthorized"}"#),
        KeyState::Dead,
    );
    let litellm = r#"{"error":{"message":"No connected db.","type":"no_db_connection","param":null,"code":"400"}}"#;
    moves_on_without_a_retry(&Reply::status(400).body(litellm), KeyState::Dead);
}

#[test]
fn a_402_or_a_billing_code_moves_on_from_an_exhausted_key() {
    let quota = Reply::error(429, "insufficient_quota", "check your plan and billing details");
    moves_on_without_a_retry(&Reply::status(402), KeyState::Exhausted);
    moves_on_without_a_retry(&quota, KeyState::Exhausted);
    moves_on_without_a_retry(&quota.header("retry-after", "3"), KeyState::Exhausted);
}

#[test]
fn a_429_moves_on_from_a_cooling_key() {
    moves_on_without_a_retry(&limited().header("retry-after", "30"), KeyState::Cooling);
    moves_on_without_a_retry(&limited(), KeyState::Cooling);
}

#[test]
fn a_dead_key_is_tried_again_after_five_minutes() {
    for way in BOTH {
        let scene = Scene::new(1, [Reply::status(401), way.answer("an outage, it seems")]);
        assert_eq!(scene.ask(way).unwrap_err().kind(), ErrorKind::Authentication);
        scene.clock.advance(seconds(299.0));
        assert_eq!(scene.ask(way).unwrap_err().kind(), ErrorKind::Authentication);
        assert_eq!(scene.sent_at(), [0.0]);
        scene.clock.advance(seconds(1.0));
        assert_eq!(scene.ask(way).unwrap(), "an outage, it seems");
        assert_eq!(states(&scene), [KeyState::Ready]);
    }
}

#[test]
fn a_403_denies_one_model_to_one_key() {
    for way in BOTH {
        let scene = Scene::by(settings(2), move |request| {
            let denied = String::from_utf8_lossy(&request.body).contains("model-a");
            let denied = denied && key_number(request) == 1;
            if denied { Reply::status(403) } else { way.answer("yes") }
        });
        assert_eq!(scene.ask_with(way, ChatOptions::default().max_retries(0)).unwrap(), "yes");
        assert_eq!(scene.keys_used(), [1, 2]);
        assert_eq!(states(&scene), [KeyState::Ready, KeyState::Ready]);
        assert_eq!(scene.llm.key_pool().statuses()[0].denied_models, ["model-a"]);
        // Key 1 was used longest ago, and serves the other model; the first model goes to key 2.
        assert_eq!(scene.ask_with(way, ChatOptions::default().model("model-b")).unwrap(), "yes");
        assert_eq!(scene.ask(way).unwrap(), "yes");
        assert_eq!(scene.keys_used(), [1, 2, 1, 2]);
        assert_eq!(scene.elapsed(), 0.0);
    }
}

#[test]
fn a_429_waits_as_long_as_the_provider_says() {
    let cases: [(&[(&str, &str)], f64); 9] = [
        (&[("retry-after", "7")], 7.0),
        (&[("retry-after", "1.5")], 1.5),
        (&[("retry-after", "Thu, 01 Jan 2026 00:00:09 GMT")], 9.0),
        (&[("retry-after-ms", "250"), ("retry-after", "1")], 0.25),
        (&[("llm_provider-retry-after", "3")], 3.0),
        (&[("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", "6m0s")], 360.0),
        (&[("x-ratelimit-remaining-tokens", "0"), ("x-ratelimit-reset-tokens", "20ms")], 0.02),
        (&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1767225640")], 40.0),
        (&[("retry-after", "600")], 600.0),
    ];
    for way in BOTH {
        for (headers, wait) in cases {
            let with_header =
                |reply: Reply, (name, value): &(&str, &str)| reply.header(name, value);
            let reply = headers.iter().fold(limited(), with_header);
            let scene = Scene::new(1, [reply, way.answer("at last")]);
            let options = ChatOptions::default().timeout(Duration::from_secs(1_000));
            assert_eq!(scene.ask_with(way, options).unwrap(), "at last");
            let sent = scene.sent_at();
            assert!((sent[1] - wait).abs() < 1e-6, "{headers:?}: {sent:?}");
        }
    }
}

#[test]
fn a_429_that_says_nothing_backs_off() {
    let cases: [&[(&str, &str)]; 5] = [
        &[],
        &[("retry-after", "0")],
        &[("retry-after", "Wed, 31 Dec 2025 23:59:59 GMT")],
        &[("retry-after", "soon")],
        &[("x-ratelimit-remaining-requests", "5"), ("x-ratelimit-reset-requests", "6m0s")],
    ];
    for way in BOTH {
        for headers in cases {
            let with_header =
                |reply: Reply, (name, value): &(&str, &str)| reply.header(name, value);
            let reply = headers.iter().fold(limited(), with_header);
            let scene = Scene::new(1, [reply.clone(), reply, way.answer("at last")]);
            assert_eq!(scene.ask(way).unwrap(), "at last");
            let sent = scene.sent_at();
            assert!((0.5..=1.0).contains(&sent[1]), "{headers:?}: {sent:?}");
            assert!((1.0..=2.0).contains(&(sent[2] - sent[1])), "{headers:?}: {sent:?}");
        }
    }
}

#[test]
fn an_absurd_wait_is_an_error_at_once() {
    for way in BOTH {
        // A key rests for a day at the most, then it is tried again.
        let day = 86_400.0;
        for (status, kind, longest) in
            [(429, ErrorKind::RateLimited, day), (503, ErrorKind::Server, f64::MAX)]
        {
            for (value, asked_for) in [("86400", day), ("999999999", 999_999_999.0_f64)] {
                let expected = Some(asked_for.min(longest));
                let reply = Reply::error(status, "busy", "later").header("retry-after", value);
                let scene = Scene::new(1, [reply, way.answer("no")]);
                let error = scene.ask(way).unwrap_err();
                assert_eq!((error.kind(), error.status()), (kind, Some(status)));
                assert_eq!((retry_at(&error), scene.elapsed()), (expected, 0.0));
                assert_eq!(error.attempts().len(), 1);
            }
            let value = "9".repeat(40);
            let reply = Reply::status(status).header("retry-after", &value);
            let scene = Scene::new(1, [reply, way.answer("no")]);
            assert_eq!(scene.ask(way).unwrap_err().kind(), kind);
            assert_eq!(scene.elapsed(), 0.0);
        }
    }
}

#[test]
fn a_wait_that_does_not_fit_the_timeout_is_not_begun() {
    for way in BOTH {
        for status in [429, 503] {
            let reply = || Reply::status(status).header("retry-after", "7").after(seconds(1.0));
            let options = |timeout| ChatOptions::default().timeout(seconds(timeout));
            let scene = Scene::new(1, [reply(), way.answer("no")]);
            let error = scene.ask_with(way, options(7.9)).unwrap_err();
            assert_eq!((error.status(), retry_at(&error)), (Some(status), Some(8.0)));
            assert_eq!(scene.elapsed(), 1.0, "the error comes now");

            let scene = Scene::new(1, [reply(), way.answer("just in time")]);
            assert_eq!(scene.ask_with(way, options(8.1)).unwrap(), "just in time");
        }
    }
}

#[test]
fn no_call_outlasts_its_timeout() {
    for way in BOTH {
        for tenths in 1..60 {
            let timeout = f64::from(tenths) / 10.0;
            let mut slow = settings(2);
            (slow.rate_limit_capacity, slow.rate_limit_refill_rate) = (1.0, 2.0);
            let scene = Scene::with(
                slow,
                [
                    Reply::status(503).after(seconds(0.3)),
                    limited().header("retry-after", "2"),
                    Reply::status(401).after(seconds(0.2)),
                    limited().header("retry-after", "1"),
                    way.answer("late").pace(seconds(0.2)).after(seconds(0.5)),
                ],
            );
            let options = ChatOptions::default().timeout(seconds(timeout));
            let outcome = scene.ask_with(way, options);
            assert!(scene.elapsed() <= timeout + 1e-6, "{timeout}: {}", scene.elapsed());
            let Err(error) = outcome else { continue };
            let by_clock = error.clock() == Some(Clock::Total);
            assert!(by_clock || retry_at(&error).unwrap() > timeout, "{timeout}: {error:?}");
            assert_eq!(scene.llm.key_pool().in_flight(), 0);
            assert_eq!(scene.provider.open_requests(), 0);
        }
    }
}

#[test]
fn eight_moves_then_a_wait() {
    for way in BOTH {
        let scene = Scene::by(settings(12), move |request| match key_number(request) {
            1..=9 => limited().header("retry-after", "30"),
            _ => way.answer("the tenth"),
        });
        assert_eq!(scene.ask(way).unwrap(), "the tenth");
        assert_eq!(scene.keys_used(), (1..=10).collect::<Vec<_>>());
        let sent = scene.sent_at();
        assert_eq!(sent[..9], [0.0; 9]);
        assert!((0.5..=1.0).contains(&sent[9]), "the ninth move is no move: {sent:?}");
    }
}

#[test]
fn trouble_of_the_servers_is_waited_out_with_the_same_keys() {
    let statuses = [408, 409, 425, 500, 502, 503, 504, 529].map(Reply::status);
    for way in BOTH {
        for trouble in statuses.iter().cloned().chain([Reply::reset()]) {
            let replies = (0..4).map(|_| trouble.clone()).chain([way.answer("patience")]);
            let scene = Scene::new(2, replies);
            assert_eq!(scene.ask(way).unwrap(), "patience");
            let sent = scene.sent_at();
            for (n, pair) in sent.windows(2).enumerate() {
                let full = f64::from(1 << n);
                assert!((full / 2.0..=full).contains(&(pair[1] - pair[0])), "{sent:?}");
            }
            assert_eq!(sent.len(), 5);
            assert_eq!(states(&scene), [KeyState::Ready, KeyState::Ready]);
        }
    }
}

#[test]
fn a_whole_answer_that_was_cut_is_tried_again() {
    let whole = r#"{"choices":[{"index":0,"message":{"role":"assistant","content":"Hello"}}]}"#;
    for length in 0..whole.len() {
        let cuts = [
            Reply::status(200).body(&whole[..length]).cut_after(1), // seen by the transport
            Reply::status(200).body(&whole[..length]),              // and not: HTTP/1.0
        ];
        for cut in cuts {
            let scene = Scene::new(1, [cut, Reply::answer("whole")]);
            assert_eq!(scene.ask(Way::Chat).unwrap(), "whole", "cut after {length}");
            assert!((0.5..=1.0).contains(&scene.elapsed()));
        }
    }
    let scene = Scene::by(settings(1), move |_| Reply::status(200).body(&whole[..50]));
    assert_eq!(scene.ask(Way::Chat).unwrap_err().kind(), ErrorKind::Truncated);
}

#[test]
fn retries_are_counted_after_the_first_try() {
    for way in BOTH {
        for retries in [0, 1, 3] {
            for trouble in [Reply::status(500), Reply::reset(), limited()] {
                let scene = Scene::by(settings(1), move |_| trouble.clone());
                let options = ChatOptions::default().max_retries(retries);
                let error = scene.ask_with(way, options).unwrap_err();
                assert_eq!(scene.sent_at().len(), retries as usize + 1);
                assert_eq!(error.attempts().len(), retries as usize + 1);
                assert!(error.attempts().iter().all(|attempt| attempt.key_label == label(1)));
            }
        }
        let scene = Scene::by(settings(1), |_| Reply::status(500));
        scene.ask(way).unwrap_err();
        assert_eq!(scene.sent_at().len(), 6, "five by default");
    }
}

#[test]
fn the_provider_may_forbid_a_retry_or_ask_for_one() {
    for way in BOTH {
        let forbids = Reply::status(503).header("x-should-retry", "false");
        let scene = Scene::new(2, [forbids, way.answer("no")]);
        assert_eq!(scene.ask(way).unwrap_err().status(), Some(503));
        assert_eq!(scene.sent_at().len(), 1);

        let asks = Reply::status(400).header("x-should-retry", "true");
        let scene = Scene::new(2, [asks, way.answer("once more")]);
        assert_eq!(scene.ask(way).unwrap(), "once more");
        assert!((0.5..=1.0).contains(&scene.elapsed()));

        let limited = limited().header("x-should-retry", "false");
        let scene = Scene::new(2, [limited.clone(), way.answer("another key is another matter")]);
        scene.ask(way).unwrap();
        let scene = Scene::new(1, [limited, way.answer("no")]);
        assert_eq!(scene.ask(way).unwrap_err().kind(), ErrorKind::RateLimited);
    }
}

#[test]
fn the_error_lists_every_attempt() {
    for way in BOTH {
        let replies = [
            Reply::error(401, "invalid_api_key", "who are you").after(seconds(0.25)),
            Reply::status(503).body("busy").header("retry-after", "2"),
            Reply::error(400, "bad", "no such thing"),
        ];
        let scene = Scene::new(3, replies);
        let error = scene.ask(way).unwrap_err();
        let attempts: Vec<_> = error
            .attempts()
            .iter()
            .map(|a| (&*a.key_label, a.kind, a.status, &*a.message, a.started_after, a.took))
            .collect();
        use ErrorKind::{Authentication, InvalidRequest, Server};
        let (zero, quarter) = (Duration::ZERO, seconds(0.25));
        assert_eq!(
            attempts,
            [
                (&*label(1), Authentication, Some(401), "who are you", zero, quarter),
                (&*label(2), Server, Some(503), "busy", quarter, zero),
                (&*label(3), InvalidRequest, Some(400), "no such thing", seconds(2.25), zero),
            ]
        );
        assert_eq!(error.key_label(), Some(&*label(3)));
    }
}

#[test]
fn with_no_key_left_quota_outweighs_permission_and_that_outweighs_authentication() {
    use ErrorKind::{Authentication, PermissionDenied, QuotaExhausted};
    for way in BOTH {
        for (statuses, kind, status) in [
            ([401, 402, 403], QuotaExhausted, 402),
            ([402, 403, 401], QuotaExhausted, 402),
            ([403, 401, 401], PermissionDenied, 403),
            ([401, 401, 403], PermissionDenied, 403),
            ([401, 401, 401], Authentication, 401),
        ] {
            let reply = |status| Reply::error(status, "some_code", &format!("said {status}"));
            let scene = Scene::new(3, statuses.map(reply));
            let error = scene.ask(way).unwrap_err();
            assert_eq!((error.kind(), error.status()), (kind, Some(status)), "{statuses:?}");
            assert_eq!(error.message(), format!("said {status}"));
            assert_eq!((error.attempts().len(), scene.elapsed()), (3, 0.0));
        }
        // A cooling key is waited for, whatever the others are.
        let limited = limited().header("retry-after", "5");
        let scene =
            Scene::new(3, [Reply::status(401), limited, Reply::status(402), way.answer("!")]);
        assert_eq!(scene.ask(way).unwrap(), "!");
        assert_eq!((scene.keys_used(), scene.elapsed()), (vec![1, 2, 3, 2], 5.0));
    }
}
