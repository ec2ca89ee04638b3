//! Of calls that wait, the one of the highest priority is first; of one priority, the first to come.

use lockkeeper::testing::{Executor, Reply, VirtualClock};
use lockkeeper::{ChatOptions, ErrorKind, TokenBucket};

use crate::scripted::{BOTH, Scene, Way, seconds, settings};
use crate::{Arrival, all, calls, order, priority, sent};

/// One token, and one a second.
fn metered() -> lockkeeper::ModelSettings {
    let mut metered = settings(1);
    (metered.rate_limit_capacity, metered.rate_limit_refill_rate) = (1.0, 1.0);
    metered
}

#[test]
fn a_higher_priority_is_first_and_within_one_the_first_to_come() {
    for way in BOTH {
        let priorities = [0, 0, -1, 2, 0, 2, 1];
        let arrivals = priorities.map(|step| (0.0, priority(step))).to_vec();
        let sent = sent(metered(), way, 0.0, arrivals);
        // The first finds a token.
        assert_eq!(calls(&sent), [0, 3, 5, 6, 1, 4, 2]);
        let late = sent.iter().enumerate().map(|(n, (_, at))| (at - n as f64).abs());
        assert!(late.fold(0.0, f64::max) < 1e-3, "{sent:?}");
    }
}

#[test]
fn each_step_is_worth_ten_seconds_of_waiting() {
    // One of priority 0 waits from the beginning behind an endless line of those of priority 2.
    let urgent = |second: u32| (f64::from(second) * 0.9, priority(2));
    let mut arrivals: Vec<Arrival> = (0..60).map(urgent).collect();
    arrivals.insert(1, (0.0, priority(0)));
    let sent = sent(metered(), Way::Chat, 0.0, arrivals);
    let overtaken_by = calls(&sent).iter().position(|&call| call == 1).unwrap();
    // Those overtake it that came within 20 s.
    assert_eq!(overtaken_by, 23);
}

#[test]
fn a_retry_keeps_the_place_of_its_call() {
    let answers = [(); 3].map(|()| Reply::answer("yes"));
    let scene = Scene::with(metered(), std::iter::once(Reply::status(500)).chain(answers));
    let mut executor = Executor::new(&scene.clock);
    let calls = vec![(0.0, ChatOptions::default()), (0.1, ChatOptions::default())];
    let calls = [calls, vec![(0.2, ChatOptions::default())]].concat();
    let ends = all(&scene, &mut executor, Way::Chat, calls);
    executor.run().unwrap();
    assert_eq!(ends.borrow().len(), 3);
    // Its retry comes after half a second to one, before the next token: the others have waited longer
    // for that.
    let order: Vec<usize> = order(&scene).iter().map(|(call, _)| *call).collect();
    assert_eq!(order, [0, 0, 1, 2]);
}

#[test]
fn one_that_is_overtaken_past_its_deadline_ends_then() {
    let hurried = priority(0).timeout(seconds(1.5));
    let scene = Scene::by(metered(), |_| Reply::answer("yes"));
    let mut executor = Executor::new(&scene.clock);
    let arrivals = vec![(0.0, priority(0)), (0.1, hurried), (0.2, priority(1))];
    let ends = all(&scene, &mut executor, Way::Chat, arrivals);
    executor.run().unwrap();
    let ends = ends.borrow();
    let (_, end) = ends.iter().find(|(call, _)| *call == 1).unwrap();
    let error = end.as_ref().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RateLimited);
    assert!(error.retry_at().is_some());
    assert!(scene.elapsed() < 1.7, "{}", scene.elapsed());
}

#[test]
fn a_bucket_by_itself_knows_priorities_too() {
    let clock = VirtualClock::new();
    let bucket = TokenBucket::with_runtime(1.0, 1.0, clock.runtime()).unwrap();
    bucket.try_acquire(1).unwrap();
    let order = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    let mut executor = Executor::new(&clock);
    for step in [-1, 0, 1] {
        let (bucket, order) = (bucket.clone(), order.clone());
        executor.spawn(async move {
            bucket.acquire_with_priority(1, step, None).await.unwrap();
            order.borrow_mut().push(step);
        });
    }
    executor.run().unwrap();
    assert_eq!(*order.borrow(), [1, 0, -1]);
}

#[test]
fn a_priority_beyond_the_scale_is_an_error_and_none_is_sent() {
    let scene = Scene::new(1, [Reply::answer("yes")]);
    for step in [101, -101] {
        let error = scene.ask_with(Way::Chat, priority(step)).unwrap_err();
        assert_eq!((error.kind(), &*error.problems()[0].path), (ErrorKind::Config, "priority"));
    }
    scene.ask_with(Way::Chat, priority(-100)).unwrap();
    let body = scene.provider.requests()[0].request.body.clone();
    assert!(!String::from_utf8_lossy(&body).contains("priority"));
}
