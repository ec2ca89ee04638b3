//! Circuit breakers: what opens them, what closes them, and what reaches a target meanwhile.

use super::*;

#[test]
fn an_outage_opens_the_circuit_and_a_probe_closes_it() {
    let clock = VirtualClock::new();
    let (began, runtime) = (clock.runtime().now(), clock.runtime());
    let primary = by(&clock, "primary", None, move |_| match (runtime.now() - began).as_secs() {
        10..70 => Reply::status(503).after(seconds(0.1)),
        _ => Reply::answer("primary").after(seconds(0.1)),
    });
    let backup = by(&clock, "backup", None, |_| Reply::answer("backup").after(seconds(0.1)));
    let llm = behind_one(&[&primary, &backup]);
    let mut last_backup = 0.0;
    clock.block_on(async {
        for _ in 0..240 {
            let calls = (0..4).map(|_| ask(&llm, Way::Chat, ChatOptions::default()));
            for answer in join_all(calls).await {
                if answer.unwrap() == "backup" {
                    last_backup = clock.elapsed().as_secs_f64();
                }
            }
            clock.runtime().sleep(seconds(0.5)).await;
        }
    });
    assert!(last_backup > 60.0 && last_backup < 70.0 + 30.0, "{last_backup}");
    let (down_from, down_to) = (began + seconds(12.0), began + seconds(69.0));
    let requests = primary.provider.requests();
    let probes: Vec<_> =
        requests.iter().filter(|it| it.at > down_from && it.at < down_to).collect();
    assert!((4..=14).contains(&probes.len()), "{}", probes.len());
    for pair in probes.windows(2) {
        assert!(
            pair[1].at - pair[0].at >= seconds(4.0),
            "one probe at a time, with pauses between"
        );
    }
    assert_eq!(llm.statuses()[0].circuit, CircuitState::Closed);
}

#[test]
fn calls_that_wait_do_not_reach_a_target_whose_circuit_has_opened() {
    let clock = VirtualClock::new();
    let primary = by(&clock, "primary", None, |_| Reply::status(503));
    let backup = by(&clock, "backup", None, |_| Reply::answer("backup"));
    let llm = behind_one(&[&primary, &backup]);
    let calls = (0..50).map(|_| ask(&llm, Way::Chat, ChatOptions::default()));
    let answers = clock.block_on(join_all(calls));
    assert!(answers.iter().all(|answer| answer.as_deref() == Ok("backup")));
    let after =
        primary.provider.requests().into_iter().filter(|it| it.at.since_origin() > Duration::ZERO);
    assert!(primary.sent() <= 50, "the retries were waiting when it opened: {}", after.count());
    assert_eq!(llm.statuses()[0].circuit, CircuitState::Open);
}

#[test]
fn refusals_limits_and_cancellations_open_no_circuit() {
    for reply in [Reply::status(400), Reply::status(401), Reply::status(429), Reply::status(404)] {
        let clock = VirtualClock::new();
        let primary = by(&clock, "primary", None, move |_| reply.clone());
        let backup = by(&clock, "backup", None, |_| Reply::answer("backup"));
        let llm = behind_one(&[&primary, &backup]);
        for _ in 0..30 {
            let _ = clock.block_on(ask(&llm, Way::Chat, ChatOptions::default()));
        }
        assert_eq!(llm.statuses()[0].circuit, CircuitState::Closed);
    }
    let clock = VirtualClock::new();
    let primary = by(&clock, "primary", None, |_| Reply::silence());
    let backup = by(&clock, "backup", None, |_| Reply::answer("backup"));
    let llm = behind_one(&[&primary, &backup]);
    for _ in 0..30 {
        let call = llm.chat(question(), ChatOptions::default());
        let sleep = clock.runtime().sleep(seconds(1.0));
        clock.block_on(futures::future::select(call, sleep));
    }
    assert_eq!(
        (llm.statuses()[0].circuit, primary.llm.key_pool().in_flight()),
        (CircuitState::Closed, 0)
    );
}

#[test]
fn a_cancelled_probe_frees_its_place() {
    let clock = VirtualClock::new();
    let (began, runtime) = (clock.runtime().now(), clock.runtime());
    let primary = by(&clock, "primary", None, move |_| match (runtime.now() - began).as_secs() {
        0..3 => Reply::status(503),
        3..9 => Reply::silence(),
        _ => Reply::answer("primary"),
    });
    let backup = by(&clock, "backup", None, |_| Reply::answer("backup"));
    let llm = behind_one(&[&primary, &backup]);
    for _ in 0..3 {
        clock.block_on(ask(&llm, Way::Chat, ChatOptions::default())).unwrap();
    }
    clock.block_on(clock.runtime().sleep(seconds(8.5) - clock.elapsed()));
    let probe = llm.chat(question(), ChatOptions::default());
    clock.block_on(futures::future::select(probe, clock.runtime().sleep(seconds(2.0))));
    let answer = clock.block_on(ask(&llm, Way::Chat, ChatOptions::default()));
    assert_eq!(answer.as_deref(), Ok("primary"));
}

#[test]
fn with_every_circuit_open_the_error_says_when_to_come_back() {
    let clock = VirtualClock::new();
    let down = |name| by(&clock, name, None, |_| Reply::status(503));
    let targets = [down("a"), down("b")];
    let llm = behind_one(&targets.each_ref());
    for _ in 0..3 {
        clock.block_on(ask(&llm, Way::Chat, ChatOptions::default())).unwrap_err();
    }
    let sent = targets[0].sent() + targets[1].sent();
    let error = clock.block_on(ask(&llm, Way::Chat, ChatOptions::default())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::CircuitOpen);
    assert_eq!((error.attempts().len(), targets[0].sent() + targets[1].sent()), (2, sent));
    let wait = error.retry_at().unwrap().duration_since(clock.runtime().unix_time()).unwrap();
    assert!(wait <= seconds(5.0), "{wait:?}");
}
