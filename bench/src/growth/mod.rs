//! How cost grows with what there is more of.

mod bodies;
mod keys;
mod open_streams;
mod plot;
mod waiters;

use serde::Serialize;

use crate::Result;
use crate::bench::Bench;
use crate::contest::{Contender, Measure, interleaved};
pub use plot::draw;

/// One kind of growth.
pub struct Growth {
    /// What the command line calls it.
    pub name: &'static str,
    /// Measures it.
    pub run: fn(&Bench) -> Result<Vec<Curve>>,
}

/// All kinds.
pub const GROWTHS: [Growth; 4] = [
    Growth { name: "keys", run: keys::run },
    Growth { name: "waiters", run: waiters::run },
    Growth { name: "streams", run: open_streams::run },
    Growth { name: "bodies", run: bodies::run },
];

/// What a curve shows.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Figure {
    /// The name of its file.
    pub id: &'static str,
    /// What stands above it.
    pub title: &'static str,
    /// What there is more of.
    pub of: &'static str,
    /// What that costs.
    pub cost: &'static str,
    /// The order that it should have.
    pub expected: &'static str,
    /// From where on the order shows: before it, what is constant counts for more.
    pub fitted_from: usize,
}

/// What was measured, for everybody.
#[derive(Serialize)]
pub struct Curve {
    /// What it shows.
    #[serde(flatten)]
    pub figure: Figure,
    /// A line for each contender.
    pub lines: Vec<Line>,
}

/// How the cost grows for one contender.
#[derive(Serialize)]
pub struct Line {
    /// Who.
    pub name: String,
    /// How much of it there is, and the cost.
    pub points: Vec<(f64, f64)>,
    /// The power of how much there is that fits best.
    pub exponent: f64,
}

/// Lets contenders work on more and more.
fn grown<'a>(
    bench: &Bench,
    figure: Figure,
    sizes: &[usize],
    contenders: impl Fn(usize) -> Result<Vec<Contender<'a>>>,
) -> Result<Curve> {
    let measure = Measure { id: figure.id, title: figure.title, unit: figure.cost };
    let mut lines: Vec<Line> = Vec::new();
    for &size in sizes {
        let outcomes = interleaved(&[measure], bench.effort.rounds, contenders(size)?)?;
        for (place, standing) in outcomes.into_iter().flat_map(|o| o.contenders).enumerate() {
            if lines.len() == place {
                lines.push(Line { name: standing.name, points: Vec::new(), exponent: f64::NAN });
            }
            lines[place].points.push((size as f64, standing.median));
        }
    }
    for line in &mut lines {
        line.exponent = exponent(&line.points, figure.fitted_from);
    }
    Ok(Curve { figure, lines })
}

/// The slope of the straight line that is nearest to the points where both axes are logarithmic.
fn exponent(points: &[(f64, f64)], from: usize) -> f64 {
    let logs: Vec<(f64, f64)> = points
        .iter()
        .filter(|(x, y)| *x >= from as f64 && *y > 0.0)
        .map(|(x, y)| (x.ln(), y.ln()))
        .collect();
    let count = logs.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| logs.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|log| log.0), mean(|log| log.1));
    let slope: f64 = logs.iter().map(|log| (log.0 - x) * (log.1 - y)).sum();
    slope / logs.iter().map(|log| (log.0 - x).powi(2)).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponent_is_that_of_the_power() {
        let points = |power: i32| [1.0, 10.0, 100.0, 1000.0].map(|x: f64| (x, 7.0 * x.powi(power)));
        for power in [0, 1, 2] {
            assert!((exponent(&points(power), 1) - f64::from(power)).abs() < 1e-9, "{power}");
        }
        let mut from_ten_on = points(1);
        from_ten_on[0].1 = 1e6;
        assert!((exponent(&from_ten_on, 10) - 1.0).abs() < 1e-9);
    }
}
