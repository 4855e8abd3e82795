//! Rounds: every contender is measured once in each, so that what changes on the machine meanwhile meets all.

use plant_care_prove::failure::{Failure, Result};
use plant_care_prove::figures::{float, median};

use crate::load::closed::Served;
use crate::load::{Closed, Target};
use crate::usage::Processes;

/// A server with what it is asked.
#[derive(Clone, Debug)]
pub struct Contender {
    /// What tables call it.
    pub name: String,
    /// What it is asked.
    pub target: Target,
    /// Its process and Postgres's.
    pub processes: Processes,
}

/// A figure of all rounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The middle.
    pub median: f64,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
}

impl Spread {
    /// Of these figures.
    pub fn new(figures: Vec<f64>) -> Self {
        let (min, max) = figures
            .iter()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(min, max), figure| {
                (min.min(*figure), max.max(*figure))
            });
        Self {
            median: median(figures),
            min,
            max,
        }
    }
}

/// What a contender served in all rounds.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Whose it is.
    pub name: String,
    /// Round by round.
    pub rounds: Vec<Served>,
}

impl Measured {
    /// A figure of all rounds.
    pub fn spread(&self, figure: impl Fn(&Served) -> f64) -> Spread {
        Spread::new(self.rounds.iter().map(figure).collect())
    }

    /// Milliseconds of a processor for each request.
    pub fn cost(&self, seconds: impl Fn(&Served) -> f64) -> Spread {
        self.spread(|served| seconds(served) * 1000.0 / float(served.requests))
    }
}

/// Measures all contenders, round by round, after one round that does not count.
pub async fn run(contenders: &[Contender], closed: Closed, rounds: usize) -> Result<Vec<Measured>> {
    let mut all: Vec<Measured> = contenders
        .iter()
        .map(|contender| Measured {
            name: contender.name.clone(),
            rounds: Vec::new(),
        })
        .collect();
    for round in 0..=rounds {
        for (contender, measured) in contenders.iter().zip(&mut all) {
            let served = closed
                .run(&contender.target, contender.processes)
                .await
                .map_err(|reason| Failure::new(format!("{}: {reason}", contender.name)))?;
            if round > 0 {
                measured.rounds.push(served);
            }
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_has_the_middle_and_both_ends() {
        let spread = Spread {
            median: 3.0,
            min: 1.0,
            max: 10.0,
        };
        assert_eq!(Spread::new(vec![10.0, 1.0, 3.0]), spread);
    }
}
