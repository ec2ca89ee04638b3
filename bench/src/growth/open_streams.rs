//! More and more streams at once.

use std::sync::Arc;

use futures::future::try_join_all;

use super::{Curve, Figure, grown};
use crate::Result;
use crate::bench::{Bench, nanoseconds_each};
use crate::clients::{Client, LOCKKEEPER, RAW, kind};
use crate::contest::Contender;
use crate::works::bytes_each;

const SIZES: [usize; 5] = [1, 10, 100, 1_000, 5_000];
const NAMES: [&str; 2] = [LOCKKEEPER, RAW];
const CHUNKS: usize = 200;
/// Eight chunks to a piece, so that all streams take turns.
const MODEL: &str = "stream-200-by-8";
/// How many streams are read in a round at least.
const READ: usize = 100;
const TIME: Figure = Figure {
    id: "streams-cpu",
    title: "Reading streams of 200 chunks",
    of: "streams at once",
    cost: "µs of CPU a chunk",
    expected: "O(1)",
    fitted_from: 10,
};
const MEMORY: Figure = Figure {
    id: "streams-memory",
    title: "Holding streams that say nothing",
    of: "open streams",
    cost: "KiB a stream",
    expected: "O(1)",
    fitted_from: 10,
};

pub fn run(bench: &Bench) -> Result<Vec<Curve>> {
    let sizes: Vec<usize> =
        SIZES.iter().copied().filter(|&size| size <= bench.amount(5_000)).collect();
    let time = grown(bench, TIME, &sizes, |streams| {
        let contenders = NAMES.iter().map(|&name| {
            let client = kind(name)?.client(&bench.server.base_url, MODEL)?;
            let times = (bench.amount(READ) / streams).max(1);
            Ok(Contender::new(name, move || {
                let work = || (0..times).try_for_each(|_| bench.run(read(client.clone(), streams)));
                Ok(vec![nanoseconds_each(times * streams * CHUNKS, work)? / 1e3])
            }))
        });
        contenders.collect()
    })?;
    let memory = grown(bench, MEMORY, &sizes, |streams| {
        let contender = |&name| {
            Contender::new(name, move || Ok(vec![bytes_each(bench, name, streams)? / 1024.0]))
        };
        Ok(NAMES.iter().map(contender).collect())
    })?;
    Ok(vec![time, memory])
}

async fn read(client: Arc<dyn Client>, streams: usize) -> Result<()> {
    let reader = || {
        let client = client.clone();
        tokio::spawn(async move { client.stream().await })
    };
    for length in try_join_all((0..streams).map(|_| reader())).await? {
        if length? < CHUNKS {
            return Err("a stream without its text".into());
        }
    }
    Ok(())
}
