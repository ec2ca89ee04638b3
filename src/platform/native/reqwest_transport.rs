//! The native transport: reqwest, driven by any executor.
//!
//! Requests and bodies are polled on the caller's thread, with the runtime of their connection
//! ([`connections`](super::connections)) entered for the length of each poll: nothing is spawned or
//! passed through a channel in between, and dropping the future ends the request.

use std::borrow::Cow;
use std::error::Error as _;
use std::future::{Future, poll_fn};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::Stream;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Request, Url};

use crate::core::secret::Secret;
use crate::lock::lock;
use crate::platform::{
    BoxFuture, Header, Headers, HttpRequest, HttpResponse, Transport, TransportError, boxed,
    boxed_stream,
};

use super::connections::{Connections, Home};

/// So many headers reqwest adds, such as its user agent's.
const FROM_REQWEST: usize = 3;

/// The native transport, over a [`reqwest::Client`].
///
/// Give it a client of your own for a proxy, a certificate authority or a local address:
///
/// ```
/// use lockkeeper::ReqwestTransport;
///
/// let client = reqwest::Client::builder()
///     .no_proxy()
///     .redirect(reqwest::redirect::Policy::none())
///     .build()?;
/// let transport = ReqwestTransport::with_client(client);
/// # let _ = transport;
/// # Ok::<(), reqwest::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ReqwestTransport {
    connections: Arc<Connections>,
    last: Arc<Mutex<Option<Address>>>,
}

/// The clients for connections that live together.
#[derive(Clone, Debug)]
pub struct Clients {
    client: reqwest::Client,
    /// For what is on this machine, where `client` may have a proxy.
    direct: Option<reqwest::Client>,
}

impl Clients {
    /// The library's own, without any connections yet.
    ///
    /// # Errors
    /// Where TLS can't be set up.
    pub fn new() -> Result<Self, TransportError> {
        let built = |builder: reqwest::ClientBuilder| {
            builder.build().map_err(|error| TransportError::fatal(with_causes(&error)))
        };
        Ok(Self { client: built(builder())?, direct: Some(built(builder().no_proxy())?) })
    }

    fn to(&self, is_on_this_machine: bool) -> &reqwest::Client {
        self.direct.as_ref().filter(|_| is_on_this_machine).unwrap_or(&self.client)
    }
}

/// Where the last request went: the next mostly goes there too.
#[derive(Clone, Debug)]
struct Address {
    text: Arc<str>,
    url: Url,
    is_on_this_machine: bool,
}

impl ReqwestTransport {
    /// A transport with connections of its own, through the system's proxy if it has one; not to what
    /// is on this machine, since over plain `http://` the proxy could read the keys.
    ///
    /// # Errors
    /// Where TLS can't be set up.
    pub fn new() -> Result<Self, TransportError> {
        Ok(Self::over(Connections::near_callers(Clients::new()?)))
    }

    /// A transport over `client`, which should follow no redirects: a key must not leave its
    /// provider's origin. Its connections live on the library's own runtime, whoever asks.
    #[must_use]
    pub fn with_client(client: reqwest::Client) -> Self {
        Self::over(Connections::apart(Clients { client, direct: None }))
    }

    fn over(connections: Connections) -> Self {
        Self { connections: Arc::new(connections), last: Arc::default() }
    }

    /// The URL of a request, and whether it leads to this machine.
    fn address(&self, text: Arc<str>) -> Result<(Url, bool), TransportError> {
        let mut last = lock(&self.last);
        let address = match last.take_if(|last| last.text == text) {
            Some(known) => known,
            None => {
                let url = Url::parse(&text);
                let url = url.map_err(|error| TransportError::fatal(error.to_string()))?;
                Address { text, is_on_this_machine: is_on_this_machine(&url), url }
            }
        };
        let address = last.insert(address);
        Ok((address.url.clone(), address.is_on_this_machine))
    }
}

fn builder() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("lockkeeper/", env!("CARGO_PKG_VERSION")))
        // Small writes go out at once: a request is one, and latency is what users feel.
        .tcp_nodelay(true)
}

fn is_on_this_machine(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost"
        || host.ends_with(".localhost")
        || address.is_ok_and(|address| address.is_loopback())
}

impl Transport for ReqwestTransport {
    fn send(
        &self,
        request: HttpRequest,
    ) -> BoxFuture<'static, Result<HttpResponse, TransportError>> {
        // Now, so that of a request that is never sent nothing stays either.
        let request = self.request(request);
        let connections = self.connections.clone();
        boxed(async move {
            let (request, is_on_this_machine) = request?;
            let (home, clients) = poll_fn(|cx| Poll::Ready(connections.home(cx.waker()))).await?;
            let response = {
                let _entered = home.enter();
                clients.to(is_on_this_machine).execute(request)
            };
            let mut sent = Entered { home, inner: response };
            let response = (&mut sent).await?;
            Ok(into_response(response, sent.home))
        })
    }
}

impl ReqwestTransport {
    /// The request, and whether it leads to this machine.
    fn request(&self, request: HttpRequest) -> Result<(Request, bool), TransportError> {
        let HttpRequest { method, url, headers, body } = request;
        let (url, is_on_this_machine) = self.address(url)?;
        let method = Method::from_bytes(method.as_bytes())
            .map_err(|_| TransportError::fatal(format!("`{method}` is no method")))?;
        let mut request = Request::new(method, url);
        *request.headers_mut() = header_map(headers)?;
        // Of a method that has no body, it would be one of no length.
        if !body.is_empty() {
            *request.body_mut() = Some(body.into());
        }
        Ok((request, is_on_this_machine))
    }
}

/// The transport that all clients without one of their own share, with its connections.
pub fn shared() -> Result<Arc<ReqwestTransport>, TransportError> {
    static SHARED: OnceLock<Result<Arc<ReqwestTransport>, TransportError>> = OnceLock::new();
    SHARED.get_or_init(|| ReqwestTransport::new().map(Arc::new)).clone()
}

/// Polls what is inside with the runtime of its connection entered.
struct Entered<T> {
    home: Home,
    inner: T,
}

impl<T, R> Future for Entered<T>
where
    T: Future<Output = reqwest::Result<R>> + Unpin,
{
    type Output = Result<R, TransportError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { home, inner } = &mut *self;
        // Timers that are polled then would panic.
        if home.has_ended() {
            let message = "the tokio runtime that its connection lived on has ended";
            return Poll::Ready(Err(TransportError::connection(message)));
        }
        let _entered = home.enter();
        Pin::new(inner).poll(cx).map_err(transport_error)
    }
}

impl<T, R> Stream for Entered<T>
where
    T: Stream<Item = reqwest::Result<R>> + Unpin,
{
    type Item = Result<R, TransportError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Self { home, inner } = &mut *self;
        let _entered = home.enter();
        Pin::new(inner).poll_next(cx).map_err(transport_error)
    }
}

fn header_map(headers: Vec<Header>) -> Result<HeaderMap, TransportError> {
    let mut map = HeaderMap::with_capacity(headers.len() + FROM_REQWEST);
    for header in headers {
        let name = HeaderName::from_bytes(header.name.as_bytes())
            .map_err(|_| TransportError::fatal(format!("`{}` is no header name", header.name)))?;
        let value = match header.value {
            Cow::Borrowed(value) => Bytes::from_static(value.as_bytes()),
            // The one copy, which is wiped when the last of those who send it lets go.
            Cow::Owned(value) => Bytes::from_owner(Secret::from(value)),
        };
        let mut value = HeaderValue::from_maybe_shared(value).map_err(|_| {
            TransportError::fatal(format!(
                "the value of header `{name}` has characters not allowed"
            ))
        })?;
        value.set_sensitive(header.sensitive);
        map.append(name, value);
    }
    Ok(map)
}

fn into_response(response: reqwest::Response, home: Home) -> HttpResponse {
    let status = response.status().as_u16();
    let came = response.headers();
    let bytes = came.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    let mut headers = Headers::with_capacity(came.len(), bytes);
    for (name, value) in came {
        headers.push(name.as_str(), &String::from_utf8_lossy(value.as_bytes()));
    }
    let body = boxed_stream(Entered { home, inner: response.bytes_stream() });
    HttpResponse::new(status, headers, body)
}

fn transport_error(error: reqwest::Error) -> TransportError {
    let fatal = error.is_builder();
    // A URL may carry secrets in its query.
    let message = with_causes(&error.without_url());
    if fatal { TransportError::fatal(message) } else { TransportError::connection(message) }
}

/// An error and all that it was caused by: reqwest's own message alone says little.
fn with_causes(error: &reqwest::Error) -> String {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let text = inner.to_string();
        if !message.contains(&text) {
            message = format!("{message}: {text}");
        }
        cause = inner.source();
    }
    message
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_marked_for_whoever_logs_or_compresses_headers() {
        let header = |name: &str, sensitive| {
            let (name, value) = (name.to_owned(), "sk-0123456789".to_owned());
            Header { name: name.into(), value: value.into(), sensitive }
        };
        let map = header_map(vec![header("authorization", true), header("x-open", false)]).unwrap();
        let is_sensitive = |name: &str| map[name].is_sensitive();
        assert_eq!((is_sensitive("authorization"), is_sensitive("x-open")), (true, false));
        assert_eq!(format!("{:?}", map["authorization"]), "Sensitive");

        let unfit = Header { value: "sk-\n0123456789".into(), ..header("api-key", true) };
        let message = header_map(vec![unfit]).unwrap_err().message;
        assert_eq!(message, "the value of header `api-key` has characters not allowed");
    }

    #[test]
    fn this_machine_is_known_by_its_names() {
        let here =
            |host: &str| is_on_this_machine(&Url::parse(&format!("http://{host}/")).unwrap());
        for host in ["localhost", "a.localhost:8080", "127.0.0.1", "127.8.9.10:1", "[::1]:80"] {
            assert!(here(host), "{host}");
        }
        for host in ["localhost.test", "notlocalhost", "10.0.0.1", "[::2]", "127.0.0.1.test"] {
            assert!(!here(host), "{host}");
        }
    }
}
