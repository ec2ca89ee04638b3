//! Contenders at one kind of work, all in turn, round after round: what the machine does meanwhile happens to
//! all of them.

use serde::Serialize;

use crate::Result;

/// What one round shows of a contender: a figure for each measure.
pub type Round<'a> = Box<dyn FnMut() -> Result<Vec<f64>> + 'a>;

/// What is measured.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Measure {
    /// By which scripts know it.
    pub id: &'static str,
    /// What the table calls it.
    pub title: &'static str,
    /// Of the figures.
    pub unit: &'static str,
}

/// Somebody who does the work.
pub struct Contender<'a> {
    name: String,
    round: Round<'a>,
}

impl<'a> Contender<'a> {
    /// Somebody by a name.
    pub fn new(name: impl Into<String>, round: impl FnMut() -> Result<Vec<f64>> + 'a) -> Self {
        Self { name: name.into(), round: Box::new(round) }
    }
}

/// How all contenders did by one measure.
#[derive(Serialize)]
pub struct Outcome {
    /// What was measured.
    #[serde(flatten)]
    pub measure: Measure,
    /// How many rounds there were.
    pub rounds: usize,
    /// Everybody, in the order of the rounds; the first is what the others are compared with.
    pub contenders: Vec<Standing>,
}

/// How one contender did.
#[derive(Serialize)]
pub struct Standing {
    /// Who.
    pub name: String,
    /// The median over all rounds.
    pub median: f64,
    /// The median of what each round shows in relation to the first contender's figure of that round.
    pub ratio: f64,
    /// The lowest figure.
    pub least: f64,
    /// The highest.
    pub most: f64,
}

/// Lets all contenders work in turn. A first round, in which connections are made and caches filled, is not
/// counted.
///
/// # Errors
/// That of a contender.
pub fn interleaved(
    measures: &[Measure],
    rounds: usize,
    mut contenders: Vec<Contender>,
) -> Result<Vec<Outcome>> {
    let mut figures = vec![Vec::new(); contenders.len()];
    for round in 0..=rounds {
        for (contender, figures) in contenders.iter_mut().zip(&mut figures) {
            let shown =
                (contender.round)().map_err(|error| format!("{}: {error}", contender.name))?;
            if round > 0 {
                figures.push(shown);
            }
        }
    }
    let outcome = |(index, measure): (usize, &Measure)| {
        let column = |of: &Vec<Vec<f64>>| of.iter().map(|round| round[index]).collect::<Vec<_>>();
        let first = figures.first().map(column).unwrap_or_default();
        let standings = contenders.iter().zip(&figures);
        let contenders = standings.map(|(c, of)| standing(&c.name, &column(of), &first)).collect();
        Outcome { measure: *measure, rounds, contenders }
    };
    Ok(measures.iter().enumerate().map(outcome).collect())
}

fn standing(name: &str, figures: &[f64], first: &[f64]) -> Standing {
    let ratios: Vec<f64> =
        figures.iter().zip(first).map(|(figure, first)| figure / first).collect();
    Standing {
        name: name.to_owned(),
        median: median(figures),
        ratio: median(&ratios),
        least: figures.iter().copied().fold(f64::INFINITY, f64::min),
        most: figures.iter().copied().fold(f64::NEG_INFINITY, f64::max),
    }
}

/// The middle one, or between the two in the middle.
pub fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        length => (sorted[(length - 1) / 2] + sorted[length / 2]) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: Measure = Measure { id: "time", title: "time", unit: "µs" };

    #[test]
    fn ratios_are_those_of_each_round() -> Result<()> {
        // The machine becomes slower and slower: round 0 is the one that does not count.
        let grows = |factor: f64| {
            let mut load = 0.0;
            move || {
                load += 1.0;
                Ok(vec![load * factor])
            }
        };
        let contenders = vec![Contender::new("a", grows(1.0)), Contender::new("b", grows(3.0))];
        let outcomes = interleaved(&[TIME], 4, contenders)?;
        let [a, b] = &outcomes[0].contenders[..] else { return Err("not two".into()) };
        assert_eq!((a.median, a.ratio), (3.5, 1.0));
        assert_eq!((b.median, b.ratio, b.least, b.most), (10.5, 3.0, 6.0, 15.0));
        Ok(())
    }
}
