//! Many short requests at once.

use std::sync::Arc;

use futures::future::try_join_all;

use crate::Result;
use crate::bench::{Bench, cost};
use crate::clients::{Client, KINDS};
use crate::contest::{Contender, Measure, Outcome, interleaved};

const AT_ONCE: usize = 64;
/// How many each of them makes in a round, one after the other.
const EACH: usize = 48;
const MEASURES: [Measure; 2] = [
    Measure { id: "requests", title: "native, 64 requests at once", unit: "requests/s" },
    Measure { id: "requests-cpu", title: "… by the CPU that they take", unit: "requests/CPU s" },
];

/// Lets all contenders ask.
pub fn run(bench: &Bench) -> Result<Vec<Outcome>> {
    let each = bench.amount(EACH);
    let chatty = KINDS.iter().filter(|kind| kind.chats);
    let contenders = chatty.map(|kind| {
        let client = kind.client(&bench.server.base_url, "bench")?;
        Ok(Contender::new(kind.name, move || {
            let cost = cost(|| bench.run(ask(client.clone(), each)))?;
            let requests = (AT_ONCE * each) as f64;
            Ok(vec![requests / cost.wall.as_secs_f64(), requests / cost.cpu.as_secs_f64()])
        }))
    });
    interleaved(&MEASURES, bench.effort.rounds, contenders.collect::<Result<_>>()?)
}

async fn ask(client: Arc<dyn Client>, each: usize) -> Result<()> {
    let caller = || {
        let client = client.clone();
        tokio::spawn(async move {
            for _ in 0..each {
                if client.chat().await? == 0 {
                    return Err("an answer without text".into());
                }
            }
            Result::Ok(())
        })
    };
    let ended = try_join_all((0..AT_ONCE).map(|_| caller())).await?;
    ended.into_iter().collect()
}
