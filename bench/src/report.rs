//! What all the work has shown: printed as it comes, and written to files at the end.

use std::fs;
use std::path::Path;

use serde::Serialize;

use crate::Result;
use crate::contest::Outcome;
use crate::growth::{Curve, draw};

/// Everything so far.
#[derive(Default, Serialize)]
pub struct Report {
    outcomes: Vec<Outcome>,
    curves: Vec<Curve>,
}

impl Report {
    /// Prints outcomes, and keeps them.
    pub fn add_outcomes(&mut self, outcomes: Vec<Outcome>) {
        for Outcome { measure, rounds, contenders } in &outcomes {
            println!("\n{} ({}, the median of {rounds} rounds)", measure.title, measure.unit);
            for standing in contenders {
                println!(
                    "  {:<20}{:>12}  × {:<6.2} from {} to {}",
                    standing.name,
                    rounded(standing.median),
                    standing.ratio,
                    rounded(standing.least),
                    rounded(standing.most),
                );
            }
        }
        self.outcomes.extend(outcomes);
    }

    /// Prints curves, and keeps them.
    pub fn add_curves(&mut self, curves: Vec<Curve>) {
        for curve in &curves {
            let figure = &curve.figure;
            println!(
                "\n{} ({}), by {}: {} expected",
                figure.title, figure.cost, figure.of, figure.expected
            );
            for line in &curve.lines {
                let points: Vec<String> =
                    line.points.iter().map(|(x, y)| format!("{x}: {}", rounded(*y))).collect();
                println!("  {:<14}n^{:.2}  {}", line.name, line.exponent, points.join("  "));
            }
        }
        self.curves.extend(curves);
    }

    /// Writes the figures and draws the plots.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn write(&self, json: Option<&Path>, plots: Option<&Path>) -> Result<()> {
        if let Some(json) = json {
            fs::write(json, serde_json::to_vec_pretty(self)?)?;
        }
        if let Some(plots) = plots {
            fs::create_dir_all(plots)?;
            self.curves.iter().try_for_each(|curve| draw(curve, plots))?;
        }
        Ok(())
    }
}

/// With as many digits as mean something.
fn rounded(figure: f64) -> String {
    match figure {
        figure if figure >= 100.0 => format!("{figure:.0}"),
        figure if figure >= 10.0 => format!("{figure:.1}"),
        figure => format!("{figure:.2}"),
    }
}
