//! Answers as the host's own `JSON.parse` reads them.

use std::sync::Arc;

use bytes::Bytes;
use js_sys::{Error as JsError, Function, JsString};
use lockkeeper::codec::{CallRequest, Codec, Facts, RequestBody, Route, duration_from_seconds};
use lockkeeper::{Error, Problem};
use wasm_bindgen::prelude::*;

use crate::circuit::Gate;

#[wasm_bindgen(module = "/api/facts.js")]
extern "C" {
    /// Parses an answer or a chunk into `{ json, text }`, and notes its facts beside it.
    #[wasm_bindgen(catch)]
    fn parse(text: &str) -> Result<JsValue, JsValue>;
    /// Its facts; see `ERROR` and those below.
    fn facts(item: &JsValue) -> u32;
    /// Each of its choices: twice its index, and 1 more where it has ended.
    fn choices(item: &JsValue) -> Vec<u32>;
    /// The same answer as a chunk.
    #[wasm_bindgen(js_name = inOneChunk)]
    fn in_one_chunk(item: JsValue) -> JsValue;
}

const ERROR: u32 = 1;
const VISIBLE: u32 = 2;
/// It has one choice, whose number is in the bits from here on.
const ONE_CHOICE: u32 = 4;
/// It has several choices.
const MANY_CHOICES: u32 = 8;
/// The answer begins anew with it.
const RESTART: u32 = 16;
const FIRST_BIT_OF_CHOICE: u32 = 5;

/// Reads with `JSON.parse`.
#[derive(Clone, Copy)]
pub struct JsonParse;

/// An answer, or a chunk.
pub struct Item {
    /// `{ json, text }`.
    pub value: JsValue,
    facts: u32,
}

impl Item {
    fn parse(text: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(text).map_err(|_| "is not UTF-8".to_owned())?;
        match parse(text) {
            Ok(value) => Ok(Self { facts: facts(&value), value }),
            Err(error) => Err(error.unchecked_into::<JsError>().message().into()),
        }
    }
}

impl Codec for JsonParse {
    type Answer = Answer;
    type Chunk = Item;

    fn answer(&self, body: &[u8]) -> Result<Answer, String> {
        Item::parse(body).map(Answer)
    }

    fn chunk(&mut self, data: &[u8]) -> Result<Item, String> {
        Item::parse(data)
    }
}

/// A whole answer.
pub struct Answer(pub Item);

impl From<Answer> for Item {
    fn from(answer: Answer) -> Self {
        Self { value: in_one_chunk(answer.0.value), ..answer.0 }
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
        let is_many = self.facts & MANY_CHOICES != 0;
        let many = if is_many { choices(&self.value) } else { Vec::new() };
        one.into_iter().chain(many).map(|choice| (choice / 2, choice % 2 == 1))
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

/// A body that JavaScript writes: a function of whether to ask for usage.
struct Body(Function);

impl RequestBody for Body {
    fn json(&self, asks_usage: bool) -> Result<Bytes, Error> {
        let text = self.0.call1(&JsValue::UNDEFINED, &asks_usage.into()).map_err(|error| {
            let message: String = error.unchecked_into::<JsError>().message().into();
            Error::config(vec![Problem::new("", 0, message)])
        })?;
        Ok(String::from(text.unchecked_into::<JsString>()).into())
    }
}

/// A request, from what `../api/request.js` says of it: the body, then what else is not as the
/// client's settings say.
#[wasm_bindgen]
pub struct Request(CallRequest);

#[wasm_bindgen]
impl Request {
    /// A request with the body that this function of `asks_usage` writes.
    #[wasm_bindgen(constructor)]
    pub fn new(body: Function, model: Option<String>, n: u32, may_ask_usage: bool) -> Self {
        let request = CallRequest::new(Arc::new(Body(body)));
        Self(CallRequest { model, choices: n as usize, may_ask_usage, ..request })
    }

    /// Says how the call is one of several: with another target behind this one or not, and how long its
    /// answer may take to begin.
    pub fn route(&mut self, has_next: bool, begin_within: Option<f64>) {
        let begin_within = begin_within.and_then(|seconds| duration_from_seconds(seconds).ok());
        self.0.route = Some(Route { passes: Vec::new(), has_next, begin_within });
    }

    /// The same, past this gate too.
    pub fn gate(&mut self, gate: &Gate) {
        self.0.route.get_or_insert_default().passes.push(gate.pass());
    }

    /// Sets how often to try again.
    pub fn retries(&mut self, max_retries: u32) {
        self.0.max_retries = Some(max_retries);
    }

    /// Sets one of the clocks; what is wrong with it, if something is.
    pub fn clock(&mut self, name: &str, seconds: f64) -> Option<String> {
        let duration = match duration_from_seconds(seconds) {
            Ok(duration) if duration.is_zero() => {
                return Some("must be a number of seconds above 0".to_owned());
            }
            Ok(duration) => Some(duration),
            Err(problem) => return Some(problem),
        };
        let clock = match name {
            "timeout" => &mut self.0.timeout,
            "headersTimeout" => &mut self.0.headers_timeout,
            "firstTokenTimeout" => &mut self.0.first_token_timeout,
            _ => &mut self.0.idle_timeout,
        };
        *clock = duration;
        None
    }
}

impl Request {
    /// The request.
    pub fn call(&self) -> CallRequest {
        self.0.clone()
    }
}
