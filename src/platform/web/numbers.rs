//! Numbers and their texts, by the host: the standard library's own way brings tables that would be
//! a large part of the wasm file.

use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = Number)]
    fn number_of(text: &str) -> f64;
    #[wasm_bindgen(js_name = String)]
    fn text_of(number: f64) -> String;
}

/// The number that a text of signs, digits, a point and an exponent means; infinite where it is too
/// large.
pub fn number(text: &str) -> Option<f64> {
    // To JavaScript no text is 0.
    if text.is_empty() { None } else { Some(number_of(text)).filter(|number| !number.is_nan()) }
}

/// The number for a message, in as many digits as tell it from any other.
pub fn number_text(number: f64) -> String {
    text_of(number)
}
