//! What a number may be: one value that reads, checks and describes it.

use std::fmt;

use crate::platform::number_text;

/// The numbers that a setting takes. Only finite ones, whatever the bounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct NumberRange {
    pub(super) least: f64,
    /// Whether `least` itself is allowed.
    pub(super) least_included: bool,
    pub(super) most: Option<f64>,
    pub(super) whole: bool,
    /// Whether the number is a duration in seconds.
    pub(super) seconds: bool,
}

impl NumberRange {
    /// Any finite number from `least`.
    pub(super) const fn at_least(least: f64) -> Self {
        Self { least, least_included: true, most: None, whole: false, seconds: false }
    }

    /// Any finite number above 0.
    pub(super) const fn above_zero() -> Self {
        Self { least_included: false, ..Self::at_least(0.0) }
    }

    /// A whole number.
    pub(super) const fn whole(least: f64, most: Option<f64>) -> Self {
        Self { most, whole: true, ..Self::at_least(least) }
    }

    /// The same numbers, as seconds.
    pub(super) const fn in_seconds(self) -> Self {
        Self { seconds: true, ..self }
    }

    /// Checks a number.
    ///
    /// # Errors
    ///
    /// The range and the number.
    pub(super) fn check(&self, number: f64) -> Result<(), String> {
        let high_enough =
            if self.least_included { number >= self.least } else { number > self.least };
        let low_enough = self.most.is_none_or(|most| number <= most);
        let whole_enough = !self.whole || number.fract() == 0.0;
        if number.is_finite() && high_enough && low_enough && whole_enough {
            return Ok(());
        }
        Err(format!("must be {self}, not {}", number_text(number)))
    }
}

/// `a whole number from 0 to 100`.
impl fmt::Display for NumberRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.whole { "a whole number" } else { "a number" })?;
        if self.seconds {
            f.write_str(" of seconds")?;
        }
        let (least, most) = (number_text(self.least), self.most.map(number_text));
        match (self.least_included, most) {
            (true, Some(most)) => write!(f, " from {least} to {most}"),
            (true, None) => write!(f, " of at least {least}"),
            (false, Some(most)) => write!(f, " above {least} and up to {most}"),
            (false, None) => write!(f, " above {least}"),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn refusals_name_the_range() {
        let retries = NumberRange::whole(0.0, Some(100.0));
        for number in [0.0, 5.0, 100.0] {
            assert_eq!(retries.check(number), Ok(()));
        }
        for (range, number, message) in [
            (retries, -1.0, "must be a whole number from 0 to 100, not -1"),
            (retries, 101.0, "must be a whole number from 0 to 100, not 101"),
            (retries, 2.5, "must be a whole number from 0 to 100, not 2.5"),
            (NumberRange::above_zero(), 0.0, "must be a number above 0, not 0"),
            (NumberRange::above_zero(), f64::NAN, "must be a number above 0, not NaN"),
            (NumberRange::at_least(1.0), 0.5, "must be a number of at least 1, not 0.5"),
            (NumberRange::at_least(1.0), f64::INFINITY, "must be a number of at least 1, not inf"),
        ] {
            assert_eq!(range.check(number).unwrap_err(), message);
        }
    }
}
