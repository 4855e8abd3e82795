//! The search: what is worst so far is changed, and stays if it is worse.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::dice::Dice;
use super::document::{Document, Ids, Maker, read};
use super::known;
use super::measure::{Gauge, Taken};
use super::schema::Schema;
use super::world::World;
use crate::failure::{Failure, Result};
use crate::figures::round;
use crate::harness::Harness;
use crate::processes::Server;

/// How many of the worst are kept for each measure.
const KEPT: usize = 12;
/// How often a document that is too large is made smaller.
const SMALLER: usize = 4;
/// How many of the worst are judged at the end.
const JUDGED: usize = 4;

/// How bad it is, what a document takes.
type Measure = fn(&Taken) -> f64;

/// By what it is searched.
const MEASURES: [(&str, Measure); 3] = [
    ("cpu", |taken| taken.cpu_ms),
    ("memory", |taken| taken.mib),
    ("statements", |taken| {
        let statements = u32::try_from(taken.statements).unwrap_or(u32::MAX);
        f64::from(statements)
    }),
];

/// The search and what it has found.
pub(super) struct Search<'s> {
    gauge: Gauge<'s>,
    schema: Schema,
    ids: Ids,
    dice: Dice,
    /// For each measure the worst, the worst first.
    worst: [Vec<(Document, Taken)>; 3],
    /// The most that a document took that is only read.
    pub(super) before_running_ms: f64,
    pub(super) tried: usize,
    pub(super) accepted: usize,
    /// What must not happen to any document.
    pub(super) failed: Vec<String>,
}

/// What the worst take, measured anew.
pub(super) struct Judged {
    pub(super) cpu_ms: f64,
    pub(super) mib: f64,
    pub(super) statements: u64,
    documents: [Option<String>; 3],
}

impl Judged {
    pub(super) fn told(&self) -> Value {
        let [cpu, memory, statements] = &self.documents;
        json!({
            "cpu_ms": round(self.cpu_ms), "mib": round(self.mib), "statements": self.statements,
            "documents": { "cpu": cpu, "memory": memory, "statements": statements },
        })
    }
}

fn tell(name: &str, taken: &Taken) -> Value {
    json!({
        "attack": name, "refused": taken.refused.as_ref().map(|(limit, ..)| limit), "error": taken.error,
        "cpu_ms": round(taken.cpu_ms), "mib": round(taken.mib), "statements": taken.statements,
        "bytes": taken.bytes,
    })
}

impl<'s> Search<'s> {
    pub(super) async fn begin(
        harness: &'s Harness,
        server: &Server,
        world: &World,
        seed: u64,
    ) -> Result<Self> {
        let viewer = world.viewer.clone();
        let told = harness
            .api
            .run(server.address, Some(&viewer), Schema::QUERY, json!({}))
            .await?;
        Ok(Self {
            gauge: Gauge::new(&harness.api, server, viewer)?,
            schema: Schema::read(&told)?,
            ids: Ids {
                all: world.ids.clone(),
            },
            dice: Dice::new(seed),
            worst: Default::default(),
            before_running_ms: 0.0,
            tried: 0,
            accepted: 0,
            failed: Vec::new(),
        })
    }

    /// The member, the schema and the ids, for who looks for more.
    pub(super) fn told(&self) -> &Gauge<'s> {
        &self.gauge
    }

    /// Tries the attacks that are known.
    pub(super) async fn known(&mut self) -> Result<Value> {
        let mut told = Vec::new();
        for (name, text) in known::documents() {
            let taken = self.gauge.run(&text).await?;
            self.before_running_ms = taken.cpu_ms.max(self.before_running_ms);
            told.push(tell(name, &taken));
        }
        for (name, text) in known::queries(&self.ids) {
            let taken = self.gauge.run(&text).await?;
            told.push(tell(name, &taken));
            let document = read(&self.schema, "query", "Query", &text)
                .ok_or_else(|| Failure::new(format!("it is not understood: {text}")))?;
            self.take(&document, &taken);
        }
        Ok(told.into())
    }

    /// Searches for so long, or until so many documents were tried.
    pub(super) async fn run(&mut self, seconds: u64, documents: usize) -> Result<()> {
        let end = Instant::now() + Duration::from_secs(seconds);
        while Instant::now() < end && self.tried < documents {
            let mut document = self.next();
            for _ in 0..SMALLER {
                let taken = self.gauge.run(&document.to_string()).await?;
                let refused = taken.refused.clone();
                self.take(&document, &taken);
                match refused {
                    Some((limit, value, maximum)) if limit == "COST" => {
                        document = Maker::smaller(&document, value, maximum);
                    }
                    _ => break,
                }
            }
        }
        Ok(())
    }

    /// Something new, or the worst so far with something changed.
    fn next(&mut self) -> Document {
        let dice = Dice::new(self.dice.number());
        let mut maker = Maker {
            schema: &self.schema,
            ids: &self.ids,
            dice,
        };
        let worst = &self.worst[self.dice.below(3)];
        if worst.is_empty() || self.dice.once_in(10) {
            return maker.query();
        }
        // Of two, the worse.
        let place = self.dice.below(worst.len()).min(self.dice.below(worst.len()));
        let other = &self.worst[self.dice.below(3)];
        let other = self.dice.of(other).map(|(document, _)| document);
        maker.changed(&worst[place].0, other)
    }

    fn take(&mut self, document: &Document, taken: &Taken) {
        self.tried += 1;
        if let Some(code) = &taken.error
            && code != "BAD_REQUEST"
        {
            self.failed.push(format!("{code}: {document}"));
        }
        // What is refused must cost little, too.
        if taken.error.is_some() && taken.cpu_ms < 50.0 {
            return;
        }
        self.accepted += usize::from(taken.is_accepted());
        for ((_, measure), worst) in MEASURES.iter().zip(&mut self.worst) {
            let place = worst.partition_point(|(_, other)| measure(other) >= measure(taken));
            if place < KEPT {
                worst.insert(place, (document.clone(), taken.clone()));
                worst.truncate(KEPT);
            }
        }
    }

    /// Measures the worst again: processor time as the median of some, memory on a server that has just been started.
    pub(super) async fn judge(&mut self, server: &mut Server, repeat: usize) -> Result<Judged> {
        let mut judged = Judged {
            cpu_ms: 0.0,
            mib: 0.0,
            statements: 0,
            documents: Default::default(),
        };
        for (number, (measure, of)) in MEASURES.iter().enumerate() {
            for (document, _) in self.worst[number].clone().into_iter().take(JUDGED.min(repeat)) {
                let text = document.to_string();
                let mut all = Vec::new();
                for _ in 0..repeat {
                    if *measure == "memory" {
                        self.start_again(server).await?;
                    }
                    all.push(self.gauge.run(&text).await?);
                }
                all.sort_by(|one, other| of(one).total_cmp(&of(other)));
                let Some(taken) = all.get(all.len() / 2) else {
                    continue;
                };
                let is_worse = match *measure {
                    "cpu" => taken.cpu_ms > judged.cpu_ms,
                    "memory" => taken.mib > judged.mib,
                    _ => taken.statements > judged.statements,
                };
                if is_worse {
                    match *measure {
                        "cpu" => judged.cpu_ms = taken.cpu_ms,
                        "memory" => judged.mib = taken.mib,
                        _ => judged.statements = taken.statements,
                    }
                    judged.documents[number] = Some(text);
                }
            }
        }
        Ok(judged)
    }

    /// Measures one document, each time on a server that has just been started.
    pub(super) async fn measure(&mut self, server: &mut Server, file: &Path, repeat: usize) -> Result<Value> {
        let text = std::fs::read_to_string(file)?;
        let mut told = Vec::new();
        for _ in 0..repeat {
            self.start_again(server).await?;
            told.push(tell("the document", &self.gauge.run(&text).await?));
        }
        Ok(json!({ "proof": "worst", "document": told }))
    }

    /// Starts the server again, and has it make what it makes once.
    async fn start_again(&mut self, server: &mut Server) -> Result<()> {
        server.kill().await?;
        server.restart().await?;
        self.gauge.process = server.id()?;
        for _ in 0..3 {
            self.gauge
                .run("query { viewer { id } careRequests(first: 2) { edges { node { id plants { id } } } } }")
                .await?;
        }
        sleep(Duration::from_millis(300)).await;
        Ok(())
    }
}
