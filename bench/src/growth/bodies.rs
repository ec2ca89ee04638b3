//! Longer and longer answers.

use std::sync::Arc;

use super::{Curve, Figure, grown};
use crate::Result;
use crate::bench::{Bench, nanoseconds_each};
use crate::clients::{Client, LOCKKEEPER, RAW, kind};
use crate::contest::Contender;

const SIZES: [usize; 9] =
    [1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000, 10_000_000];
/// How many bytes are read in a round at least.
const READ: usize = 20_000_000;
const MOST_CALLS: usize = 300;
const FIGURE: Figure = Figure {
    id: "bodies",
    title: "Asking for a long answer",
    of: "bytes of text",
    cost: "µs of CPU a call",
    expected: "O(n)",
    fitted_from: 300_000,
};

pub fn run(bench: &Bench) -> Result<Vec<Curve>> {
    let curve = grown(bench, FIGURE, &SIZES, |length| {
        let contenders = [LOCKKEEPER, RAW].iter().map(|&name| {
            let client = kind(name)?.client(&bench.server.base_url, &format!("body-{length}"))?;
            let times = (bench.amount(READ) / length).clamp(1, MOST_CALLS);
            Ok(Contender::new(name, move || {
                let work = || bench.run(ask(client.clone(), times, length));
                Ok(vec![nanoseconds_each(times, work)? / 1e3])
            }))
        });
        contenders.collect()
    })?;
    Ok(vec![curve])
}

async fn ask(client: Arc<dyn Client>, times: usize, length: usize) -> Result<()> {
    for _ in 0..times {
        if client.chat().await? != length {
            return Err("an answer of another length".into());
        }
    }
    Ok(())
}
