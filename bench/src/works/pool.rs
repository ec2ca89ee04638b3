//! Leasing a key and giving it back.

use lockkeeper::ApiKeyPool;

use super::heaps::{LazyHeap, PlainHeap, Pool, Scan};
use crate::Result;
use crate::bench::{Bench, nanoseconds_each};
use crate::contest::{Contender, Measure, Outcome, interleaved};

const TIMES: usize = 200_000;
const FEW: Measure =
    Measure { id: "pool-16", title: "pool lease + release, 16 keys, one thread", unit: "ns" };
const MANY: Measure =
    Measure { id: "pool-1000", title: "pool lease + release, 1,000 keys, one thread", unit: "ns" };

/// So many keys.
pub fn keys(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("sk-bench-0123456789-{number:04}")).collect()
}

/// The library's own pool.
pub fn lockkeeper_pool(keys: &[String]) -> Result<ApiKeyPool> {
    let provider = format!("bench-{}", keys.len());
    Ok(ApiKeyPool::new(&provider, "http://127.0.0.1:1/v1", keys)?)
}

/// Lets all contenders lease.
pub fn run(bench: &Bench) -> Result<Vec<Outcome>> {
    let mut outcomes = of(bench, 16, FEW)?;
    outcomes.extend(of(bench, 1_000, MANY)?);
    Ok(outcomes)
}

fn of(bench: &Bench, count: usize, measure: Measure) -> Result<Vec<Outcome>> {
    let (keys, times) = (keys(count), bench.amount(TIMES));
    let pool = lockkeeper_pool(&keys)?;
    let by_hand: [(&str, Box<dyn Pool>); 3] = [
        ("plain heap", Box::new(PlainHeap::new(&keys))),
        ("lazy heap", Box::new(LazyHeap::new(&keys))),
        ("scan", Box::new(Scan::new(&keys))),
    ];
    let mut contenders: Vec<_> = by_hand
        .iter()
        .map(|(name, pool)| Contender::new(*name, move || Ok(vec![leased(&**pool, times)?])))
        .collect();
    contenders.push(Contender::new("lockkeeper", || Ok(vec![leased_by(&pool, times)?])));
    interleaved(&[measure], bench.effort.rounds, contenders)
}

/// Leases and releases so many times; the nanoseconds of each.
pub fn leased(pool: &dyn Pool, times: usize) -> Result<f64> {
    nanoseconds_each(times, || {
        for _ in 0..times {
            let (key, text) = pool.lease();
            std::hint::black_box(text);
            pool.release(key);
        }
        Ok(())
    })
}

/// The same by the library's own pool.
pub fn leased_by(pool: &ApiKeyPool, times: usize) -> Result<f64> {
    nanoseconds_each(times, || {
        for _ in 0..times {
            drop(pool.lease()?);
        }
        Ok(())
    })
}
