//! Writing HTTP/1 responses by hand, so that they can be broken off at any byte.

use std::io;

use tokio::io::AsyncWriteExt;
use tokio::net::tcp::WriteHalf;

use crate::fault::Fault;
use crate::request::Request;

/// What a server says that it speaks, whatever its client does.
const HTTP_1_1: &str = "HTTP/1.1";

/// What becomes of the connection after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    /// It waits for the next request.
    KeepAlive,
    /// It closes with a FIN.
    Close,
    /// It closes with a RST.
    Reset,
}

/// How the end of a body is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Length {
    /// By its length in bytes.
    Known(u64),
    /// By a last chunk of size 0; by the connection's end to clients of HTTP/1.0.
    Chunked,
}

/// A status and headers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Head {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
}

impl Head {
    /// A head with a status and nothing else.
    pub(crate) fn new(status: u16) -> Self {
        Self { status, headers: Vec::new() }
    }

    /// Sets a header in place of any of the same name.
    pub(crate) fn set(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Puts the content type of [`Fault::ContentType`] in the place of the right one.
    pub(crate) fn renamed_by(self, fault: &Fault) -> Self {
        match fault {
            Fault::ContentType { value } => self.set("content-type", value),
            _ => self,
        }
    }

    /// Sets several headers.
    pub(crate) fn set_all<'h>(
        self,
        headers: impl IntoIterator<Item = &'h (String, String)>,
    ) -> Self {
        headers.into_iter().fold(self, |head, (name, value)| head.set(name, value))
    }
}

/// The writing half of a connection.
pub(crate) struct Wire<'a> {
    socket: WriteHalf<'a>,
    modern: bool,
    version: &'static str,
    bodiless: bool,
    keep_alive: bool,
    chunked: bool,
}

impl<'a> Wire<'a> {
    pub(crate) fn new(socket: WriteHalf<'a>) -> Self {
        let version = HTTP_1_1;
        Self { socket, modern: true, version, bodiless: false, keep_alive: false, chunked: false }
    }

    /// Makes ready for the answer to this request.
    pub(crate) fn turn_to(&mut self, request: &Request) {
        self.modern = request.modern;
        self.version = HTTP_1_1;
        self.bodiless = request.method == "HEAD";
        self.keep_alive = request.keeps_alive();
    }

    /// Takes no other request on this connection.
    pub(crate) fn close_after_this(&mut self) {
        self.keep_alive = false;
    }

    /// Answers in HTTP/1.0, as an old server does.
    pub(crate) fn speak_http_1_0(&mut self) {
        self.modern = false;
        self.version = "HTTP/1.0";
    }

    /// Whether the connection can take another request after this answer.
    pub(crate) fn keeps_alive(&self) -> bool {
        self.keep_alive
    }

    /// Writes bytes as they are.
    pub(crate) async fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.socket.write_all(bytes).await
    }

    /// Writes the head of an answer whose body comes in pieces.
    pub(crate) async fn head(&mut self, head: &Head, length: Length) -> io::Result<()> {
        let bytes = self.encode(head, length);
        self.raw(&bytes).await
    }

    /// Head and body as the bytes of one answer.
    pub(crate) fn whole(&mut self, head: &Head, body: &[u8]) -> Vec<u8> {
        let mut bytes = self.encode(head, Length::Known(body.len() as u64));
        if !self.bodiless {
            bytes.extend_from_slice(body);
        }
        bytes
    }

    /// Writes a piece of a body that was announced as [`Length::Chunked`].
    pub(crate) async fn chunk(&mut self, bytes: &[u8]) -> io::Result<()> {
        if !self.chunked {
            return self.raw(bytes).await;
        }
        if bytes.is_empty() {
            return Ok(());
        }
        let mut framed = format!("{:x}\r\n", bytes.len()).into_bytes();
        framed.extend_from_slice(bytes);
        framed.extend_from_slice(b"\r\n");
        self.raw(&framed).await
    }

    /// Ends a body that was announced as [`Length::Chunked`].
    pub(crate) async fn end_chunks(&mut self) -> io::Result<()> {
        if self.chunked { self.raw(b"0\r\n\r\n").await } else { Ok(()) }
    }

    fn encode(&mut self, head: &Head, length: Length) -> Vec<u8> {
        self.bodiless |= matches!(head.status, 204 | 304);
        self.chunked = length == Length::Chunked && self.modern;
        let mut lines = vec![status_line(self.version, head.status)];
        lines.extend(head.headers.iter().map(|(name, value)| header_line(name, value)));
        match length {
            Length::Known(length) if head.status != 204 => {
                lines.push(header_line("content-length", &length.to_string()));
            }
            Length::Known(_) => {}
            Length::Chunked if self.chunked => {
                lines.push(header_line("transfer-encoding", "chunked"));
            }
            // Only the end of the connection can end this body.
            Length::Chunked => self.keep_alive = false,
        }
        let connection = if self.keep_alive { "keep-alive" } else { "close" };
        lines.push(header_line("connection", connection));
        lines.push("\r\n".into());
        lines.concat().into_bytes()
    }
}

/// A line break inside a name or value would begin another header.
fn header_line(name: &str, value: &str) -> String {
    format!("{name}: {value}").replace(|c: char| c.is_control() && c != '\t', "") + "\r\n"
}

fn status_line(version: &str, status: u16) -> String {
    let reason = match status {
        200 => "OK",
        204 => "No Content",
        307 => "Temporary Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        413 => "Content Too Large",
        418 => "I'm a teapot",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Status",
    };
    format!("{version} {status} {reason}\r\n")
}
