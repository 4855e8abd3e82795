//! Fan-out: events at a steady rate, whatever becomes of them, to many subscribers.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use plant_care_prove::api::{Care, text};
use plant_care_prove::crowd::Place;
use plant_care_prove::failure::Result;
use plant_care_prove::figures::{float, need_files};
use plant_care_prove::message::Topic;
use serde_json::{Value, json};

use super::Effort;
use crate::ground::Ground;
use crate::live::contenders::{self, Kind};
use crate::live::copies::copies;
use crate::live::round::{self, Followed, Offer, Round};
use crate::live::scene::Scene;
use crate::live::source::{Board, Source};
use crate::live::table::{limit, ours, plot, table, troubles};
use crate::report::{Section, Target, count};
use crate::servers::Server;

/// The streams beside which one of many is measured.
const FEW_STREAMS: usize = 10;
/// Who follows each of many streams.
const EACH: usize = 2;
/// Rounds where it is not who is faster that is asked.
const FEWER: usize = 2;
/// How much more a delivery may take of a server with many streams; more is no noise.
const NOISE: f64 = 1.5;

/// How much there is of everything.
struct Scale {
    /// Subscribers of one stream, and events a second.
    crowds: [(usize, f64); 2],
    /// Streams, and events a second of all together.
    streams: (usize, f64),
    /// Distinct viewers, and events a second.
    viewers: (usize, f64),
    rounds: usize,
    warm_up: Duration,
    time: Duration,
}

impl Scale {
    fn of(effort: &Effort) -> Self {
        if effort.is_quick {
            return Self {
                crowds: [(500, 20.0), (1_000, 2.0)],
                streams: (100, 100.0),
                viewers: (40, 4.0),
                rounds: 1,
                warm_up: Duration::from_millis(300),
                time: Duration::from_secs(1),
            };
        }
        Self {
            crowds: [(1_000, 20.0), (10_000, 2.0)],
            streams: (1_000, 200.0),
            viewers: (1_000, 2.0),
            rounds: 3,
            warm_up: Duration::from_secs(2),
            time: Duration::from_secs(6),
        }
    }

    fn offer(&self, (subscribers, rate): (usize, f64)) -> Offer {
        Offer {
            subscribers,
            rate,
            warm_up: self.warm_up,
            time: self.time,
        }
    }
}

pub(super) async fn run(ground: &Ground, effort: &Effort) -> Result<Section> {
    let (stage, scale) = (&ground.stage, Scale::of(effort));
    let servers = contenders::start(&Kind::ALL, stage).await?;
    let scene = Scene::care(stage, &ground.ours, &servers).await?;
    let mut section = Section {
        about: "Events at a steady rate, told to websocket subscribers by graphql-transport-ws: from the moment at which \
                each was to be written to its receipt. Plant Care's are acts of care that are recorded over HTTP, committed \
                and woken for; its processor time has that in it, and Postgres's is apart. All others are handed the same \
                event in memory. `raw` sends ready bytes to everyone who is connected. First one timeline whose subscribers \
                all may be sent the same bytes; then many timelines with two subscribers each; then the board, followed by \
                members who are all different, with a field that depends on who follows: it is resolved for each."
            .to_owned(),
        ..Section::default()
    };
    let mut data = serde_json::Map::new();
    for (number, crowd) in scale.crowds.into_iter().enumerate() {
        need_files(crowd.0 + 200)?;
        let measured = round::rounds(&scene, &servers, scale.offer(crowd), scale.rounds).await?;
        let case = format!("{} × {}/s", count(float(crowd.0 as u64)), crowd.1);
        section.targets.extend(targets(number == 0, &case, &measured));
        let file = format!("fan-out-{}", number + 1);
        section
            .plots
            .push(plot(&file, &format!("fan-out, {case}"), &measured));
        tell(&mut section, &mut data, &case, &measured);
    }
    if let Some((own, care)) = servers.first().zip(scene.request()) {
        let case = format!("streams of {EACH} subscribers");
        let measured = many_streams(ground, own, care, &scale).await?;
        if let [few, many] = &measured[..] {
            let times = many.spread(Round::micros).median / few.spread(Round::micros).median;
            let figure = format!("fan-out: a delivery of {} over one of {}", many.name, few.name);
            section.targets.push(Target::below(figure, NOISE, times));
        }
        tell(&mut section, &mut data, &case, &measured);
    }
    // The broadcast knows no viewers.
    let resolving = servers.split_last().map_or(&servers[..], |(_, others)| others);
    let measured = viewers(ground, resolving, &scale).await?;
    let (viewers, rate) = scale.viewers;
    let case = format!("{} viewers × {rate}/s", count(float(viewers as u64)));
    section
        .plots
        .push(plot("fan-out-viewers", &format!("fan-out, {case}"), &measured));
    tell(&mut section, &mut data, &case, &measured);
    section.data = data.into();
    Ok(section)
}

fn tell(section: &mut Section, data: &mut serde_json::Map<String, Value>, case: &str, measured: &[Followed]) {
    section.tables.push(table(case, measured));
    section.about.push_str(&troubles(measured));
    let servers: Vec<Value> = measured.iter().map(Followed::data).collect();
    data.insert(case.to_owned(), json!({ "servers": servers }));
}

/// Of the smaller crowd it is wanted how soon after a commit an event is there, of the greater how late at the most.
fn targets(is_first: bool, case: &str, measured: &[Followed]) -> Vec<Target> {
    let (Some(ours), Some(limit)) = (ours(measured), limit(measured)) else {
        return Vec::new();
    };
    let name = |figure: &str| format!("fan-out, {case}: {figure}");
    vec![
        Target::at_least(
            name("deliveries a processor second, of raw"),
            0.8,
            ours.ratio(limit),
        ),
        if is_first {
            Target::below(name("p99 since recorded, ms"), 50.0, ours.since_recorded())
        } else {
            Target::below(name("p99, ms"), 200.0, ours.wait(99))
        },
    ]
}

/// Plant Care's own streams, few and many, with as many events altogether.
async fn many_streams(ground: &Ground, own: &Server, care: &Care, scale: &Scale) -> Result<Vec<Followed>> {
    let (stage, (many, rate)) = (&ground.stage, scale.streams);
    let mut all: Vec<Followed> = [FEW_STREAMS, many]
        .map(|streams| Followed {
            name: format!("{} streams", count(float(streams as u64))),
            ..Followed::new(own)
        })
        .into();
    // Each stream has as many events as any other: it goes through all of them in whole turns.
    let turn = Duration::from_secs_f64(float(many as u64) / rate);
    let turns = scale.time.div_duration_f64(turn).round().max(1.0);
    for _ in 0..scale.rounds.min(FEWER) {
        for (streams, followed) in [FEW_STREAMS, many].into_iter().zip(&mut all) {
            let cares: Arc<[_]> = copies(&stage.harness.database, care, streams).await?.into();
            let place = |care: &Arc<Care>| Place {
                server: own.address,
                token: care.owner.token.clone(),
                topic: Topic::Care(care.request.clone()),
                after: None,
                seq: 0,
            };
            let places = cares.iter().flat_map(|care| vec![place(care); EACH]).collect();
            let offer = Offer {
                // Each event is told to those of its own stream.
                subscribers: EACH,
                rate,
                warm_up: turn,
                time: turn.mul_f64(turns),
            };
            let round = round::one(stage, own, &Source::Care(cares), places, offer).await?;
            followed.rounds.push(round);
        }
    }
    Ok(all)
}

/// The board, followed by members who are all different.
async fn viewers(ground: &Ground, servers: &[Server], scale: &Scale) -> Result<Vec<Followed>> {
    let (stage, other) = (&ground.stage, ground.ours.address);
    let api = &stage.harness.api;
    let viewers = api.members(other, "Bench viewer", scale.viewers.0).await?;
    let owner = api.member(other, "Bench publisher").await?;
    let input = json!({ "name": "Figaro" });
    let plant = api
        .mutate(other, Some(&owner), "createPlant", input, "plant { id }")
        .await?;
    let board = Board {
        owner,
        plant: text(&plant["plant"]["id"])?,
        days: AtomicU64::new(0),
    };
    let scene = Scene::board(stage, board, &viewers, servers).await?;
    round::rounds(
        &scene,
        servers,
        scale.offer(scale.viewers),
        scale.rounds.min(FEWER),
    )
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rounds::Role;

    #[test]
    fn both_crowds_have_their_targets() {
        let followed = |role| Followed {
            name: String::new(),
            role,
            rounds: vec![Round {
                delivered: 10,
                ..Round::default()
            }],
        };
        let all = [followed(Role::Ours), followed(Role::Limit)];
        let names = |is_first| -> Vec<String> {
            let targets = targets(is_first, "5 × 2/s", &all);
            targets.into_iter().map(|target| target.figure).collect()
        };
        assert_eq!(names(true)[1], "fan-out, 5 × 2/s: p99 since recorded, ms");
        assert_eq!(names(false)[1], "fan-out, 5 × 2/s: p99, ms");
        assert!(targets(true, "", &all[..1]).is_empty());
    }
}
