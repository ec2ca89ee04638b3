//! One long stream, read chunk by chunk.

use std::sync::Arc;

use crate::Result;
use crate::bench::{Bench, nanoseconds_each};
use crate::clients::{Client, KINDS};
use crate::contest::{Contender, Measure, Outcome, interleaved};

const CHUNKS: usize = 20_000;
/// Streams in a round, one after the other.
const STREAMS: usize = 2;
const MEASURES: [Measure; 1] = [Measure {
    id: "stream",
    title: "native stream of 20,000 chunks of 250 bytes, CPU for each typed chunk",
    unit: "µs",
}];

/// Lets all contenders read.
pub fn run(bench: &Bench) -> Result<Vec<Outcome>> {
    let chunks = bench.amount(CHUNKS);
    let model = format!("stream-{chunks}");
    let contenders = KINDS.iter().map(|kind| {
        let client = kind.client(&bench.server.base_url, &model)?;
        Ok(Contender::new(kind.name, move || {
            let work = || bench.run(read(client.clone(), STREAMS, chunks));
            Ok(vec![nanoseconds_each(STREAMS * chunks, work)? / 1e3])
        }))
    });
    interleaved(&MEASURES, bench.effort.rounds, contenders.collect::<Result<_>>()?)
}

/// Reads so many streams, and sees to it that nothing is lost.
async fn read(client: Arc<dyn Client>, streams: usize, chunks: usize) -> Result<()> {
    for _ in 0..streams {
        let length = client.stream().await?;
        if length < chunks {
            return Err(format!("{chunks} chunks came to only {length} bytes of text").into());
        }
    }
    Ok(())
}
