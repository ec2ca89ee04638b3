//! Sending an answer that is not streamed, with what faults make of it.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::answer::Answer;
use crate::completion::pause;
use crate::exchange::Exchange;
use crate::fault::Fault;
use crate::huge;
use crate::wire::{After, Length};

/// Sends an answer as one JSON body.
pub(crate) async fn send(
    exchange: &mut Exchange<'_, '_>,
    answer: &Answer,
    fault: &Fault,
) -> io::Result<After> {
    let head = exchange.json_head(200).renamed_by(fault);
    let body = answer.whole().to_string().into_bytes();
    let length = Length::Known(body.len() as u64);
    let half = &body[..body.len() / 2];
    match fault {
        Fault::SlowFirstToken { delay } => {
            exchange.begin(&head, length).await?;
            pause(*delay).await;
            exchange.send_last(&body).await
        }
        Fault::Cut { pause: before, .. } => {
            exchange.begin(&head, length).await?;
            exchange.wire.raw(half).await?;
            pause(*before).await;
            exchange.break_off(After::Close)
        }
        Fault::Stall { .. } => {
            exchange.begin(&head, length).await?;
            exchange.wire.raw(half).await?;
            exchange.fall_silent().await
        }
        Fault::EndEarly { .. } => {
            let after = exchange.break_off(After::KeepAlive)?;
            exchange.send(&head, half).await.map(|_| after)
        }
        Fault::Malformed { .. } => {
            exchange.send(&head, &[half, b"\"broken".as_slice()].concat()).await
        }
        Fault::ErrorInStream { .. } => {
            let (_, error) = fault.error().unwrap_or_default();
            exchange.send_json(200, &error).await
        }
        Fault::Comments { .. } => {
            exchange.begin(&head, Length::Chunked).await?;
            send_comments(exchange, fault, b"\n").await?;
            exchange.wire.chunk(&body).await?;
            exchange.end_body().await
        }
        Fault::HugeEvent { bytes } => {
            let template = answer.clone().with_text(huge::PLACE).whole();
            huge::send_whole(exchange, &head, &template, *bytes).await
        }
        Fault::OldHttp => {
            exchange.begin(&head, Length::Chunked).await?;
            exchange.wire.chunk(&body).await?;
            exchange.end_body().await
        }
        Fault::Gzip => {
            let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
            gzip.write_all(&body)?;
            exchange.send(&head.set("content-encoding", "gzip"), &gzip.finish()?).await
        }
        _ => exchange.send(&head, &body).await,
    }
}

/// Sends a sign of life after each of some waits, as long as [`Fault::Comments`] wants it.
pub(crate) async fn send_comments(
    exchange: &mut Exchange<'_, '_>,
    fault: &Fault,
    comment: &[u8],
) -> io::Result<()> {
    let Fault::Comments { every, count, for_ever } = fault else { return Ok(()) };
    let mut sent = 0;
    while *for_ever || sent < *count {
        pause(*every).await;
        // Without a wait, comments for ever must still let others have the thread.
        tokio::task::yield_now().await;
        exchange.wire.chunk(comment).await?;
        sent = sent.saturating_add(1);
    }
    Ok(())
}
