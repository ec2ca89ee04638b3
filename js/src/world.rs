//! Settings and loading: clients from the text of a `provider.json`.

use std::cell::RefCell;
use std::sync::Arc;

use js_sys::{Array, Function};
use lockkeeper::{ConfigLoader, estimate_tokens};
use wasm_bindgen::prelude::*;

use crate::client::Client;
use crate::exchange::Fetch;
use crate::lists;
use crate::observer::Listener;
use crate::pool::Pool;
use crate::shared_state::Sharing;

/// Whose keys a client uses.
enum Keys {
    /// Those of its entry, within the pool of the provider.
    OfEntries,
    /// Its own alone.
    OfClient,
    /// Those of a pool.
    Pool(Pool),
}

/// The clients of a `provider.json`, in its order.
fn clients(
    text: &str,
    env: impl Fn(&str) -> Option<String>,
    pool: Keys,
    fetch: Option<Function>,
    sharing: Option<Sharing>,
) -> Result<Vec<Client>, JsValue> {
    let listeners = RefCell::new(Vec::new());
    let mut loader =
        ConfigLoader::new().env(env).transport(Arc::new(Fetch(fetch))).observers(|_settings| {
            let listener = Listener::default();
            listeners.borrow_mut().push(listener.clone());
            Arc::new(listener)
        });
    match pool {
        Keys::OfEntries => {}
        Keys::OfClient => loader = loader.own_pools(),
        Keys::Pool(pool) => loader = loader.key_pool(pool.into_inner()),
    }
    if let Some(sharing) = sharing {
        let (state, options) = sharing.into_parts();
        loader = loader.shared_state(state, options);
    }
    let clients = loader.load_list(text).map_err(|error| lists::error(&error))?;
    Ok(clients.into_iter().zip(listeners.take()).map(|(llm, it)| Client::new(llm, it)).collect())
}

/// Loads a `provider.json`: a list of `[provider, model, client, its fallbacks]`.
#[wasm_bindgen]
pub fn load(
    text: &str,
    lookup: &Function,
    fetch: Option<Function>,
    sharing: Option<Sharing>,
) -> Result<Array, JsValue> {
    let env = |name: &str| lookup.call1(&JsValue::UNDEFINED, &name.into()).ok()?.as_string();
    let found = Array::new();
    for client in clients(text, env, Keys::OfEntries, fetch, sharing)? {
        let (provider, name) = client.name();
        let fallbacks = client.fallbacks().iter().map(JsValue::from).collect::<Array>();
        let (provider, name) = (provider.into(), name.into());
        found.push(&lists::list([provider, name, client.into(), fallbacks.into()]));
    }
    Ok(found)
}

/// Makes the one client of a `provider.json`. With a pool, its keys are the client's.
#[wasm_bindgen]
pub fn client(
    text: &str,
    pool: Option<Pool>,
    fetch: Option<Function>,
    sharing: Option<Sharing>,
) -> Result<Option<Client>, JsValue> {
    let keys = pool.map_or(Keys::OfClient, Keys::Pool);
    Ok(clients(text, |_| None, keys, fetch, sharing)?.pop())
}

/// A rough estimate of how many LLM tokens a text is.
#[wasm_bindgen]
pub fn estimate(text: &str) -> f64 {
    estimate_tokens(text) as f64
}
