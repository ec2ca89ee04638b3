//! More and more keys in the pool.

use super::{Curve, Figure, grown};
use crate::Result;
use crate::bench::Bench;
use crate::contest::Contender;
use crate::works::{PlainHeap, Scan, keys, leased, leased_by, lockkeeper_pool};

const SIZES: [usize; 10] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000];
const TIMES: usize = 50_000;
const FIGURE: Figure = Figure {
    id: "keys",
    title: "Leasing a key and giving it back",
    of: "keys in the pool",
    cost: "ns",
    expected: "O(log n)",
    fitted_from: 10,
};

pub fn run(bench: &Bench) -> Result<Vec<Curve>> {
    let times = bench.amount(TIMES);
    let curve = grown(bench, FIGURE, &SIZES, |count| {
        let keys = keys(count);
        let (heap, scan, pool) = (PlainHeap::new(&keys), Scan::new(&keys), lockkeeper_pool(&keys)?);
        Ok(vec![
            Contender::new("lockkeeper", move || Ok(vec![leased_by(&pool, times)?])),
            Contender::new("plain heap", move || Ok(vec![leased(&heap, times)?])),
            Contender::new("scan", move || Ok(vec![leased(&scan, times)?])),
        ])
    })?;
    Ok(vec![curve])
}
