//! Answers as the host's own `JSON.parse` reads them.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use js_sys::Array;
use lockkeeper::Error;
use lockkeeper::codec::{CallRequest, Codec, Facts, RequestBody, Route, duration_from_seconds};
use wasm_bindgen::prelude::*;

use crate::circuit::Gate;

#[wasm_bindgen(module = "/api/facts.js")]
extern "C" {
    /// The chunks of a stream, as `{ json, text }`, that are read and not yet handed out.
    type Items;

    #[wasm_bindgen(constructor)]
    fn new() -> Items;

    /// Adds the chunks of the events at the start of a stream's bytes that are plain. Gives how many bytes
    /// they are, and the facts of each.
    #[wasm_bindgen(method, js_name = addAll)]
    fn add_all(this: &Items, bytes: &[u8]) -> Vec<u32>;

    /// Adds the chunk, or whole answer, of this text. Gives its facts (see `ERROR` and those below), or
    /// else `NONE`.
    #[wasm_bindgen(method)]
    fn add(this: &Items, text: &str) -> f64;

    /// Each choice of the last one: twice its index, and 1 more where it has ended.
    #[wasm_bindgen(method, getter)]
    fn choices(this: &Items) -> Vec<u32>;

    /// Why there are no facts.
    #[wasm_bindgen(method, getter)]
    fn error(this: &Items) -> String;

    /// The first of them.
    #[wasm_bindgen(method)]
    fn take(this: &Items, count: usize) -> Array;

    /// Makes the whole answer one chunk.
    #[wasm_bindgen(method, js_name = inOneChunk)]
    fn in_one_chunk(this: &Items);
}

const NONE: f64 = -1.0;
const ERROR: u32 = 1;
const VISIBLE: u32 = 2;
/// It has one choice, whose number is in the bits from here on.
const ONE_CHOICE: u32 = 4;
/// It has several choices.
const MANY_CHOICES: u32 = 8;
/// The answer begins anew with it.
const RESTART: u32 = 16;
const FIRST_BIT_OF_CHOICE: u32 = 5;

/// Reads with `JSON.parse`. What it reads stays with JavaScript until it is handed out: to bring each
/// chunk over the border and back would cost more than to read it.
#[derive(Default)]
pub struct JsonParse {
    /// Made when there is something to read.
    items: Option<Rc<Items>>,
}

/// Each stream has its own.
impl Clone for JsonParse {
    fn clone(&self) -> Self {
        Self::default()
    }
}

/// An answer, or a chunk.
pub struct Item {
    /// Where it is: the next that nobody has taken.
    items: Rc<Items>,
    facts: u32,
    /// Its choices, where it has several.
    choices: Vec<u32>,
}

impl JsonParse {
    fn items(&mut self) -> &Rc<Items> {
        self.items.get_or_insert_with(|| Rc::new(Items::new()))
    }
}

impl Item {
    /// What has been added, by its facts.
    fn added(items: &Rc<Items>, facts: f64) -> Result<Self, String> {
        if facts == NONE {
            return Err(items.error());
        }
        let facts = facts as u32;
        let choices = if facts & MANY_CHOICES != 0 { items.choices() } else { Vec::new() };
        Ok(Self { items: items.clone(), facts, choices })
    }

    fn read(items: &Rc<Items>, text: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(text).map_err(|_| "is not UTF-8".to_owned())?;
        Self::added(items, items.add(text))
    }

    /// This one and those behind it, `count` in all, as they are for JavaScript.
    pub fn take(&self, count: usize) -> Array {
        self.items.take(count)
    }
}

impl Codec for JsonParse {
    type Answer = Answer;
    type Chunk = Item;

    fn answer(&self, body: &[u8]) -> Result<Answer, String> {
        Item::read(&Rc::new(Items::new()), body).map(Answer)
    }

    fn chunks(&mut self, bytes: &[u8]) -> (usize, Vec<Item>) {
        let items = self.items();
        let mut numbers = items.add_all(bytes).into_iter();
        let length = numbers.next().unwrap_or_default() as usize;
        let item = |facts| Item { items: items.clone(), facts, choices: Vec::new() };
        (length, numbers.map(item).collect())
    }

    fn chunk(&mut self, data: &[u8]) -> Result<Item, String> {
        Item::read(self.items(), data)
    }
}

/// A whole answer.
pub struct Answer(Item);

impl Answer {
    /// The answer, as it is for JavaScript.
    pub fn value(&self) -> JsValue {
        self.0.take(1).get(0)
    }
}

impl From<Answer> for Item {
    fn from(answer: Answer) -> Self {
        answer.0.items.in_one_chunk();
        answer.0
    }
}

impl Facts for Item {
    fn is_error(&self) -> bool {
        self.facts & ERROR != 0
    }

    fn is_visible(&self) -> bool {
        self.facts & VISIBLE != 0
    }

    fn is_restart(&self) -> bool {
        self.facts & RESTART != 0
    }

    fn choices(&self) -> impl Iterator<Item = (u32, bool)> {
        let one = (self.facts & ONE_CHOICE != 0).then_some(self.facts >> FIRST_BIT_OF_CHOICE);
        let choices = one.into_iter().chain(self.choices.iter().copied());
        choices.map(|choice| (choice / 2, choice % 2 == 1))
    }
}

impl Facts for Answer {
    fn is_error(&self) -> bool {
        self.0.is_error()
    }

    fn is_visible(&self) -> bool {
        true
    }

    fn choices(&self) -> impl Iterator<Item = (u32, bool)> {
        self.0.choices()
    }
}

/// What is added to a stream's body to ask for its usage.
const ASKS_USAGE: &str = r#","stream_options":{"include_usage":true}}"#;

/// A body that JavaScript has written.
struct Body(String);

impl RequestBody for Body {
    fn json(&self, asks_usage: bool) -> Result<Bytes, Error> {
        let text = match self.0.strip_suffix('}') {
            Some(open) if asks_usage => [open, ASKS_USAGE].concat(),
            _ => self.0.clone(),
        };
        Ok(text.into())
    }
}

/// A request with this body, and what else is not as the client's settings say.
pub fn request(body: String, model: Option<String>, n: u32, terms: Option<Terms>) -> CallRequest {
    let request =
        CallRequest { model, choices: n as usize, ..CallRequest::new(Arc::new(Body(body))) };
    let Some(Terms { clocks, max_retries, priority, route }) = terms else { return request };
    let [timeout, headers_timeout, first_token_timeout, idle_timeout] = clocks;
    CallRequest {
        timeout,
        headers_timeout,
        first_token_timeout,
        idle_timeout,
        max_retries,
        priority,
        route,
        ..request
    }
}

/// How long a call may take and how often to try, where its options say so; see `../api/request.js`.
#[wasm_bindgen]
#[derive(Default)]
pub struct Terms {
    /// In the order of `CLOCKS` there.
    clocks: [Option<Duration>; 4],
    max_retries: Option<u32>,
    priority: i8,
    route: Option<Route>,
}

#[wasm_bindgen]
impl Terms {
    /// Those of the client's settings.
    #[wasm_bindgen(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// Says how the call is one of several: with another target behind this one or not, and how long its
    /// answer may take to begin.
    pub fn route(&mut self, has_next: bool, begin_within: Option<f64>) {
        let begin_within = begin_within.and_then(|seconds| duration_from_seconds(seconds).ok());
        self.route = Some(Route { passes: Vec::new(), has_next, begin_within });
    }

    /// The same, past this gate too.
    pub fn gate(&mut self, gate: &Gate) {
        self.route.get_or_insert_default().passes.push(gate.pass());
    }

    /// Sets how often to try again.
    pub fn retries(&mut self, max_retries: u32) {
        self.max_retries = Some(max_retries);
    }

    /// Sets which of the calls that wait goes on first.
    pub fn priority(&mut self, priority: i8) {
        self.priority = priority;
    }

    /// Sets one of the clocks; what is wrong with it, if something is.
    pub fn clock(&mut self, number: usize, seconds: f64) -> Option<String> {
        match duration_from_seconds(seconds) {
            Ok(duration) if duration.is_zero() => {
                return Some("must be a number of seconds above 0".to_owned());
            }
            Ok(duration) => *self.clocks.get_mut(number)? = Some(duration),
            Err(problem) => return Some(problem),
        }
        None
    }
}
