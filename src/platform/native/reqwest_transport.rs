//! The native transport: reqwest, driven by any executor.
//!
//! Connections live on one runtime of the library's own, which is never dropped, so they outlive
//! the caller's. Requests and bodies are polled on the caller's thread, with that runtime entered
//! for the length of each poll: nothing is spawned or passed through a channel in between, and
//! dropping the future ends the request.

use std::error::Error as _;
use std::future::{Future, ready};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::{Stream, TryStreamExt};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, RequestBuilder, Url};
use tokio::runtime::{Builder, Handle, Runtime};

use crate::core::secret::Secret;
use crate::lock::lock;
use crate::platform::{
    BoxFuture, Header, HttpRequest, HttpResponse, Transport, TransportError, boxed, boxed_stream,
};

/// Threads that look after connections. Reading and writing sockets is little work: one does it for tens of
/// thousands of requests a second, and two would wake each other.
const THREADS: usize = 1;

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
    client: reqwest::Client,
    /// For what is on this machine, where `client` may have a proxy.
    direct: Option<reqwest::Client>,
    last: Arc<Mutex<Option<Address>>>,
}

/// Where the last request went: the next mostly goes there too.
#[derive(Clone, Debug)]
struct Address {
    text: String,
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
        let built = |builder: reqwest::ClientBuilder| {
            builder.build().map_err(|error| TransportError::fatal(with_causes(&error)))
        };
        let direct = Some(built(builder().no_proxy())?);
        Ok(Self { client: built(builder())?, direct, last: Arc::default() })
    }

    /// A transport over `client`, which should follow no redirects: a key must not leave its
    /// provider's origin.
    #[must_use]
    pub fn with_client(client: reqwest::Client) -> Self {
        Self { client, direct: None, last: Arc::default() }
    }

    /// The URL of a request, and the client for it.
    fn address(&self, text: String) -> Result<(Url, &reqwest::Client), TransportError> {
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
        let client = match &self.direct {
            Some(direct) if address.is_on_this_machine => direct,
            _ => &self.client,
        };
        Ok((address.url.clone(), client))
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
        match (runtime(), request) {
            (Ok(runtime), Ok(request)) => {
                let response = async move {
                    request.send().await.map(into_response).map_err(transport_error)?
                };
                boxed(Entered { runtime, inner: Box::pin(response) })
            }
            (Err(error), _) | (_, Err(error)) => boxed(ready(Err(error))),
        }
    }
}

impl ReqwestTransport {
    fn request(&self, request: HttpRequest) -> Result<RequestBuilder, TransportError> {
        let HttpRequest { method, url, headers, body } = request;
        let (url, client) = self.address(url)?;
        let method = Method::from_bytes(method.as_bytes())
            .map_err(|_| TransportError::fatal(format!("`{method}` is no method")))?;
        let request = client.request(method, url).headers(header_map(headers)?);
        // Of a method that has no body, it would be one of no length.
        Ok(if body.is_empty() { request } else { request.body(body) })
    }
}

/// The transport that all clients without one of their own share, with its connections.
pub fn shared() -> Result<Arc<ReqwestTransport>, TransportError> {
    static SHARED: OnceLock<Result<Arc<ReqwestTransport>, TransportError>> = OnceLock::new();
    SHARED.get_or_init(|| ReqwestTransport::new().map(Arc::new)).clone()
}

/// The runtime that connections live on.
fn runtime() -> Result<&'static Handle, TransportError> {
    static RUNTIME: OnceLock<Result<Runtime, String>> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(THREADS).thread_name("lockkeeper-net").enable_all();
        builder.build().map_err(|error| error.to_string())
    });
    runtime.as_ref().map(Runtime::handle).map_err(TransportError::fatal)
}

/// Polls what is inside with the runtime entered.
struct Entered<T> {
    runtime: &'static Handle,
    inner: Pin<Box<T>>,
}

impl<T: Future> Future for Entered<T> {
    type Output = T::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T::Output> {
        let _entered = self.runtime.enter();
        self.inner.as_mut().poll(cx)
    }
}

impl<T: Stream> Stream for Entered<T> {
    type Item = T::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T::Item>> {
        let _entered = self.runtime.enter();
        self.inner.as_mut().poll_next(cx)
    }
}

fn header_map(headers: Vec<Header>) -> Result<HeaderMap, TransportError> {
    let mut map = HeaderMap::with_capacity(headers.len());
    for header in headers {
        let name = HeaderName::from_bytes(header.name.as_bytes())
            .map_err(|_| TransportError::fatal(format!("`{}` is no header name", header.name)))?;
        // The one copy, which is wiped when the last of those who send it lets go.
        let value = Bytes::from_owner(Secret::from(header.value));
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

fn into_response(response: reqwest::Response) -> Result<HttpResponse, TransportError> {
    let runtime = runtime()?;
    let status = response.status().as_u16();
    let headers = response.headers().iter().map(|(name, value)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    });
    let headers = headers.collect();
    let body = response.bytes_stream().map_err(transport_error);
    let body = boxed_stream(Entered { runtime, inner: Box::pin(body) });
    Ok(HttpResponse::new(status, headers, body))
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
            Header { name, value, sensitive }
        };
        let map = header_map(vec![header("authorization", true), header("x-open", false)]).unwrap();
        let is_sensitive = |name: &str| map[name].is_sensitive();
        assert_eq!((is_sensitive("authorization"), is_sensitive("x-open")), (true, false));
        assert_eq!(format!("{:?}", map["authorization"]), "Sensitive");

        let unfit = Header { value: "sk-\n0123456789".to_owned(), ..header("api-key", true) };
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
