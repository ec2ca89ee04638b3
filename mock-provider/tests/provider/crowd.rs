//! Thousands of clients at once.

use std::sync::Arc;

use mock_provider::{Fault, Finished};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::client::{Outcome, prompt, provider, raw_request, read_until};

const CROWD: usize = 5000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_thousand_streams_are_open_at_once() -> Outcome {
    let provider = Arc::new(provider().await?);
    provider.script((0..CROWD).map(|_| Fault::Stall { after_chunks: 2 }));
    let together = Arc::new(Barrier::new(CROWD + 1));
    let mut clients = JoinSet::new();
    for _ in 0..CROWD {
        let (provider, together) = (Arc::clone(&provider), Arc::clone(&together));
        clients.spawn(async move {
            let opened = async {
                let mut socket = raw_request(&provider, &prompt(true)).await.ok()?;
                read_until(&mut socket, "data: ").await.ok()?;
                Some(socket)
            };
            let opened = opened.await;
            together.wait().await;
            opened.is_some()
        });
    }
    together.wait().await;
    assert_eq!(provider.peak_in_flight_overall(), CROWD);
    assert_eq!(provider.peak_in_flight("none"), CROWD);
    assert!(clients.join_all().await.into_iter().all(|opened| opened));
    for index in 0..CROWD {
        let record = provider.wait_for_close(index).await.ok_or("no record")?;
        assert_eq!(record.finished, Finished::ClientClosed);
    }
    assert_eq!(provider.in_flight(), 0);
    Ok(())
}
