//! The feed with more and less telemetry: what watching costs.

use plant_care_prove::failure::Result;
use plant_care_prove::processes::Program;
use serde_json::json;

use super::operations::data;
use crate::ground::Ground;
use crate::load::closed::Served;
use crate::operations::Operation;
use crate::report::{Bar, Plot, Section, Table, Target, figure};
use crate::rounds::{self, Contender, Measured, Plan, Role};
use crate::servers::{Server, beside};
use crate::stage::Stage;

const OFF: &str = "off";
const DEFAULT: &str = "default";
const ALL: &str = "every resolver's spans";
const STOCK: &str = "stock Tracing";

pub(super) async fn run(ground: &Ground, plan: Plan) -> Result<Section> {
    let stage = &ground.stage;
    let silent = &stage.harness.program;
    let mut servers = vec![
        (
            Role::Limit,
            Server::program(OFF, &silent.with("ENABLE_OBSERVABILITY", "false")).await?,
        ),
        (Role::Peer, Server::program("metrics only", silent).await?),
        (Role::Ours, Server::program(DEFAULT, &stage.program).await?),
        (
            Role::Peer,
            Server::program(ALL, &stage.program.with("RESOLVER_SPANS_RATIO", "1")).await?,
        ),
    ];
    if let Some(program) = stock(stage).await? {
        servers.push((Role::Peer, Server::program(STOCK, &program).await?));
    }
    let contenders: Vec<Contender> = servers
        .iter()
        .map(|(role, server)| Contender::http(Operation::Feed, server, None, *role, stage))
        .collect::<Result<_>>()?;
    let measured = rounds::run(&contenders, plan).await?;
    let targets = [(DEFAULT, 15.0), (ALL, 40.0)]
        .into_iter()
        .filter_map(|(name, most)| {
            let cost = cost(named(&measured, name)?, &measured)?;
            Some(Target::below(
                format!("telemetry, {name}: % of throughput"),
                most,
                cost,
            ))
        });
    Ok(Section {
        about: "The feed by servers that differ in their telemetry alone. `off` has no extension registered, `metrics only` \
                no collector; `default` sends spans to a collector that accepts them, with the usual ratios; `every resolver's spans` \
                looks at the resolvers of every query. `stock Tracing` is async-graphql's own extension in place of all \
                that, with tracing-opentelemetry and the same collector: every operation, and in it every field that is no \
                scalar, has a span (left out where that program was not built)."
            .to_owned(),
        tables: vec![table(&measured)],
        plots: vec![Plot::Bars {
            file: "telemetry".to_owned(),
            title: "telemetry: requests a second of the feed".to_owned(),
            bars: measured
                .iter()
                .map(|measured| Bar {
                    name: measured.name.clone(),
                    role: measured.role,
                    spread: measured.rate(),
                })
                .collect(),
        }],
        targets: targets.collect(),
        data: json!({ "servers": measured.iter().map(data).collect::<Vec<_>>() }),
        ..Section::default()
    })
}

/// The program with the stock extension, where it was built beside this one.
async fn stock(stage: &Stage) -> Result<Option<Program>> {
    let Some(file) = beside("stock-tracing")? else {
        return Ok(None);
    };
    let harness = &stage.harness;
    let program = Program::new(
        &file,
        harness.folder(),
        harness.database.url(),
        &harness.common.environment,
    )
    .await?;
    // Its own telemetry is off; the collector is the extension's.
    Ok(Some(
        stage.to_collector(&program.with("ENABLE_OBSERVABILITY", "false")),
    ))
}

fn named<'a>(measured: &'a [Measured], name: &str) -> Option<&'a Measured> {
    measured.iter().find(|measured| measured.name == name)
}

/// How much more processor time a request takes of the server than without telemetry, in hundredths.
fn more(one: &Measured, measured: &[Measured]) -> Option<f64> {
    let each = |measured: &Measured| measured.cost(|served| served.spent.server).median;
    Some((each(one) / each(named(measured, OFF)?) - 1.0) * 100.0)
}

/// The share of the throughput without telemetry that is lost, in hundredths.
fn cost(one: &Measured, measured: &[Measured]) -> Option<f64> {
    Some((1.0 - one.ratio(named(measured, OFF)?).median) * 100.0)
}

fn table(measured: &[Measured]) -> Table {
    let mut table = Table::new([
        "telemetry",
        "requests/s",
        "min–max",
        "costs %",
        "server more %",
        "server ms",
        "Postgres ms",
    ]);
    for one in measured {
        let rate = one.rate();
        let spent = |seconds: fn(&Served) -> f64| figure(one.cost(seconds).median);
        table.row([
            one.name.clone(),
            figure(rate.median),
            format!("{}–{}", figure(rate.min), figure(rate.max)),
            cost(one, measured).map_or_else(String::new, |cost| format!("{cost:.1}")),
            more(one, measured).map_or_else(String::new, |more| format!("{more:.1}")),
            spent(|served| served.spent.server),
            spent(|served| served.spent.postgres),
        ]);
    }
    table
}
