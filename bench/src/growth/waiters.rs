//! More and more callers that wait at the bucket.

use lockkeeper::TokenBucket;
use lockkeeper::testing::{Executor, VirtualClock};

use super::{Curve, Figure, grown};
use crate::Result;
use crate::bench::{Bench, nanoseconds_each};
use crate::contest::Contender;

const SIZES: [usize; 9] = [1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000];
/// How many are served in a round at least.
const SERVED: usize = 10_000;
const FIGURE: Figure = Figure {
    id: "waiters",
    title: "Waiting for a token and getting it",
    of: "callers that wait at the bucket",
    cost: "ns a caller",
    expected: "O(log n)",
    fitted_from: 100,
};

pub fn run(bench: &Bench) -> Result<Vec<Curve>> {
    let curve = grown(bench, FIGURE, &SIZES, |waiters| {
        let times = (bench.amount(SERVED) / waiters).max(1);
        let work = move || (0..times).try_for_each(|_| serve(waiters));
        let round = move || Ok(vec![nanoseconds_each(times * waiters, work)?]);
        Ok(vec![Contender::new("lockkeeper", round)])
    })?;
    Ok(vec![curve])
}

/// So many arrive at one moment at an empty bucket.
fn serve(waiters: usize) -> Result<()> {
    let clock = VirtualClock::new();
    let bucket = TokenBucket::with_runtime(1.0, 1_000.0, clock.runtime())?;
    bucket.try_acquire(1)?;
    let mut executor = Executor::new(&clock);
    for _ in 0..waiters {
        let acquire = bucket.acquire(1, None);
        executor.spawn(async move {
            // It has no timeout, so there is no error.
            let _ = acquire.await;
        });
    }
    executor.run()?;
    let took = clock.elapsed().as_secs_f64();
    let due = waiters as f64 / 1_000.0;
    match (took - due).abs() < 0.002 {
        true => Ok(()),
        false => Err(format!("{waiters} callers were served in {took} s rather than {due}").into()),
    }
}
