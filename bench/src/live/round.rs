//! One measurement of one server, and all of them in turn.

use std::time::Duration;

use plant_care_prove::crowd::{self, Crowd, Place, Tally};
use plant_care_prove::failure::{Failure, Result, ensure};
use plant_care_prove::figures::{Clock, Latencies, float, median};
use plant_care_prove::pace::{Pace, Written};
use serde_json::{Value, json};

use super::contenders::role;
use super::scene::Scene;
use super::source::Source;
use crate::rounds::{Role, Spread};
use crate::servers::Server;
use crate::stage::Stage;
use crate::usage::{Processes, Spent, forget_peak, peak_kib};

/// How long the last deliveries may take.
const STRAGGLERS: Duration = Duration::from_secs(10);
/// The share of deliveries below which a run has failed.
const ENOUGH: f64 = 0.99;

/// What is offered.
#[derive(Clone, Copy, Debug)]
pub struct Offer {
    /// Who follows.
    pub subscribers: usize,
    /// Events a second.
    pub rate: f64,
    /// How long they come before it counts.
    pub warm_up: Duration,
    /// How long it counts.
    pub time: Duration,
}

impl Offer {
    fn pace(self, time: Duration) -> Pace {
        Pace {
            rate: self.rate,
            time,
        }
    }

    /// Deliveries that are to be made while it counts.
    fn deliveries(self) -> u64 {
        let events = self.pace(self.time).moments(Clock::new()).count();
        (events * self.subscribers) as u64
    }
}

/// What became of it.
#[derive(Clone, Debug, Default)]
pub struct Round {
    /// Deliveries that were to be made.
    pub offered: u64,
    /// Those that were made.
    pub delivered: u64,
    /// Events.
    pub events: u64,
    /// From the moment at which an event was to be written to its receipt.
    pub latencies: Latencies,
    /// From the moment that the server gave an event, which is before its commit.
    pub recorded: Latencies,
    /// Processor seconds it took.
    pub spent: Spent,
    /// The server's greatest resident memory meanwhile, in KiB.
    pub peak_kib: u64,
    /// What went wrong, of a server that may fail.
    pub trouble: Option<String>,
}

impl Round {
    /// The share of the deliveries that were made.
    pub fn share(&self) -> f64 {
        float(self.delivered) / float(self.offered.max(1))
    }

    /// Deliveries for each processor second of the server.
    pub fn per_second(&self) -> f64 {
        // Less than a tick cannot be seen.
        float(self.delivered) / self.spent.server.max(0.01)
    }

    /// The server's processor time for each delivery, in microseconds.
    pub fn micros(&self) -> f64 {
        self.spent.server * 1e6 / float(self.delivered.max(1))
    }
}

/// What a server did in all rounds.
#[derive(Clone, Debug)]
pub struct Followed {
    /// Whose it is.
    pub name: String,
    /// What it is.
    pub role: Role,
    /// Round by round.
    pub rounds: Vec<Round>,
}

impl Followed {
    /// Of a server, before anything was measured.
    pub fn new(server: &Server) -> Self {
        Self {
            name: server.name.clone(),
            role: role(server),
            rounds: Vec::new(),
        }
    }

    /// A figure of all rounds.
    pub fn spread(&self, figure: impl Fn(&Round) -> f64) -> Spread {
        Spread::new(self.rounds.iter().map(figure).collect())
    }

    /// The middle of a percentile of latencies, in milliseconds; of rounds in which there were any.
    pub fn wait(&self, percent: usize) -> f64 {
        let rounds = self.rounds.iter().filter(|round| round.delivered > 0);
        median(rounds.map(|round| round.latencies.percentile(percent)).collect())
    }

    /// The 99th percentile since the server recorded the event, in milliseconds.
    pub fn since_recorded(&self) -> f64 {
        self.spread(|round| round.recorded.percentile(99)).median
    }

    /// How many deliveries for each processor second there are beside another's, round by round.
    pub fn ratio(&self, other: &Self) -> f64 {
        let rounds = self.rounds.iter().zip(&other.rounds);
        median(
            rounds
                .map(|(own, other)| own.per_second() / other.per_second())
                .collect(),
        )
    }

    /// All that was measured.
    pub fn data(&self) -> Value {
        let round = |round: &Round| {
            json!({
                "offered": round.offered, "delivered": round.delivered, "events": round.events,
                "milliseconds": round.latencies.table(),
                "since_recorded": (self.role == Role::Ours).then(|| round.recorded.table()),
                "processor_seconds": { "server": round.spent.server, "postgres": round.spent.postgres,
                    "client": round.spent.generator },
                "peak_kib": round.peak_kib, "trouble": round.trouble,
            })
        };
        json!({ "name": self.name, "role": format!("{:?}", self.role).to_lowercase(),
            "rounds": self.rounds.iter().map(round).collect::<Vec<_>>() })
    }
}

/// Measures all servers, round by round.
pub async fn rounds(
    scene: &Scene<'_>,
    servers: &[Server],
    offer: Offer,
    count: usize,
) -> Result<Vec<Followed>> {
    let mut all: Vec<Followed> = servers.iter().map(Followed::new).collect();
    for _ in 0..count {
        for (server, followed) in servers.iter().zip(&mut all) {
            let places = scene.places(server, offer.subscribers).await?;
            let round = one(scene.stage, server, &scene.source(server), places, offer).await?;
            followed.rounds.push(round);
        }
    }
    Ok(all)
}

/// Measures one server once. A peer that fails, or does not keep up, has that in its figures; for all others it is a
/// failure.
pub async fn one(
    stage: &Stage,
    server: &Server,
    source: &Source,
    places: Vec<Place>,
    offer: Offer,
) -> Result<Round> {
    let blame = |reason: &Failure| Failure::new(format!("{}: {reason}", server.name));
    match measure(stage, server, source, places, offer).await {
        Ok(round) => match &round.trouble {
            Some(trouble) if role(server) != Role::Peer => Err(blame(&Failure::new(trouble.clone()))),
            _ => Ok(round),
        },
        Err(reason) if role(server) == Role::Peer => Ok(Round {
            offered: offer.deliveries(),
            trouble: Some(reason.to_string()),
            ..Round::default()
        }),
        Err(reason) => Err(blame(&reason)),
    }
}

async fn measure(
    stage: &Stage,
    server: &Server,
    source: &Source,
    places: Vec<Place>,
    offer: Offer,
) -> Result<Round> {
    let (api, clock) = (&stage.harness.api, stage.harness.clock);
    let seq = places.first().map_or(0, |place| place.seq);
    let crowd = Crowd::gather(places, clock).await?;
    let processes = Processes {
        server: Some(server.process),
        postmaster: stage.postmaster,
    };
    let warmed = source
        .write(api, server.address, offer.pace(offer.warm_up), (clock, seq))
        .await?;
    forget_peak(server.process)?;
    let before = processes.spent()?;
    let written = source
        .write(api, server.address, offer.pace(offer.time), (clock, warmed.last))
        .await?;
    let tallies = crowd.leave(written.last, STRAGGLERS).await?;
    let spent = processes.spent()? - before;
    let peak_kib = peak_kib(server.process)?;
    let mut round = judge(&written, &tallies, offer.subscribers);
    (round.spent, round.peak_kib) = (spent, peak_kib);
    Ok(round)
}

/// What the subscribers saw of what was written.
fn judge(written: &Written, tallies: &[Tally], subscribers: usize) -> Round {
    let (latencies, recorded) = crowd::latencies(tallies, written.from, written.to);
    let mut round = Round {
        offered: written.count * subscribers as u64,
        delivered: latencies.count() as u64,
        events: written.count,
        latencies,
        recorded,
        ..Round::default()
    };
    round.trouble = trouble(&round, tallies).err().map(|reason| reason.to_string());
    round
}

fn trouble(round: &Round, tallies: &[Tally]) -> Result<()> {
    let lost = tallies.iter().find_map(|tally| tally.lost.as_ref());
    ensure(lost.is_none(), || {
        format!("a subscriber was lost: {}", lost.map_or("", String::as_str))
    })?;
    let broken = tallies.iter().find(|tally| !tally.sequence.is_whole());
    ensure(broken.is_none(), || {
        format!("a stream was not whole: {:?}", broken.map(|tally| tally.sequence))
    })?;
    ensure(round.share() >= ENOUGH, || {
        format!("{:.3} of the deliveries were made", round.share())
    })
}

#[cfg(test)]
mod tests {
    use plant_care_prove::crowd::{Sample, Sequence};

    use super::*;

    fn tally(scheduled: &[u64]) -> Tally {
        let mut sequence = Sequence::default();
        let mut samples = Vec::new();
        for (number, scheduled) in scheduled.iter().enumerate() {
            sequence.saw(number as u64 + 1);
            samples.push(Sample {
                scheduled: *scheduled,
                latency: 2000,
                since_recorded: 1000,
            });
        }
        Tally {
            sequence,
            samples,
            ..Tally::default()
        }
    }

    /// Three events were written, of which the first was a warm-up.
    const WRITTEN: Written = Written {
        count: 2,
        last: 3,
        from: 20,
        to: 31,
    };

    #[test]
    fn only_what_was_written_while_it_counts_is_counted() {
        let round = judge(&WRITTEN, &[tally(&[10, 20, 30]), tally(&[10, 20, 30])], 2);
        assert_eq!((round.offered, round.delivered, round.events), (4, 4, 2));
        assert_eq!(round.trouble, None);
    }

    #[test]
    fn what_is_missing_lost_or_in_disorder_is_trouble() {
        let trouble = |tallies: &[Tally]| judge(&WRITTEN, tallies, 2).trouble.unwrap();
        let missing = trouble(&[tally(&[10, 20, 30]), tally(&[10, 20])]);
        assert_eq!(missing, "0.750 of the deliveries were made");
        let mut gone = tally(&[10, 20, 30]);
        gone.lost = Some("closed".to_owned());
        assert_eq!(
            trouble(&[tally(&[10, 20, 30]), gone]),
            "a subscriber was lost: closed"
        );
        let mut twice = tally(&[10, 20, 30]);
        twice.sequence.saw(3);
        assert!(trouble(&[twice, tally(&[10, 20, 30])]).starts_with("a stream was not whole"));
    }

    #[test]
    fn what_was_to_be_delivered_is_known_before() {
        let offer = Offer {
            subscribers: 30,
            rate: 20.0,
            warm_up: Duration::from_secs(1),
            time: Duration::from_secs(2),
        };
        assert_eq!(offer.deliveries(), 1200);
    }

    #[test]
    fn a_ratio_is_of_deliveries_a_processor_second_in_the_same_round() {
        let followed = |seconds: &[f64]| Followed {
            name: String::new(),
            role: Role::Peer,
            rounds: seconds
                .iter()
                .map(|server| Round {
                    delivered: 1000,
                    spent: Spent {
                        server: *server,
                        ..Spent::default()
                    },
                    ..Round::default()
                })
                .collect(),
        };
        let ratio = followed(&[1.0, 4.0, 1.0]).ratio(&followed(&[0.5, 2.0, 0.4]));
        assert!((ratio - 0.5).abs() < 1e-9, "{ratio}");
        let micros = followed(&[0.5]).spread(Round::micros).median;
        assert!((micros - 500.0).abs() < 1e-9, "{micros}");
    }
}
