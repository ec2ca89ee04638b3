//! Events, for those who listen.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::{Array, Function};
use lockkeeper::{Event, Observer, Outcome, WaitFor};
use wasm_bindgen::JsValue;

use crate::lists::{attempt, list, seconds};

/// Whom a client tells: a function of an event's name and a list of its parts, while somebody listens.
#[derive(Clone, Default)]
pub struct Listener(Rc<RefCell<Option<Function>>>);

impl Listener {
    /// From now on, or no more.
    pub fn set(&self, listener: Option<Function>) {
        *self.0.borrow_mut() = listener;
    }
}

impl Observer for Listener {
    fn on_event(&self, call: u64, event: &Event<'_>) {
        let Some(listener) = self.0.borrow().clone() else { return };
        let (name, parts) = parts(event);
        let parts = Array::from(&parts);
        parts.unshift(&(call as f64).into());
        // What a listener throws is caught where it was given.
        let _ = listener.call2(&JsValue::UNDEFINED, &name.into(), &parts);
    }
}

fn parts(event: &Event<'_>) -> (&'static str, JsValue) {
    match event {
        Event::Waits { reason, planned, .. } => {
            let reason = match reason {
                WaitFor::Token => "token",
                WaitFor::Key => "key",
                WaitFor::Concurrency => "concurrency",
                WaitFor::Budget => "budget",
                _ => "retry",
            };
            ("wait", list([reason.into(), planned.map(|it| it.as_secs_f64()).into()]))
        }
        Event::Sends { key_label, model, .. } => {
            ("attempt", list([(*key_label).into(), (*model).into()]))
        }
        Event::Headers { key_label, status, took, .. } => {
            ("headers", list([(*key_label).into(), (*status).into(), seconds(*took)]))
        }
        Event::FirstToken { key_label, took, .. } => {
            ("firstToken", list([(*key_label).into(), seconds(*took)]))
        }
        Event::Fails { attempt: failed, retry_after, .. } => {
            ("failure", list([attempt(failed), retry_after.map(|it| it.as_secs_f64()).into()]))
        }
        Event::Ends { outcome, key_label, .. } => {
            let key_label = key_label.map_or(JsValue::UNDEFINED, JsValue::from_str);
            ("end", list([outcome_word(*outcome).into(), key_label]))
        }
        _ => ("", JsValue::UNDEFINED),
    }
}

fn outcome_word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Succeeded => "succeeded",
        Outcome::Failed => "failed",
        _ => "cancelled",
    }
}
