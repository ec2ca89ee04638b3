//! The transport of JavaScript hosts: `fetch`, with the body read as a stream.
//!
//! What a `fetch` of somebody's own gives back is whatever it likes: everything is taken out of it by
//! ways that tell of an exception, rather than let it through.

use bytes::Bytes;
use futures_util::stream;
use js_sys::{Array, Function, Object, Promise, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

use crate::platform::{
    Body, BoxFuture, Headers, HttpRequest, HttpResponse, Transport, TransportError, boxed,
    boxed_stream,
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
            let exchange = Exchange::new().map_err(|error| fatal(&error))?;
            let init = exchange.init(&request).map_err(|error| fatal(&error))?;
            let response = fetch.call2(&JsValue::UNDEFINED, &(&*request.url).into(), &init);
            let response = settled(response).await.map_err(|error| broken(&error))?;
            exchange.answer(&response).map_err(|error| unfit(&error))
        })
    }
}

/// A request that is aborted when this is dropped before its end.
struct Exchange {
    controller: JsValue,
    ended: bool,
}

impl Exchange {
    fn new() -> Result<Self, JsValue> {
        Ok(Self { controller: new("AbortController")?, ended: false })
    }

    fn end(&mut self) {
        self.ended = true;
    }

    fn init(&self, request: &HttpRequest) -> Result<JsValue, JsValue> {
        let init = Object::new();
        let set = |name: &str, value: &JsValue| Reflect::set(&init, &name.into(), value);
        set("method", &(&*request.method).into())?;
        // A key must not leave its provider's origin.
        set("redirect", &"manual".into())?;
        set("signal", &get(&self.controller, "signal")?)?;
        if !request.body.is_empty() {
            set("body", &Uint8Array::from(&*request.body))?;
        }
        let headers = Array::new();
        for header in &request.headers {
            headers.push(&Array::of2(&(&*header.name).into(), &(&*header.value).into()));
        }
        set("headers", &headers)?;
        Ok(init.into())
    }

    fn answer(self, response: &JsValue) -> Result<HttpResponse, JsValue> {
        let status = get(response, "status")?.as_f64().ok_or("it has no `status`")?;
        let status = if status == 0.0 { HIDDEN_REDIRECT } else { status as u16 };
        let headers = all(&get(response, "headers")?);
        // A response without a body, such as to a 204, has none to read.
        let body = get(response, "body")?;
        let reader = match body.is_null() || body.is_undefined() {
            true => None,
            false => Some(call(&body, "getReader")?),
        };
        Ok(HttpResponse::new(status, headers, self.body(reader)))
    }

    fn body(self, reader: Option<JsValue>) -> Body {
        boxed_stream(stream::unfold((self, reader), |(mut exchange, reader)| async move {
            let reader = reader?;
            match read(&reader).await {
                Ok(Some(bytes)) => Some((Ok(bytes), (exchange, Some(reader)))),
                Ok(None) => {
                    exchange.end();
                    None
                }
                Err(error) => Some((Err(broken(&error)), (exchange, None))),
            }
        }))
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if !self.ended {
            // An isolate throws where a request that is gone is ended from another's turn; what is
            // being dropped with this one must be dropped even so.
            let _ = call(&self.controller, "abort");
        }
    }
}

async fn read(reader: &JsValue) -> Result<Option<Bytes>, JsValue> {
    let read = settled(call(reader, "read")).await?;
    if get(&read, "done")?.is_truthy() {
        return Ok(None);
    }
    let piece = get(&read, "value")?;
    match (piece.dyn_ref::<Uint8Array>(), piece.as_string()) {
        (Some(bytes), _) => Ok(Some(bytes.to_vec().into())),
        (None, Some(text)) => Ok(Some(text.into())), // as people's own do
        (None, None) => Err("the body holds a piece that is no Uint8Array".into()),
    }
}

/// The headers that the host lets a script see; also those of a plain object.
fn all(headers: &JsValue) -> Headers {
    let entries = call(headers, "entries").map_or_else(
        |_| headers.dyn_ref::<Object>().map(Object::entries),
        |entries| Some(Array::from(&entries)),
    );
    let pair = |entry: JsValue| {
        let entry: Array = entry.dyn_into().ok()?;
        Some((entry.get(0).as_string()?.to_ascii_lowercase(), entry.get(1).as_string()?))
    };
    entries.into_iter().flat_map(|entries| entries.to_vec()).filter_map(pair).collect()
}

/// What a value, or a promise of it, comes to.
async fn settled(value: Result<JsValue, JsValue>) -> Result<JsValue, JsValue> {
    JsFuture::from(Promise::resolve(&value?)).await
}

fn new(class: &str) -> Result<JsValue, JsValue> {
    let class: Function = get(&js_sys::global(), class)?.dyn_into()?;
    Reflect::construct(&class, &Array::new())
}

/// A function of the global object.
fn global_function(name: &str) -> Option<Function> {
    get(&js_sys::global(), name).ok()?.dyn_into().ok()
}

fn get(of: &JsValue, name: &str) -> Result<JsValue, JsValue> {
    Reflect::get(of, &name.into())
}

fn call(on: &JsValue, method: &str) -> Result<JsValue, JsValue> {
    get(on, method)?.dyn_into::<Function>()?.call0(on)
}

fn fatal(error: &JsValue) -> TransportError {
    TransportError::fatal(text(error))
}

fn broken(error: &JsValue) -> TransportError {
    TransportError::connection(text(error))
}

/// The host's `fetch` gives responses; one of somebody's own may not.
fn unfit(error: &JsValue) -> TransportError {
    TransportError::fatal(format!("`fetch` gave no usable response: {}", text(error)))
}

/// An error's message, with its cause: Node says no more than "fetch failed" without.
fn text(error: &JsValue) -> String {
    let message = |value: &JsValue| get(value, "message").ok().and_then(|text| text.as_string());
    let said = message(error).or_else(|| error.as_string());
    let said = said.unwrap_or_else(|| "the request failed without a word".to_owned());
    match get(error, "cause").ok().and_then(|cause| message(&cause)) {
        Some(cause) => format!("{said}: {cause}"),
        None => said,
    }
}
