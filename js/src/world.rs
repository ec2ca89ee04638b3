//! Settings and loading: clients from the text of a `provider.json`.

use std::sync::Arc;

use js_sys::{Array, Function};
use lockkeeper::{
    ConfigLoader, FetchTransport, ModelSettings, OpenAiCompatible, Transport, estimate_tokens,
    parse_provider_json,
};
use wasm_bindgen::prelude::*;

use crate::client::Client;
use crate::lists;
use crate::observer::Listener;
use crate::pool::Pool;

/// The transport over this `fetch`, or over the host's.
fn transport(fetch: Option<Function>) -> Arc<dyn Transport> {
    Arc::new(fetch.map_or_else(FetchTransport::new, FetchTransport::with_fetch))
}

/// Looks up a variable with a function.
fn env(lookup: &Function) -> impl Fn(&str) -> Option<String> {
    move |name| lookup.call1(&JsValue::UNDEFINED, &name.into()).ok()?.as_string()
}

/// Loads a `provider.json`: a list of `[provider, model, client]`.
#[wasm_bindgen]
pub fn load(text: &str, lookup: &Function, fetch: Option<Function>) -> Result<Array, JsValue> {
    let listeners = std::cell::RefCell::new(Vec::new());
    let providers = ConfigLoader::new()
        .env(env(lookup))
        .transport(transport(fetch))
        .observers(|settings| {
            let listener = Listener::default();
            let name = (settings.provider.clone(), settings.name.clone());
            listeners.borrow_mut().push((name, listener.clone()));
            Arc::new(listener)
        })
        .load_str(text)
        .map_err(|error| lists::error(&error))?;
    let found = listeners.into_inner().into_iter().filter_map(|((provider, name), listener)| {
        let llm = providers.get(&provider)?.get(&name)?.clone();
        let client = Client::new(llm, listener);
        Some(lists::list([provider.into(), name.into(), client.into()]))
    });
    Ok(found.collect())
}

/// Makes the one client of a `provider.json`. With a pool, its keys are the client's.
#[wasm_bindgen]
pub fn client(text: &str, pool: Option<Pool>, fetch: Option<Function>) -> Result<Client, JsValue> {
    let listener = Listener::default();
    let build = || {
        let settings = parse_provider_json(text, &|_| None)?.into_iter().next();
        let mut settings = settings.unwrap_or_else(|| ModelSettings::new("", "", [""; 0]));
        if pool.is_some() {
            settings.api_keys.clear();
        }
        let builder = OpenAiCompatible::builder(settings).observer(Arc::new(listener.clone()));
        let builder = builder.transport(transport(fetch));
        match pool {
            Some(pool) => builder.key_pool(pool.into_inner()).build(),
            None => builder.build(),
        }
    };
    match build() {
        Ok(llm) => Ok(Client::new(llm, listener)),
        Err(error) => Err(lists::error(&error)),
    }
}

/// A rough estimate of how many LLM tokens a text is.
#[wasm_bindgen]
pub fn estimate(text: &str) -> f64 {
    estimate_tokens(text) as f64
}
