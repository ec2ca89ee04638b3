//! `rate_limit_scope` is `key`: the limits are each key's own.

use lockkeeper::testing::{Executor, Reply};
use lockkeeper::{ChatOptions, ErrorKind, ModelSettings, RateLimitScope};

use crate::scripted::{BOTH, Scene, Way, seconds, settings};
use crate::{all, at_most, calls, costs, order, priority, sent};

/// So many keys, each with a capacity of so many requests and this rate.
fn each(keys: usize, capacity: f64, rate: f64) -> ModelSettings {
    let mut settings = settings(keys);
    settings.rate_limit_scope = RateLimitScope::Key;
    (settings.rate_limit_capacity, settings.rate_limit_refill_rate) = (capacity, rate);
    settings
}

#[test]
fn each_key_has_a_bucket_of_its_own() {
    for way in BOTH {
        let scene = Scene::by(each(3, 2.0, 0.5), move |_| way.answer("yes"));
        let mut executor = Executor::new(&scene.clock);
        let ends = all(&scene, &mut executor, way, vec![(0.0, ChatOptions::default()); 18]);
        executor.run().unwrap();
        assert!(ends.borrow().iter().all(|(_, end)| end.is_ok()));
        assert_eq!(calls(&order(&scene)), (0..18).collect::<Vec<_>>());
        // Two at once on each key, then one each two seconds.
        for (n, (at, key)) in scene.sent_at().iter().zip(scene.keys_used()).enumerate() {
            let expected = (n / 3).saturating_sub(1) as f64 * 2.0;
            assert!((at - expected).abs() < 1e-3, "request {n} is sent at {at} with key {key}");
        }
        for key in 1..=3 {
            assert_eq!(scene.keys_used().iter().filter(|&&used| used == key).count(), 6);
        }
        assert_eq!(scene.llm.token_bucket().tokens(), 2.0, "that of all is not used");
    }
}

#[test]
fn who_waits_for_a_key_goes_by_priority() {
    let arrivals = [0, 0, -1, 1].map(|step| (0.0, priority(step))).to_vec();
    let sent = sent(each(1, 1.0, 1.0), Way::Chat, 0.0, arrivals);
    assert_eq!(calls(&sent), [0, 3, 1, 2]);
    assert!((sent[3].1 - 3.0).abs() < 1e-3, "{sent:?}");
}

#[test]
fn a_wait_that_does_not_fit_is_told_at_once() {
    let scene = Scene::by(each(2, 1.0, 0.1), |_| Reply::answer("yes"));
    for _ in 0..2 {
        scene.ask(Way::Chat).unwrap();
    }
    let hurried = ChatOptions::default().timeout(seconds(5.0));
    let error = scene.ask_with(Way::Chat, hurried).unwrap_err();
    assert_eq!((error.kind(), scene.elapsed()), (ErrorKind::RateLimited, 0.0));
    assert!(error.retry_at().is_some());
    scene.ask(Way::Chat).unwrap();
    assert!((scene.elapsed() - 10.0).abs() < 1e-3, "{}", scene.elapsed());
}

#[test]
fn each_key_has_a_budget_of_its_own_that_is_settled() {
    let mut metered = each(2, 100.0, 100.0);
    metered.rate_limit_tokens_per_minute = Some(6_000.0);
    let scene = Scene::by(metered, |_| costs(12, 2_988));
    // Each sets all of a key's budget aside, and gives half of it back.
    for _ in 0..2 {
        scene.ask_with(Way::Chat, at_most(5_988)).unwrap();
    }
    assert_eq!(scene.elapsed(), 0.0);
    scene.ask_with(Way::Chat, at_most(5_988)).unwrap();
    assert!((scene.elapsed() - 30.0).abs() < 1e-3, "{}", scene.elapsed());
    let error = scene.ask_with(Way::Chat, at_most(6_988)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
}

#[test]
fn what_fails_gives_back_the_budget_of_its_key() {
    let mut metered = each(1, 100.0, 100.0);
    metered.rate_limit_tokens_per_minute = Some(6_000.0);
    let scene = Scene::with(metered, [Reply::error(400, "", "no"), costs(12, 5_988)]);
    scene.ask_with(Way::Chat, at_most(5_988)).unwrap_err();
    scene.ask_with(Way::Chat, at_most(5_988)).unwrap();
    assert_eq!(scene.elapsed(), 0.0);
}

#[test]
fn a_retry_waits_for_the_next_permit_of_a_key() {
    let scene = Scene::with(each(1, 1.0, 0.1), [Reply::status(500), Reply::answer("yes")]);
    scene.ask(Way::Chat).unwrap();
    assert!((scene.elapsed() - 10.0).abs() < 1e-3, "{}", scene.elapsed());
}
