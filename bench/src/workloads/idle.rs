//! What connections take while nothing is told.

use std::sync::Arc;

use plant_care_prove::api::Care;
use plant_care_prove::crowd::Place;
use plant_care_prove::failure::Result;
use plant_care_prove::figures::{float, need_files};
use plant_care_prove::idle::held;
use plant_care_prove::message::Topic;
use serde_json::{Value, json};

use super::Effort;
use crate::ground::Ground;
use crate::live::contenders::{self, Kind, role};
use crate::report::{Bar, Line, Plot, Section, Table, Target, count, figure};
use crate::rounds::{Role, Spread};
use crate::servers::{Dialect, Server};
use crate::stage::Stage;

/// Requests whose timelines are followed, by both parties each.
const REQUESTS: usize = 25;
/// What a connection of Plant Care's may take, in KiB.
const MOST_KIB: f64 = 10.0;
/// How much more memory each of many connections may take than each of few.
const NOISE: f64 = 1.2;

/// What a server held: in KiB, with so many connections each.
struct Held {
    name: String,
    role: Role,
    steps: Vec<(usize, u64)>,
}

impl Held {
    /// KiB of each connection, of those that there were then.
    fn each(&self) -> Vec<(usize, f64)> {
        let Some(((_, before), steps)) = self.steps.split_first() else {
            return Vec::new();
        };
        let each = |(connections, kib): &(usize, u64)| {
            let more = float(kib.saturating_sub(*before));
            (*connections, more / float(*connections as u64))
        };
        steps.iter().map(each).collect()
    }

    fn data(&self) -> Value {
        json!({ "name": self.name, "role": format!("{:?}", self.role).to_lowercase(), "held": self.steps
            .iter().map(|(connections, kib)| json!({ "connections": connections, "kib": kib })).collect::<Vec<_>>() })
    }
}

/// The memory of a connection with one subscription.
pub(super) async fn run(ground: &Ground, effort: &Effort) -> Result<Section> {
    let connections = if effort.is_quick { 300 } else { 2_000 };
    let all = measure(ground, &Kind::ALL, &[0, connections]).await?;
    let mut table = Table::new(["server", "KiB each", "before MiB", "with all MiB"]);
    let (mut bars, mut targets) = (Vec::new(), Vec::new());
    for held in &all {
        let each = held.each().last().map_or(f64::NAN, |(_, kib)| *kib);
        let mib = |step: usize| {
            held.steps
                .get(step)
                .map_or(f64::NAN, |(_, kib)| float(*kib) / 1024.0)
        };
        table.row([held.name.clone(), figure(each), figure(mib(0)), figure(mib(1))]);
        bars.push(Bar {
            name: held.name.clone(),
            role: held.role,
            spread: Spread::new(vec![each]),
        });
        if held.role == Role::Ours {
            targets.push(Target::below("idle: KiB a connection", MOST_KIB, each));
        }
    }
    Ok(Section {
        about: format!(
            "What a server's process holds with {} websockets of which each follows one timeline, {REQUESTS} of them by both \
             parties, and nothing is told: the resident memory once it is steady, above what it was after the first hundred \
             connections.",
            count(float(connections as u64))
        ),
        tables: vec![table],
        plots: vec![Plot::Bars {
            file: "idle".to_owned(),
            title: "idle: KiB a connection".to_owned(),
            bars,
        }],
        targets,
        data: json!({ "servers": all.iter().map(Held::data).collect::<Vec<_>>() }),
        ..Section::default()
    })
}

/// The same against the number of connections.
pub(super) async fn connections(ground: &Ground, effort: &Effort) -> Result<Section> {
    let (kinds, steps): (&[Kind], &[usize]) = if effort.is_quick {
        (&[Kind::Ours], &[0, 300, 1_000])
    } else {
        (&Kind::ALL, &[0, 1_000, 3_000, 10_000])
    };
    let all = measure(ground, kinds, steps).await?;
    let mut table = Table::new(["connections", "server", "KiB each", "all MiB"]);
    let mut targets = Vec::new();
    let mut lines = Vec::new();
    for held in &all {
        let each = held.each();
        for ((connections, kib), (_, whole)) in each.iter().zip(&held.steps[1..]) {
            table.row([
                count(float(*connections as u64)),
                held.name.clone(),
                figure(*kib),
                figure(float(*whole) / 1024.0),
            ]);
        }
        let points = each
            .iter()
            .map(|(connections, kib)| (float(*connections as u64), *kib));
        lines.push(Line {
            name: held.name.clone(),
            points: points.collect(),
        });
        // The first hundreds of connections are too few to be judged by: they take what is free anyway.
        if let ([few, .., many], Role::Ours, false) = (&each[..], held.role, effort.is_quick) {
            let (much, little) = (count(float(many.0 as u64)), count(float(few.0 as u64)));
            let figure = format!("connections: memory of one of {much} over one of {little}");
            targets.push(Target::below(figure, NOISE, many.1 / few.1));
        }
    }
    Ok(Section {
        about: "The same with ever more connections: what each takes is not to grow.".to_owned(),
        tables: vec![table],
        plots: vec![Plot::Lines {
            file: "connections".to_owned(),
            title: "connections: KiB of each".to_owned(),
            across: "connections".to_owned(),
            tenfold: true,
            lines,
        }],
        targets,
        data: json!({ "servers": all.iter().map(Held::data).collect::<Vec<_>>() }),
        ..Section::default()
    })
}

/// What each server holds at each step; all are fresh, and measured one after another.
async fn measure(ground: &Ground, kinds: &[Kind], steps: &[usize]) -> Result<Vec<Held>> {
    need_files(steps.iter().max().map_or(0, |most| most + 400))?;
    let stage = &ground.stage;
    // By a server that is not measured: hashing passwords leaves memory behind that connections would then be given.
    let cares = stage.harness.api.cares(ground.ours.address, REQUESTS).await?;
    let mut all = Vec::new();
    for kind in kinds {
        for server in contenders::start(&[*kind], stage).await? {
            let places = places(stage, &server, &cares).await?;
            let kib = held(server.process, &places, 100, steps, stage.harness.clock).await?;
            all.push(Held {
                name: server.name.clone(),
                role: role(&server),
                steps: steps.iter().copied().zip(kib).collect(),
            });
        }
    }
    Ok(all)
}

/// A place for each party of each request, at the end of its timeline.
async fn places(stage: &Stage, server: &Server, cares: &[Arc<Care>]) -> Result<Vec<Place>> {
    let mut places = Vec::new();
    for care in cares {
        let (seq, after) = match server.dialect {
            Dialect::Ours => {
                let (seq, after) = stage.harness.api.head(server.address, care).await?;
                (seq, Some(after))
            }
            _ => (0, None),
        };
        for member in [&care.owner, &care.caretaker] {
            places.push(Place {
                server: server.address,
                token: member.token.clone(),
                topic: Topic::Care(care.request.clone()),
                after: after.clone(),
                seq,
            });
        }
    }
    Ok(places)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_connection_takes_is_of_all_that_came_after_the_first() {
        let held = Held {
            name: "ours".to_owned(),
            role: Role::Ours,
            steps: vec![(0, 1_000), (100, 2_000), (300, 4_300)],
        };
        assert_eq!(held.each(), [(100, 10.0), (300, 11.0)]);
        let shrunk = Held {
            steps: vec![(0, 1_000), (100, 900)],
            ..held
        };
        assert_eq!(shrunk.each(), [(100, 0.0)]);
    }
}
