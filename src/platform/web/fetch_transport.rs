//! The transport of JavaScript hosts: `fetch`, with the body read as a stream.

use bytes::Bytes;
use futures_util::stream;
use js_sys::{Array, Function, Promise, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    AbortController, Headers, ReadableStreamDefaultReader, RequestInit, RequestRedirect, Response,
};

use super::global_function;
use crate::platform::{
    BoxFuture, HttpRequest, HttpResponse, Transport, TransportError, boxed, boxed_stream,
};

/// A browser hides a redirect that it was told not to follow behind status 0.
const HIDDEN_REDIRECT: u16 = 302;

/// The transport of browsers, workers, Node, Deno, Bun and edge isolates, over the global `fetch` or
/// one of your own.
#[derive(Clone, Debug, Default)]
pub struct FetchTransport {
    fetch: Option<Function>,
}

impl FetchTransport {
    /// A transport over whatever `fetch` the host has when a request is sent.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A transport over a `fetch` of your own.
    #[must_use]
    pub fn with_fetch(fetch: Function) -> Self {
        Self { fetch: Some(fetch) }
    }
}

impl Transport for FetchTransport {
    fn send(
        &self,
        request: HttpRequest,
    ) -> BoxFuture<'static, Result<HttpResponse, TransportError>> {
        let fetch = self.fetch.clone().or_else(|| global_function("fetch"));
        boxed(async move {
            let fetch = fetch.ok_or_else(|| TransportError::fatal("this host has no `fetch`"))?;
            let exchange = Exchange::new()?;
            let init = exchange.init(&request).map_err(|error| fatal(&error))?;
            let promise = fetch.call2(&JsValue::UNDEFINED, &request.url.as_str().into(), &init);
            let promise: Promise = promise.map_err(|error| broken(&error))?.unchecked_into();
            let response = JsFuture::from(promise).await.map_err(|error| broken(&error))?;
            let response = response.dyn_into::<Response>().unwrap_or_else(JsCast::unchecked_into);
            exchange.answer(&response)
        })
    }
}

/// A request that is aborted when this is dropped before its end.
struct Exchange {
    controller: AbortController,
    ended: bool,
}

impl Exchange {
    fn new() -> Result<Self, TransportError> {
        let controller = AbortController::new().map_err(|error| fatal(&error))?;
        Ok(Self { controller, ended: false })
    }

    fn end(&mut self) {
        self.ended = true;
    }

    fn init(&self, request: &HttpRequest) -> Result<RequestInit, JsValue> {
        let init = RequestInit::new();
        init.set_method(&request.method);
        // A key must not leave its provider's origin.
        init.set_redirect(RequestRedirect::Manual);
        init.set_signal(Some(&self.controller.signal()));
        if !request.body.is_empty() {
            init.set_body(&Uint8Array::from(&*request.body));
        }
        let headers = Headers::new()?;
        for header in &request.headers {
            headers.append(&header.name, &header.value)?;
        }
        init.set_headers(&headers);
        Ok(init)
    }

    fn answer(self, response: &Response) -> Result<HttpResponse, TransportError> {
        let status = match response.status() {
            0 => HIDDEN_REDIRECT,
            status => status,
        };
        let headers = all(&response.headers());
        // A response without a body, such as to a 204, has none to read.
        let reader = response.body().map(|body| body.get_reader().unchecked_into());
        let body = stream::unfold((self, reader), |(mut exchange, reader)| async move {
            let reader: ReadableStreamDefaultReader = reader?;
            match read(&reader).await {
                Ok(Some(bytes)) => Some((Ok(bytes), (exchange, Some(reader)))),
                Ok(None) => {
                    exchange.end();
                    None
                }
                Err(error) => Some((Err(broken(&error)), (exchange, None))),
            }
        });
        Ok(HttpResponse::new(status, headers, boxed_stream(body)))
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        // An isolate throws where a request that is gone is ended from another's turn; what is being
        // dropped with this one must be dropped even so.
        let abort = Reflect::get(&self.controller, &"abort".into()).and_then(JsCast::dyn_into);
        let _ = abort.and_then(|abort: Function| abort.call0(&self.controller));
    }
}

async fn read(reader: &ReadableStreamDefaultReader) -> Result<Option<Bytes>, JsValue> {
    let read = JsFuture::from(reader.read()).await?;
    if Reflect::get(&read, &"done".into())?.is_truthy() {
        return Ok(None);
    }
    let bytes: Uint8Array = Reflect::get(&read, &"value".into())?.unchecked_into();
    Ok(Some(bytes.to_vec().into()))
}

/// The headers that the host lets a script see.
fn all(headers: &Headers) -> Vec<(String, String)> {
    let entries = js_sys::try_iter(&headers.entries()).ok().flatten();
    let pair = |entry: JsValue| {
        let entry: Array = entry.dyn_into().ok()?;
        Some((entry.get(0).as_string()?.to_ascii_lowercase(), entry.get(1).as_string()?))
    };
    entries.into_iter().flatten().flatten().filter_map(pair).collect()
}

fn fatal(error: &JsValue) -> TransportError {
    TransportError::fatal(text(error))
}

fn broken(error: &JsValue) -> TransportError {
    TransportError::connection(text(error))
}

/// An error's message, with its cause: Node says no more than "fetch failed" without.
fn text(error: &JsValue) -> String {
    let field = |value: &JsValue, name: &str| Reflect::get(value, &name.into()).ok();
    let message = |value: &JsValue| field(value, "message").and_then(|text| text.as_string());
    let said = message(error).or_else(|| error.as_string());
    let said = said.unwrap_or_else(|| "the request failed without a word".to_owned());
    match field(error, "cause").and_then(|cause| message(&cause)) {
        Some(cause) => format!("{said}: {cause}"),
        None => said,
    }
}
