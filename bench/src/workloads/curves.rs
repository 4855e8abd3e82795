//! Curves: that what something costs grows with what it does, and with nothing else.

use std::time::Duration;

use plant_care_prove::failure::Result;
use plant_care_prove::figures::float;
use serde_json::{Value, json};

use super::Effort;
use super::operations::data;
use super::statements::Statements;
use crate::compare;
use crate::data::Size;
use crate::ground::Ground;
use crate::limits::Form;
use crate::load::closed::Served;
use crate::load::{Asks, Closed};
use crate::operations::Operation;
use crate::report::{self, Line, Plot, Section, Table, count, figure};
use crate::rounds::{self, Contender, Measured, Plan, Role};
use crate::servers::Server;

/// Requests of a page.
const ROWS: [u64; 5] = [5, 10, 25, 50, 100];
/// Those of a quick look.
const FEW_ROWS: [u64; 3] = [5, 50, 100];
/// Requests of a database.
const SIZES: [u64; 3] = [10_000, 100_000, 1_000_000];
/// How much more than in proportion is taken for noise.
const NOISE: f64 = 1.2;
/// How much more one of a million may take than one of ten thousand: its rows are less often in the processor's caches,
/// which the limit feels as much.
const COLDER: f64 = 1.5;

/// A point of a curve: how much there was, and what each contender did.
struct Point {
    much: u64,
    /// Statements of each of Plant Care's answers.
    statements: Option<f64>,
    measured: Vec<Measured>,
}

/// One client alone: how long an answer takes, not how many there are.
fn alone(effort: &Effort) -> Plan {
    Plan {
        rounds: if effort.is_quick { 2 } else { 3 },
        closed: Closed {
            connections: 1,
            time: Duration::from_secs_f64(if effort.is_quick { 0.3 } else { 2.0 }),
            ..effort.http.closed
        },
        ..effort.http
    }
}

/// The feed against the number of its rows.
pub(super) async fn rows(ground: &Ground, effort: &Effort) -> Result<Section> {
    let size = Size {
        owned: 100,
        ..Size::default()
    };
    let ground = Ground::prepare(&ground.common, size, &[]).await?;
    let points = pages(&ground, effort).await;
    let points = ground.finish(points).await?;
    let mut section = Section {
        about: "The feed of an owner of 100 requests, by one client alone, for pages of different lengths: the time of an \
                answer is to grow in proportion to its rows at most, and its statements not at all."
            .to_owned(),
        ..section("rows", "requests of the page", false, &points)
    };
    if let [.., half, whole] = &points[..] {
        section.targets.push(report::Target::below(
            "rows: a page of 100 over one of 50",
            2.0 * NOISE,
            ours(whole) / ours(half),
        ));
    }
    if let (Some(few), Some(many)) = (
        points.first().and_then(|point| point.statements),
        points.last().and_then(|point| point.statements),
    ) {
        let figure = "rows: statements of a page of 100 less those of one of 5";
        section
            .targets
            .push(report::Target::below(figure, 0.5, many - few));
    }
    Ok(section)
}

async fn pages(ground: &Ground, effort: &Effort) -> Result<Vec<Point>> {
    let mut points = Vec::new();
    let pages: &[u64] = if effort.is_quick { &FEW_ROWS } else { &ROWS };
    for rows in pages.iter().copied() {
        let asks = |server: &_, form| Operation::page(rows, server, form, &ground.stage);
        let contenders = contenders(ground, asks)?;
        compare::same(Operation::Feed, &contenders, &ground.stage.harness.database).await?;
        let before = Statements::of(&ground.ours).await?;
        let measured = rounds::run(&contenders, alone(effort)).await?;
        points.push(Point {
            much: rows,
            statements: Some(Statements::of(&ground.ours).await?.since(before)),
            measured,
        });
    }
    Ok(points)
}

/// One request against how many there are.
pub(super) async fn size(ground: &Ground, effort: &Effort) -> Result<Section> {
    let mut points = Vec::new();
    let count = if effort.is_quick { 2 } else { SIZES.len() };
    for requests in SIZES.into_iter().take(count) {
        let size = Size {
            requests,
            comments: 0,
            ..Size::default()
        };
        let ground = Ground::prepare(&ground.common, size, &[]).await?;
        let measured = ones(&ground, effort).await;
        points.push(Point {
            much: requests,
            statements: None,
            measured: ground.finish(measured).await?,
        });
    }
    let mut section = Section {
        about: "One request by its id, by one client alone, in databases of different sizes: the time of an answer is to \
                stay as it is."
            .to_owned(),
        ..section("size", "requests in the database", true, &points)
    };
    if let [least, .., most] = &points[..] {
        let figure = format!("size: one of {} over one of {}", most.much, least.much);
        let times = ours(most) / ours(least);
        section.targets.push(report::Target::below(figure, COLDER, times));
    }
    Ok(section)
}

async fn ones(ground: &Ground, effort: &Effort) -> Result<Vec<Measured>> {
    let asks = |server: &_, _| Operation::One.asks(server, None, &ground.stage);
    let contenders = contenders(ground, asks)?;
    compare::same(Operation::One, &contenders, &ground.stage.harness.database).await?;
    rounds::run(&contenders, alone(effort)).await
}

/// Plant Care and the limit, in the form that is the fastest for long lists.
fn contenders(
    ground: &Ground,
    asks: impl Fn(&Server, Option<Form>) -> Result<Asks>,
) -> Result<Vec<Contender>> {
    [(Role::Ours, &ground.ours), (Role::Limit, &ground.limit)]
        .into_iter()
        .map(|(role, server)| {
            let (name, asks) = (server.name.clone(), asks(server, Some(Form::Rows))?);
            Ok(Contender::asked(name, role, asks, server, &ground.stage))
        })
        .collect()
}

/// Milliseconds of an answer.
fn wait(measured: &Measured) -> f64 {
    let each = measured.spread(|served| served.seconds * 1000.0 / float(served.requests));
    each.median
}

fn ours(point: &Point) -> f64 {
    let ours = point.measured.iter().find(|measured| measured.role == Role::Ours);
    ours.map_or(f64::NAN, wait)
}

fn section(file: &str, across: &str, tenfold: bool, points: &[Point]) -> Section {
    let mut table = Table::new([
        across,
        "server",
        "ms",
        "server ms",
        "Postgres ms",
        "p99 ms",
        "statements",
    ]);
    let mut lines: Vec<Line> = Vec::new();
    for point in points {
        for measured in &point.measured {
            let cost = |seconds: fn(&Served) -> f64| figure(measured.cost(seconds).median);
            let statements = point.statements.filter(|_| measured.role == Role::Ours);
            table.row([
                count(float(point.much)),
                measured.name.clone(),
                figure(wait(measured)),
                cost(|served| served.spent.server),
                cost(|served| served.spent.postgres),
                figure(measured.waits()[1]),
                statements.map_or_else(String::new, figure),
            ]);
            let place = (float(point.much), wait(measured));
            match lines.iter_mut().find(|line| line.name == measured.name) {
                Some(line) => line.points.push(place),
                None => lines.push(Line {
                    name: measured.name.clone(),
                    points: vec![place],
                }),
            }
        }
    }
    let found = points.iter().map(|point| {
        let servers: Vec<Value> = point.measured.iter().map(data).collect();
        json!({ "at": point.much, "statements": point.statements, "servers": servers })
    });
    Section {
        plots: vec![Plot::Lines {
            file: file.to_owned(),
            title: format!("{file}: milliseconds of an answer"),
            across: across.to_owned(),
            tenfold,
            lines,
        }],
        tables: vec![table],
        data: json!({ "across": across, "points": found.collect::<Vec<_>>() }),
        ..Section::default()
    }
}
