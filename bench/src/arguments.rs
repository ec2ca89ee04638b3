//! The command line.

use std::path::PathBuf;

use crate::Result;
use crate::bench::Effort;

const USUAL: Effort = Effort { rounds: 9, divisor: 1 };
/// Just enough to see that everything works; its figures mean nothing.
const SMOKE: Effort = Effort { rounds: 1, divisor: 100 };

/// What is asked for.
pub struct Wish {
    /// The kinds of work, and of growth; all of them where this is empty.
    pub names: Vec<String>,
    /// How much is done.
    pub effort: Effort,
    /// Where the figures go.
    pub json: Option<PathBuf>,
    /// Where the plots go.
    pub plots: Option<PathBuf>,
}

/// Reads the arguments.
///
/// # Errors
/// One is not known.
pub fn read(arguments: &[String]) -> Result<Wish> {
    let mut wish = Wish { names: Vec::new(), effort: USUAL, json: None, plots: None };
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{argument} takes a value"));
        match argument.as_str() {
            "--json" => wish.json = Some(value()?.into()),
            "--plots" => wish.plots = Some(value()?.into()),
            "--rounds" => wish.effort.rounds = value()?.parse()?,
            "--smoke" => wish.effort = SMOKE,
            option if option.starts_with('-') => return Err(format!("unknown: {option}").into()),
            name => wish.names.push(name.to_owned()),
        }
    }
    Ok(wish)
}

impl Wish {
    /// Whether this was asked for.
    pub fn includes(&self, name: &str) -> bool {
        self.names.is_empty() || self.names.iter().any(|wished| wished == name)
    }
}
