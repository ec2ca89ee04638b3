//! One request's answer on its way out: the wire, the log entry, and the headers every answer has.

use std::io;

use serde_json::Value;

use crate::api_error::ApiError;
use crate::clock::calendar;
use crate::cors;
use crate::record::Finished;
use crate::request_log::Visit;
use crate::wire::{After, Head, Length, Wire};

/// The part of an answer that is held back until the log says that it is complete.
const LAST_BYTES: usize = 1024;

/// An answer in the making.
pub(crate) struct Exchange<'a, 'w> {
    pub(crate) wire: &'a mut Wire<'w>,
    pub(crate) visit: Visit,
    headers: Vec<(String, String)>,
}

impl<'a, 'w> Exchange<'a, 'w> {
    /// Begins with the headers that all answers have. Browsers may read them all if `exposed`.
    pub(crate) fn new(
        wire: &'a mut Wire<'w>,
        visit: Visit,
        request_id: &str,
        exposed: bool,
    ) -> Self {
        let mut headers = cors::answer_headers(exposed);
        headers.push(("date".into(), httpdate::fmt_http_date(calendar())));
        headers.push(("x-request-id".into(), request_id.into()));
        Self { wire, visit, headers }
    }

    /// Adds a header to the answer, whatever it will be.
    pub(crate) fn add_header(&mut self, name: &str, value: impl Into<String>) {
        self.headers.push((name.to_owned(), value.into()));
    }

    /// A head with the common headers.
    pub(crate) fn head(&self, status: u16) -> Head {
        Head::new(status).set_all(&self.headers)
    }

    /// A head for a JSON body.
    pub(crate) fn json_head(&self, status: u16) -> Head {
        self.head(status).set("content-type", "application/json")
    }

    /// Sends the head of an answer whose body comes in pieces.
    pub(crate) async fn begin(&mut self, head: &Head, length: Length) -> io::Result<()> {
        self.visit.note_status(head.status);
        self.wire.head(head, length).await
    }

    /// Sends a whole answer.
    pub(crate) async fn send(&mut self, head: &Head, body: &[u8]) -> io::Result<After> {
        self.visit.note_status(head.status);
        let bytes = self.wire.whole(head, body);
        self.send_last(&bytes).await
    }

    /// Sends the rest of an answer: it counts as complete before its last bytes are out, so that a
    /// client which has read it all finds it so in the log, and finds the key's slot free.
    pub(crate) async fn send_last(&mut self, bytes: &[u8]) -> io::Result<After> {
        let (most, last) = bytes.split_at(bytes.len().saturating_sub(LAST_BYTES));
        self.wire.raw(most).await?;
        self.visit.finish(Finished::Completed);
        self.wire.raw(last).await?;
        Ok(After::KeepAlive)
    }

    /// Ends a body that was announced as [`Length::Chunked`].
    pub(crate) async fn end_body(&mut self) -> io::Result<After> {
        self.visit.finish(Finished::Completed);
        self.wire.end_chunks().await?;
        Ok(After::KeepAlive)
    }

    /// Sends a whole JSON answer.
    pub(crate) async fn send_json(&mut self, status: u16, body: &Value) -> io::Result<After> {
        self.send(&self.json_head(status), body.to_string().as_bytes()).await
    }

    /// Sends an error.
    pub(crate) async fn refuse(&mut self, error: &ApiError) -> io::Result<After> {
        self.send_json(error.status, &error.body()).await
    }

    /// Breaks the answer off here.
    pub(crate) fn break_off(&mut self, after: After) -> io::Result<After> {
        self.visit.finish(Finished::Faulted);
        Ok(after)
    }

    /// Says nothing more. Only the client's leaving, or the server's stop, ends this.
    pub(crate) async fn fall_silent(&self) -> io::Result<After> {
        std::future::pending().await
    }
}
