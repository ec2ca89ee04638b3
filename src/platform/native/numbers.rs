//! Numbers and their texts, by the standard library.

/// The number that a text of signs, digits, a point and an exponent means; infinite where it is too
/// large.
pub fn number(text: &str) -> Option<f64> {
    text.parse().ok()
}

/// The number for a message, in as many digits as tell it from any other.
pub fn number_text(number: f64) -> String {
    // Beyond this the zeros only fill the line.
    if number.abs() < 1e15 { number.to_string() } else { format!("{number:e}") }
}
