//! Reading HTTP/1 requests by hand: the faults need the socket itself, which no HTTP library lends.

use bytes::{Buf, BytesMut};
use httparse::Status;
use tokio::io::AsyncReadExt;
use tokio::net::tcp::ReadHalf;

use crate::api_error::ApiError;
use crate::wire::Wire;

const MAX_HEAD: usize = 64 << 10;
const MAX_HEADERS: usize = 128;
const MAX_BODY: usize = 64 << 20;
/// How much of the next requests is taken in while an answer is still going out.
const MAX_AHEAD: usize = 1 << 20;

/// One request, read whole.
#[derive(Debug, Default)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// The path with its query.
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// HTTP/1.1 rather than 1.0: it understands chunks and keeps connections.
    pub(crate) modern: bool,
}

impl Request {
    /// The path without its query.
    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// A parameter of the query, as it stands there.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        let (_, query) = self.target.split_once('?')?;
        query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
    }

    /// A header by its lower-case name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The caller's key, from `Authorization: Bearer` or, as on Azure, from `api-key`.
    pub(crate) fn key(&self) -> Option<&str> {
        let bearer = self.header("authorization").and_then(|value| {
            let (scheme, key) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
        });
        bearer.or_else(|| self.header("api-key")).filter(|key| !key.is_empty())
    }

    /// Whether the client wants the connection kept after the answer.
    pub(crate) fn keeps_alive(&self) -> bool {
        match self.header("connection").map(str::to_ascii_lowercase) {
            Some(value) if value.contains("close") => false,
            Some(value) if value.contains("keep-alive") => true,
            _ => self.modern,
        }
    }

    fn is_chunked(&self) -> bool {
        self.header("transfer-encoding").is_some_and(|v| v.to_ascii_lowercase().contains("chunked"))
    }
}

/// Why there is no request.
pub(crate) enum NoRequest {
    /// The client closed the connection.
    Closed,
    /// What came is not HTTP, or too big.
    Refused(ApiError),
}

impl From<std::io::Error> for NoRequest {
    fn from(_: std::io::Error) -> Self {
        Self::Closed
    }
}

fn refused(status: u16, message: &str) -> NoRequest {
    NoRequest::Refused(ApiError::of_status(status).saying(message))
}

/// The reading half of a connection, with what was read ahead.
pub(crate) struct Reader<'a> {
    socket: ReadHalf<'a>,
    buffer: BytesMut,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(socket: ReadHalf<'a>) -> Self {
        Self { socket, buffer: BytesMut::new() }
    }

    /// Reads the next request. `wire` is for the `100 Continue` that some clients wait for.
    pub(crate) async fn next_request(&mut self, wire: &mut Wire<'_>) -> Result<Request, NoRequest> {
        let mut request = self.read_head().await?;
        if request.header("expect").is_some() {
            wire.raw(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        request.body = if request.is_chunked() {
            self.read_chunks().await?
        } else {
            let length = request.header("content-length").unwrap_or("0").parse();
            self.take(length.map_err(|_| refused(400, "Content-Length is not a number."))?).await?
        };
        Ok(request)
    }

    /// Resolves when the client closes the connection, or only its own half: a client that sends no
    /// more counts as gone. What it sends before is kept.
    pub(crate) async fn closed(&mut self) {
        while self.buffer.len() < MAX_AHEAD {
            if self.fill().await.is_err() {
                return;
            }
        }
        std::future::pending().await
    }

    async fn fill(&mut self) -> Result<(), NoRequest> {
        match self.socket.read_buf(&mut self.buffer).await? {
            0 => Err(NoRequest::Closed),
            _ => Ok(()),
        }
    }

    async fn read_head(&mut self) -> Result<Request, NoRequest> {
        loop {
            match parse_head(&self.buffer) {
                Ok(Some((request, length))) => {
                    self.buffer.advance(length);
                    return Ok(request);
                }
                Ok(None) if self.buffer.len() > MAX_HEAD => {
                    return Err(refused(431, "The headers are too long."));
                }
                Ok(None) => self.fill().await?,
                Err(error) => return Err(refused(400, &format!("This is not HTTP: {error}."))),
            }
        }
    }

    /// Takes exactly so many bytes of the body.
    async fn take(&mut self, length: usize) -> Result<Vec<u8>, NoRequest> {
        if length > MAX_BODY {
            return Err(refused(413, "The body is too long."));
        }
        while self.buffer.len() < length {
            self.fill().await?;
        }
        Ok(self.buffer.split_to(length).to_vec())
    }

    async fn read_chunks(&mut self) -> Result<Vec<u8>, NoRequest> {
        let mut body = Vec::new();
        loop {
            let size = self.read_chunk_size().await?;
            if size.saturating_add(body.len()) > MAX_BODY {
                return Err(refused(413, "The body is too long."));
            }
            if size == 0 {
                return self.skip_trailers().await.map(|()| body);
            }
            body.extend(self.take(size).await?);
            self.take(2).await?;
        }
    }

    async fn read_chunk_size(&mut self) -> Result<usize, NoRequest> {
        loop {
            match httparse::parse_chunk_size(&self.buffer) {
                Ok(Status::Complete((length, size))) => {
                    self.buffer.advance(length);
                    return Ok(usize::try_from(size).unwrap_or(usize::MAX));
                }
                Ok(Status::Partial) => self.fill().await?,
                Err(_) => return Err(refused(400, "A chunk has no valid size.")),
            }
        }
    }

    async fn skip_trailers(&mut self) -> Result<(), NoRequest> {
        let mut read = 0;
        loop {
            let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') else {
                if self.buffer.len() > MAX_HEAD {
                    return Err(refused(431, "The trailers are too long."));
                }
                self.fill().await?;
                continue;
            };
            let line = self.buffer.split_to(end + 1);
            read += line.len();
            if line.trim_ascii().is_empty() {
                return Ok(());
            }
            if read > MAX_HEAD {
                return Err(refused(431, "The trailers are too long."));
            }
        }
    }
}

/// The request line and headers with their length, or `None` while they are incomplete.
fn parse_head(bytes: &[u8]) -> Result<Option<(Request, usize)>, httparse::Error> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    let Status::Complete(length) = parsed.parse(bytes)? else { return Ok(None) };
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let request = Request {
        method: parsed.method.unwrap_or_default().to_owned(),
        target: parsed.path.unwrap_or_default().to_owned(),
        headers: parsed
            .headers
            .iter()
            .map(|header| (header.name.to_ascii_lowercase(), text(header.value)))
            .collect(),
        body: Vec::new(),
        modern: parsed.version == Some(1),
    };
    Ok(Some((request, length)))
}
