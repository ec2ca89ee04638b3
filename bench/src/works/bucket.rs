//! Taking a token that is there.

use std::num::NonZeroU32;
use std::sync::{Arc, Barrier};
use std::time::{Duration, SystemTime};

use governor::clock::{Clock, FakeRelativeClock};
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use lockkeeper::{BoxFuture, Runtime, Timestamp, TokenBucket};

use crate::Result;
use crate::bench::{Bench, nanoseconds_each};
use crate::contest::{Contender, Measure, Outcome, interleaved};

const CALLS: usize = 1_000_000;
const LIMIT: u32 = 1_000_000_000;
const ONE_THREAD: Measure =
    Measure { id: "bucket", title: "bucket `try_acquire`, one thread", unit: "ns" };
const TWO_THREADS: Measure =
    Measure { id: "bucket-2", title: "bucket `try_acquire`, two threads", unit: "ns" };
const NO_CLOCK: Measure =
    Measure { id: "bucket-frozen", title: "bucket `try_acquire`, without the clock", unit: "ns" };

/// A clock that stands still, and costs nothing to read.
pub struct FrozenClock;

impl Runtime for FrozenClock {
    fn now(&self) -> Timestamp {
        Timestamp::new(Duration::from_secs(1))
    }

    fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }

    fn unix_time(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }

    fn random_seed(&self) -> u64 {
        1
    }
}

type Governor<C> = RateLimiter<NotKeyed, InMemoryState, C, NoOpMiddleware<<C as Clock>::Instant>>;

fn governor<C: Clock>(clock: C) -> Result<Governor<C>> {
    let limit = NonZeroU32::new(LIMIT).ok_or("no limit")?;
    Ok(RateLimiter::direct_with_clock(Quota::per_second(limit).allow_burst(limit), clock))
}

fn leaky_bucket() -> leaky_bucket::RateLimiter {
    let limit = LIMIT as usize;
    leaky_bucket::RateLimiter::builder()
        .max(limit)
        .initial(limit)
        .refill(limit / 1000)
        .interval(Duration::from_millis(1))
        .build()
}

/// Lets all contenders take.
pub fn run(bench: &Bench) -> Result<Vec<Outcome>> {
    let mut outcomes = by_the_clock(bench, 1, ONE_THREAD)?;
    outcomes.extend(by_the_clock(bench, 2, TWO_THREADS)?);
    outcomes.extend(without_a_clock(bench)?);
    Ok(outcomes)
}

fn by_the_clock(bench: &Bench, threads: usize, measure: Measure) -> Result<Vec<Outcome>> {
    let calls = bench.amount(CALLS);
    let (governor, leaky) = (governor(governor::clock::DefaultClock::default())?, leaky_bucket());
    let bucket = TokenBucket::new(LIMIT.into(), LIMIT.into())?;
    let contenders = vec![
        Contender::new("governor", || taken(threads, calls, || governor.check().is_ok())),
        Contender::new("leaky-bucket", || taken(threads, calls, || leaky.try_acquire(1))),
        Contender::new("lockkeeper", || taken(threads, calls, || bucket.try_acquire(1).is_ok())),
    ];
    interleaved(&[measure], bench.effort.rounds, contenders)
}

fn without_a_clock(bench: &Bench) -> Result<Vec<Outcome>> {
    let calls = bench.amount(CALLS);
    let governor = governor(FakeRelativeClock::default())?;
    // It stands still, so what is there has to last for all rounds.
    let (capacity, rate) = (1e15, LIMIT.into());
    let bucket = TokenBucket::with_runtime(capacity, rate, Arc::new(FrozenClock))?;
    let contenders = vec![
        Contender::new("governor", || taken(1, calls, || governor.check().is_ok())),
        Contender::new("lockkeeper", || taken(1, calls, || bucket.try_acquire(1).is_ok())),
    ];
    interleaved(&[NO_CLOCK], bench.effort.rounds, contenders)
}

/// Takes so many tokens in each of some threads at once; the time of one of them.
fn taken(threads: usize, calls: usize, take: impl Fn() -> bool + Sync) -> Result<Vec<f64>> {
    let all_there = Barrier::new(threads);
    let take_all = || {
        all_there.wait();
        (0..calls).filter(|_| take()).count()
    };
    let work = || {
        let all = std::thread::scope(|scope| {
            let others: Vec<_> = (1..threads).map(|_| scope.spawn(take_all)).collect();
            let own = take_all();
            others
                .into_iter()
                .try_fold(own, |sum, other| other.join().ok().map(|taken| sum + taken))
        });
        let all = all.ok_or("a thread has ended in a panic")?;
        (all == threads * calls).then_some(()).ok_or_else(|| format!("only {all} tokens").into())
    };
    Ok(vec![nanoseconds_each(threads * calls, work)?])
}
