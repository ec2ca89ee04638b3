//! The transport of the package: the host's `fetch`, which `../api/exchange.js` calls.
//!
//! The library has one of its own, for Rust alone. This one crosses the border once for the request, once
//! for the response and once for each piece, and has no function made for what it waits for.

use std::future::poll_fn;
use std::task::Poll;

use bytes::Bytes;
use futures_util::stream;
use js_sys::Function;
use lockkeeper::{BoxFuture, Headers, HttpRequest, HttpResponse, Transport, TransportError};
use wasm_bindgen::prelude::*;

#[wasm_bindgen(module = "/api/exchange.js")]
extern "C" {
    type Exchange;

    /// Sends a request; a header's name and its value are a line each.
    #[wasm_bindgen(constructor)]
    fn new(
        fetch: Option<&Function>,
        method: &str,
        url: &str,
        headers: &str,
        body: &[u8],
    ) -> Exchange;

    /// The status of the response, or one of those below. If it is `PENDING`, whoever polls is woken.
    #[wasm_bindgen(method)]
    fn status(this: &Exchange) -> i32;

    /// Its headers, as those of the request.
    #[wasm_bindgen(method, getter)]
    fn headers(this: &Exchange) -> String;

    /// The length of the next piece of the body, or one of those below.
    #[wasm_bindgen(method)]
    fn next(this: &Exchange) -> i32;

    /// Copies that piece.
    #[wasm_bindgen(method)]
    fn copy(this: &Exchange, into: &mut [u8]);

    /// What is wrong.
    #[wasm_bindgen(method, getter)]
    fn error(this: &Exchange) -> String;

    /// Ends it, if it has not ended.
    #[wasm_bindgen(method)]
    fn end(this: &Exchange);
}

const PENDING: i32 = -1;
const END: i32 = -2;
const BROKEN: i32 = -3;

/// The host's `fetch`, or one of somebody's own.
pub struct Fetch(pub Option<Function>);

impl Transport for Fetch {
    fn send(
        &self,
        request: HttpRequest,
    ) -> BoxFuture<'static, Result<HttpResponse, TransportError>> {
        let fetch = self.0.clone();
        Box::pin(async move {
            let headers = request.headers.iter().flat_map(|it| [&*it.name, &*it.value]);
            let headers = headers.collect::<Vec<_>>().join("\n");
            let (method, url) = (&*request.method, &*request.url);
            let exchange =
                Open(Exchange::new(fetch.as_ref(), method, url, &headers, &request.body));
            match settled(|| exchange.0.status()).await {
                status @ 0.. => Ok(exchange.response(status as u16)),
                BROKEN => Err(TransportError::connection(exchange.0.error())),
                _ => Err(TransportError::fatal(exchange.0.error())),
            }
        })
    }
}

/// An exchange that ends when this is dropped.
struct Open(Exchange);

impl Open {
    fn response(self, status: u16) -> HttpResponse {
        let texts = self.0.headers();
        let mut texts = texts.split('\n');
        let mut headers = Headers::new();
        while let (Some(name), Some(value)) = (texts.next(), texts.next()) {
            headers.push(name, value);
        }
        let body = stream::unfold(Some(self), |exchange| async move {
            let exchange = exchange?;
            match settled(|| exchange.0.next()).await {
                END => None,
                BROKEN => Some((Err(TransportError::connection(exchange.0.error())), None)),
                length => {
                    let mut bytes = vec![0; length as usize];
                    exchange.0.copy(&mut bytes);
                    Some((Ok(Bytes::from(bytes)), Some(exchange)))
                }
            }
        });
        HttpResponse::new(status, headers, Box::pin(body))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// What this comes to. The task is woken by `../api/task.js`: its waker has nothing to do.
async fn settled(mut state: impl FnMut() -> i32) -> i32 {
    poll_fn(|_| match state() {
        PENDING => Poll::Pending,
        settled => Poll::Ready(settled),
    })
    .await
}
