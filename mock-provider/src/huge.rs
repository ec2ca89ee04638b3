//! Very long texts, sent piece by piece so that the server itself stays small.

use std::io;

use serde_json::Value;

use crate::exchange::Exchange;
use crate::record::Finished;
use crate::wire::{After, Head, Length};

/// Stands in a JSON value for the long text.
pub(crate) const PLACE: &str = "@@HUGE@@";

/// The length of a piece.
pub(crate) const PIECE_BYTES: u64 = 64 << 10;

const PIECE: &[u8] = &[b'x'; PIECE_BYTES as usize];

/// What comes before the long text and what after it.
pub(crate) fn around(template: &Value) -> (String, String) {
    let text = template.to_string();
    match text.split_once(PLACE) {
        Some((before, after)) => (before.to_owned(), after.to_owned()),
        None => (text, String::new()),
    }
}

/// The long text in pieces.
pub(crate) fn pieces(bytes: u64) -> impl Iterator<Item = &'static [u8]> {
    let rest = PIECE.get(..(bytes % PIECE_BYTES) as usize).unwrap_or_default();
    (0..bytes / PIECE_BYTES).map(|_| PIECE).chain(std::iter::once(rest))
}

/// Sends a whole answer, with `bytes` of text in the template's [`PLACE`].
pub(crate) async fn send_whole(
    exchange: &mut Exchange<'_, '_>,
    head: &Head,
    template: &Value,
    bytes: u64,
) -> io::Result<After> {
    let (before, after) = around(template);
    let length = bytes.saturating_add((before.len() + after.len()) as u64);
    exchange.begin(head, Length::Known(length)).await?;
    exchange.wire.raw(before.as_bytes()).await?;
    for piece in pieces(bytes) {
        exchange.wire.raw(piece).await?;
    }
    exchange.visit.finish(Finished::Completed);
    exchange.wire.raw(after.as_bytes()).await?;
    Ok(After::KeepAlive)
}
