//! Who talks to the server: the loop that one would write by hand, lockkeeper and its peers, all behind one
//! trait.

mod async_openai;
mod eventsource;
mod genai;
mod liter_llm;
mod lockkeeper;
mod raw;
mod rig;
mod typed;

use std::any::Any;
use std::sync::Arc;

use futures::future::BoxFuture;

use crate::Result;

/// What every request says.
const PROMPT: &str = "Name three canals.";
const KEY: &str = "sk-bench-0123456789abcdef";

/// A client of one model.
pub trait Client: Send + Sync {
    /// Reads a stream to its end, and gives back how many bytes its text has.
    fn stream(&self) -> BoxFuture<'_, Result<usize>>;

    /// Opens a stream, reads its first text and gives the rest back.
    fn open(&self) -> BoxFuture<'_, Result<Box<dyn Any + Send>>>;

    /// Asks for a whole answer, and gives back how many bytes its text has.
    fn chat(&self) -> BoxFuture<'_, Result<usize>>;
}

/// A kind of client.
pub struct Kind {
    /// What tables call it.
    pub name: &'static str,
    /// Whether it can ask for a whole answer.
    pub chats: bool,
    /// Whether its streams are of a sort of their own, rather than another way to read the same.
    pub opens: bool,
    make: Make,
}

type Make = fn(base_url: &str, model: &str) -> Result<Arc<dyn Client>>;

impl Kind {
    const fn new(name: &'static str, make: Make) -> Self {
        Self { name, chats: true, opens: true, make }
    }

    /// One that only has a way of its own to read streams.
    const fn of_streams(name: &'static str, make: Make) -> Self {
        Self { name, chats: false, opens: false, make }
    }

    /// A client of a model.
    pub fn client(&self, base_url: &str, model: &str) -> Result<Arc<dyn Client>> {
        (self.make)(base_url, model)
    }
}

/// By hand; what all others are measured by.
pub const RAW: &str = "by hand";
/// The library itself.
pub const LOCKKEEPER: &str = "lockkeeper";

/// All of them.
pub const KINDS: [Kind; 8] = [
    Kind::new(RAW, raw::make),
    Kind::of_streams("eventsource-stream", eventsource::make),
    Kind::new(LOCKKEEPER, lockkeeper::make),
    Kind::of_streams("lockkeeper, text()", lockkeeper::make_for_text),
    Kind::new("async-openai", async_openai::make),
    Kind::new("genai", genai::make),
    Kind::new("rig", rig::make),
    Kind::new("liter-llm", liter_llm::make),
];

/// The kind of a name.
pub fn kind(name: &str) -> Result<&'static Kind> {
    const { &KINDS }
        .iter()
        .find(|kind| kind.name == name)
        .ok_or_else(|| format!("no client is called {name}").into())
}
