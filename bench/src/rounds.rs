//! Rounds: every contender is measured once in each, so that what changes on the machine meanwhile meets all.

use std::time::Duration;

use plant_care_prove::failure::{Failure, Result};
use plant_care_prove::figures::{Latencies, float, median};

use crate::limits::Form;
use crate::load::closed::Served;
use crate::load::{Asks, Closed, Open};
use crate::operations::Operation;
use crate::pgbench::{Mode, Pgbench};
use crate::servers::Server;
use crate::stage::Stage;
use crate::usage::Processes;

/// Whose figures they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Plant Care's.
    Ours,
    /// Another server's.
    Peer,
    /// The limit's.
    Limit,
}

/// What is measured, and how.
#[derive(Clone, Debug)]
pub struct Contender {
    /// What tables call it.
    pub name: String,
    /// What it is.
    pub role: Role,
    /// How.
    pub drive: Drive,
}

/// How something is measured.
#[derive(Clone, Debug)]
pub enum Drive {
    /// A server, by requests.
    Http {
        /// What it is asked.
        asks: Asks,
        /// Its process and Postgres's.
        processes: Processes,
    },
    /// Postgres alone.
    Pgbench(Pgbench),
}

impl Contender {
    /// A server with an operation, in one of the forms in which it can do it.
    pub fn http(
        operation: Operation,
        server: &Server,
        form: Option<Form>,
        role: Role,
        stage: &Stage,
    ) -> Result<Self> {
        let asks = operation.asks(server, form, stage)?;
        let name = &server.name;
        let name = form.map_or_else(|| name.clone(), |form| format!("{name}: {}", form.name()));
        Ok(Self::asked(name, role, asks, server, stage))
    }

    /// A server with what it is asked.
    pub fn asked(name: String, role: Role, asks: Asks, server: &Server, stage: &Stage) -> Self {
        Self {
            name,
            role,
            drive: Drive::Http {
                asks,
                processes: Processes {
                    server: Some(server.process),
                    postmaster: stage.postmaster,
                },
            },
        }
    }

    /// Measures it by connections that ask again when they were answered.
    async fn closed(&self, closed: Closed) -> Result<Served> {
        let served = match &self.drive {
            Drive::Http { asks, processes, .. } => closed.run(asks, *processes).await,
            Drive::Pgbench(pgbench) => pgbench.run(closed.connections, Mode::Closed(closed.time)).await,
        };
        served.map_err(|reason| self.blame(&reason))
    }

    /// How long clients wait at a steady rate.
    pub async fn open(&self, open: Open, clients: usize) -> Result<Latencies> {
        let waited = match &self.drive {
            Drive::Http { asks, .. } => open.run(asks).await,
            Drive::Pgbench(pgbench) => pgbench
                .run(clients, Mode::Open(open.rate, open.time))
                .await
                .map(|served| served.latencies),
        };
        waited.map_err(|reason| self.blame(&reason))
    }

    fn blame(&self, reason: &Failure) -> Failure {
        Failure::new(format!("{}: {reason}", self.name))
    }
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
    /// What it is.
    pub role: Role,
    /// Round by round.
    pub rounds: Vec<Served>,
    /// How long clients waited at half of its own rate.
    pub at_half: Option<AtHalf>,
}

/// How long clients waited at half of a server's own rate.
#[derive(Clone, Debug)]
pub struct AtHalf {
    /// Requests a second.
    pub rate: f64,
    /// How long.
    pub latencies: Latencies,
}

impl Measured {
    /// A figure of all rounds.
    pub fn spread(&self, figure: impl Fn(&Served) -> f64) -> Spread {
        Spread::new(self.rounds.iter().map(figure).collect())
    }

    /// Answers a second.
    pub fn rate(&self) -> Spread {
        self.spread(Served::rate)
    }

    /// Milliseconds of a processor for each request.
    pub fn cost(&self, seconds: impl Fn(&Served) -> f64) -> Spread {
        self.spread(|served| seconds(served) * 1000.0 / float(served.requests))
    }

    /// Milliseconds of a processor that a request takes of the server and of Postgres together.
    pub fn work(&self) -> f64 {
        self.cost(|served| served.spent.server + served.spent.postgres)
            .median
    }

    /// How long clients waited, in milliseconds: p50, p99 and the longest, at half of its own rate if that was measured,
    /// else in the middle of the rounds.
    pub fn waits(&self) -> [f64; 3] {
        [50, 99, 100].map(|percent| match &self.at_half {
            Some(half) => half.latencies.percentile(percent),
            None => self.spread(|served| served.latencies.percentile(percent)).median,
        })
    }

    /// How many times another's rate this one's is, round by round.
    pub fn ratio(&self, other: &Self) -> Spread {
        let rounds = self.rounds.iter().zip(&other.rounds);
        Spread::new(rounds.map(|(own, other)| own.rate() / other.rate()).collect())
    }
}

/// How it is all measured.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Rounds that count, after one that does not.
    pub rounds: usize,
    /// A measurement in each.
    pub closed: Closed,
    /// How long a steady rate is kept.
    pub open: Duration,
}

/// Measures all contenders, round by round, after one round that does not count.
pub async fn run(contenders: &[Contender], plan: Plan) -> Result<Vec<Measured>> {
    let mut all: Vec<Measured> = contenders
        .iter()
        .map(|contender| Measured {
            name: contender.name.clone(),
            role: contender.role,
            rounds: Vec::new(),
            at_half: None,
        })
        .collect();
    for round in 0..=plan.rounds {
        for (contender, measured) in contenders.iter().zip(&mut all) {
            let served = contender.closed(plan.closed).await?;
            if round > 0 {
                measured.rounds.push(served);
            }
        }
    }
    Ok(all)
}

/// Measures how long clients wait at half of each contender's own rate.
pub async fn at_half(contenders: &[Contender], all: &mut [Measured], plan: Plan) -> Result<()> {
    for (contender, measured) in contenders.iter().zip(all) {
        let open = Open {
            rate: (measured.rate().median / 2.0).max(1.0),
            time: plan.open,
        };
        let latencies = contender.open(open, plan.closed.connections).await?;
        measured.at_half = Some(AtHalf {
            rate: open.rate,
            latencies,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(rates: &[u64]) -> Measured {
        let round = |rate: &u64| Served {
            requests: *rate,
            seconds: 1.0,
            spent: crate::usage::Spent {
                server: 0.5,
                ..Default::default()
            },
            ..Served::default()
        };
        Measured {
            name: String::new(),
            role: Role::Peer,
            rounds: rates.iter().map(round).collect(),
            at_half: None,
        }
    }

    #[test]
    fn a_spread_has_the_middle_and_both_ends() {
        let spread = Spread {
            median: 300.0,
            min: 100.0,
            max: 1000.0,
        };
        assert_eq!(measured(&[1000, 100, 300]).rate(), spread);
    }

    #[test]
    fn a_ratio_is_of_the_same_round() {
        // The machine was half as fast in the second round; both saw it.
        let ratio = measured(&[200, 100, 220]).ratio(&measured(&[100, 50, 100]));
        assert!((ratio.median - 2.0).abs() < 1e-9, "{ratio:?}");
        assert!((ratio.max - 2.2).abs() < 1e-9, "{ratio:?}");
    }

    #[test]
    fn a_cost_is_for_each_request() {
        let cost = measured(&[500]).cost(|served| served.spent.server);
        assert!((cost.median - 1.0).abs() < 1e-9, "{cost:?}");
    }
}
