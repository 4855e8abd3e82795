//! Curves of live updates: that a delivery costs the same however many subscribers and other streams there are.

use std::time::Duration;

use plant_care_prove::crowd::{Crowd, Place};
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
use crate::report::{Line, Plot, Section, Table, Target, count, figure};
use crate::rounds::Role;
use crate::servers::Server;

/// Deliveries a second, whatever the number of subscribers.
const DELIVERIES: f64 = 10_000.0;
/// How much more a delivery may take than with fewer subscribers, or with no other streams; more is no noise.
const NOISE: f64 = 1.5;

/// A point of a curve: how much there was, and what each server did.
struct Point {
    much: usize,
    measured: Vec<Followed>,
}

/// A delivery against the number of subscribers of its stream.
pub(super) async fn subscribers(ground: &Ground, effort: &Effort) -> Result<Section> {
    let numbers: &[usize] = if effort.is_quick {
        &[100, 400]
    } else {
        &[100, 300, 1_000, 3_000]
    };
    need_files(numbers.iter().max().map_or(0, |most| most + 200))?;
    let servers = contenders::start(&[Kind::Ours, Kind::Raw], &ground.stage).await?;
    let scene = Scene::care(&ground.stage, &ground.ours, &servers).await?;
    let deliveries = if effort.is_quick {
        DELIVERIES / 5.0
    } else {
        DELIVERIES
    };
    let mut points = Vec::new();
    for subscribers in numbers.iter().copied() {
        let offer = offer(effort, subscribers, deliveries / float(subscribers as u64));
        points.push(Point {
            much: subscribers,
            measured: round::rounds(&scene, &servers, offer, 1).await?,
        });
    }
    let mut section = Section {
        about: format!(
            "One timeline whose subscribers are ever more and whose events are ever fewer, so that {} deliveries are to be \
             made a second: what a delivery takes of the server is not to grow. That an event is recorded is in it, too, \
             which is why few subscribers cost more each.",
            count(deliveries)
        ),
        ..section("subscribers", "subscribers of the timeline", true, &points)
    };
    if let [.., fewer, most] = &points[..] {
        let figure = format!(
            "subscribers: a delivery to {} over one to {}",
            count(float(most.much as u64)),
            count(float(fewer.much as u64))
        );
        section
            .targets
            .push(Target::below(figure, NOISE, ours(most) / ours(fewer)));
    }
    Ok(section)
}

/// A delivery against the number of other streams that are followed.
pub(super) async fn streams(ground: &Ground, effort: &Effort) -> Result<Section> {
    let numbers: &[usize] = if effort.is_quick {
        &[0, 300]
    } else {
        &[0, 1_000, 3_000, 10_000]
    };
    let (subscribers, rate) = (200, 20.0);
    need_files(numbers.iter().max().map_or(0, |most| most + subscribers + 200))?;
    let stage = &ground.stage;
    let servers = contenders::start(&[Kind::Ours], stage).await?;
    let scene = Scene::care(stage, &ground.ours, &servers).await?;
    let (mut points, mut others, mut there) = (Vec::new(), Vec::new(), 0);
    for streams in numbers.iter().copied() {
        if let Some(server) = servers.first() {
            others.push(follow(&scene, server, streams - there).await?);
            there = streams;
        }
        let offer = offer(effort, subscribers, rate);
        points.push(Point {
            much: streams,
            measured: round::rounds(&scene, &servers, offer, if effort.is_quick { 1 } else { 2 }).await?,
        });
    }
    drop(others);
    let mut section = Section {
        about: format!(
            "One timeline with {subscribers} subscribers and {rate} events a second, beside ever more others in which nothing \
             happens and which have a subscriber each: what a delivery takes of the server is to stay as it is."
        ),
        ..section("streams", "other streams with a subscriber", false, &points)
    };
    if let [none, .., most] = &points[..] {
        let others = count(float(most.much as u64));
        let figure = format!("streams: a delivery beside {others} others over one beside none");
        section
            .targets
            .push(Target::below(figure, NOISE, ours(most) / ours(none)));
    }
    Ok(section)
}

/// Has so many more streams followed, by a subscriber each.
async fn follow(scene: &Scene<'_>, server: &Server, streams: usize) -> Result<Crowd> {
    let harness = &scene.stage.harness;
    let mut places = Vec::new();
    if let Some(care) = scene.request() {
        for care in copies(&harness.database, care, streams).await? {
            places.push(Place {
                server: server.address,
                token: care.owner.token.clone(),
                topic: Topic::Care(care.request.clone()),
                after: None,
                seq: 0,
            });
        }
    }
    Crowd::gather(places, harness.clock).await
}

fn offer(effort: &Effort, subscribers: usize, rate: f64) -> Offer {
    let (warm_up, time) = if effort.is_quick { (0.3, 1.0) } else { (1.0, 5.0) };
    Offer {
        subscribers,
        rate,
        warm_up: Duration::from_secs_f64(warm_up),
        time: Duration::from_secs_f64(time),
    }
}

/// Microseconds that a delivery takes of Plant Care's server.
fn ours(point: &Point) -> f64 {
    let ours = point.measured.iter().find(|followed| followed.role == Role::Ours);
    ours.map_or(f64::NAN, cost)
}

fn cost(followed: &Followed) -> f64 {
    followed.spread(Round::micros).median
}

fn section(file: &str, across: &str, tenfold: bool, points: &[Point]) -> Section {
    let mut table = Table::new([
        across,
        "server",
        "µs each",
        "p50 ms",
        "p99 ms",
        "server s",
        "Postgres s",
        "client s",
    ]);
    for point in points {
        for followed in &point.measured {
            let seconds = |seconds: fn(&Round) -> f64| figure(followed.spread(seconds).median);
            let postgres = seconds(|round| round.spent.postgres);
            table.row([
                count(float(point.much as u64)),
                followed.name.clone(),
                figure(cost(followed)),
                figure(followed.wait(50)),
                figure(followed.wait(99)),
                seconds(|round| round.spent.server),
                if followed.role == Role::Ours {
                    postgres
                } else {
                    String::new()
                },
                seconds(|round| round.spent.generator),
            ]);
        }
    }
    let plot = |file: String, title: &str, figure: fn(&Followed) -> f64| Plot::Lines {
        title: format!("{title} against {across}"),
        file,
        across: across.to_owned(),
        tenfold,
        lines: lines(points, figure),
    };
    let found = points.iter().map(|point| {
        let servers: Vec<Value> = point.measured.iter().map(Followed::data).collect();
        json!({ "at": point.much, "servers": servers })
    });
    Section {
        plots: vec![
            plot(
                file.to_owned(),
                "microseconds of the server for each delivery",
                cost,
            ),
            plot(format!("{file}-p99"), "p99 in milliseconds", |followed| {
                followed.wait(99)
            }),
        ],
        tables: vec![table],
        data: json!({ "across": across, "points": found.collect::<Vec<_>>() }),
        ..Section::default()
    }
}

/// A line for each server.
fn lines(points: &[Point], figure: fn(&Followed) -> f64) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for point in points {
        for followed in &point.measured {
            let place = (float(point.much as u64), figure(followed));
            match lines.iter_mut().find(|line| line.name == followed.name) {
                Some(line) => line.points.push(place),
                None => lines.push(Line {
                    name: followed.name.clone(),
                    points: vec![place],
                }),
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::Spent;

    fn point(much: usize, server: f64) -> Point {
        let followed = |name: &str, role, server| Followed {
            name: name.to_owned(),
            role,
            rounds: vec![Round {
                delivered: 1000,
                spent: Spent {
                    server,
                    ..Spent::default()
                },
                ..Round::default()
            }],
        };
        Point {
            much,
            measured: vec![
                followed("raw", Role::Limit, 1.0),
                followed("ours", Role::Ours, server),
            ],
        }
    }

    #[test]
    fn a_line_is_one_servers_figures_at_all_points() {
        let points = [point(100, 0.5), point(300, 0.25)];
        let lines = lines(&points, cost);
        assert_eq!(lines[1].name, "ours");
        assert_eq!(lines[1].points, [(100.0, 500.0), (300.0, 250.0)]);
        assert!((ours(&points[1]) / ours(&points[0]) - 0.5).abs() < 1e-9);
    }
}
