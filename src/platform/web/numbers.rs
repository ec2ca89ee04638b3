//! Numbers and their texts, by the host: the standard library's own way brings tables that would be
//! a large part of the wasm file.

use wasm_bindgen::JsValue;

use super::global_function;

/// The number that a text of signs, digits, a point and an exponent means; infinite where it is too
/// large.
pub fn number(text: &str) -> Option<f64> {
    // To JavaScript no text is 0.
    let number = converted("Number", &text.into()).filter(|_| !text.is_empty())?;
    number.as_f64().filter(|number| !number.is_nan())
}

/// The number for a message, in as many digits as tell it from any other.
pub fn number_text(number: f64) -> String {
    converted("String", &number.into()).and_then(|text| text.as_string()).unwrap_or_default()
}

fn converted(to: &str, value: &JsValue) -> Option<JsValue> {
    global_function(to)?.call1(&JsValue::UNDEFINED, value).ok()
}
