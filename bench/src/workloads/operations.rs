//! A GraphQL operation, asked of Plant Care, its peers and the limit.

use plant_care_prove::failure::Result;
use plant_care_prove::figures::float;
use serde_json::{Value, json};

use crate::compare;
use crate::ground::Ground;
use crate::limits;
use crate::load::closed::Served;
use crate::operations::Operation;
use crate::pgbench::Pgbench;
use crate::report::{Bar, Plot, Section, Table, Target, count, figure};
use crate::rounds::{self, Contender, Drive, Measured, Plan, Role};
use crate::servers::Server;

/// Who write at once on one stream.
const WRITERS: usize = 50;

/// Compares what all answer, measures them in rounds, and how long clients wait at half of each one's own rate.
pub async fn run(operation: Operation, ground: &Ground, mut plan: Plan) -> Result<Section> {
    if operation == Operation::OneStream {
        plan.closed.connections = WRITERS;
    }
    let contenders = contenders(operation, ground).await?;
    compare::same(operation, &contenders, &ground.stage.harness.database).await?;
    let mut measured = rounds::run(&contenders, plan).await?;
    // Writers of one stream wait for each other: what they wait as they come is what is asked.
    if operation != Operation::OneStream {
        rounds::at_half(&contenders, &mut measured, plan).await?;
    }
    let mut section = Section {
        about: about(operation, plan.closed.connections),
        tables: vec![table(&measured)],
        plots: vec![plot(operation, &measured)],
        targets: targets(operation, &measured),
        data: json!({ "connections": plan.closed.connections, "servers": measured.iter().map(data).collect::<Vec<_>>() }),
        ..Section::default()
    };
    if matches!(operation, Operation::Feed | Operation::Board) {
        section.appendix = limits::plans(operation, &ground.stage).await?;
    }
    Ok(section)
}

fn about(operation: Operation, connections: usize) -> String {
    let what = match operation {
        Operation::Feed => {
            "An owner's 50 requests with plants, caretaker, and 5 comments each with their authors, as that owner"
        }
        Operation::Board => "50 open requests near a cell with their plants, as a member",
        Operation::One => "One request by its id, another each time, as a member",
        Operation::Write => {
            "A comment with its event, its entries in the streams of those it concerns, and their wake-up; on another of \
             50 requests each time"
        }
        Operation::OneStream => {
            "The same, all on one request: its stream is one row, for which every writer waits. pgbench is no bound here: it goes to Postgres and back for each statement while it \
             holds the row. The times are of these \
             requests themselves"
        }
    };
    let waits = if operation == Operation::OneStream {
        ""
    } else {
        " Waits are those at half of each one's own rate, counted from when each request was to be sent."
    };
    format!("{what}. {connections} connections.{waits}")
}

/// Plant Care first: what others answer is compared with its answers.
async fn contenders(operation: Operation, ground: &Ground) -> Result<Vec<Contender>> {
    let stage = &ground.stage;
    let mut contenders = Vec::new();
    let mut add = |server: &Server, role| -> Result<()> {
        for form in operation.forms(server) {
            contenders.push(Contender::http(operation, server, form, role, stage)?);
        }
        Ok(())
    };
    add(&ground.ours, Role::Ours)?;
    for peer in &ground.peers {
        if !operation.writes() || peer.writes {
            add(peer, Role::Peer)?;
        }
    }
    if operation.writes() {
        let pgbench = Pgbench::new(operation, stage)
            .await?
            .with("writer", &stage.people.writer)
            .with("share", stage.size.requests / stage.size.owned);
        for (name, notify) in [("pgbench", 1), ("pgbench, no wake-up", 0)] {
            contenders.push(Contender {
                name: name.to_owned(),
                role: Role::Limit,
                drive: Drive::Pgbench(pgbench.clone().with("notify", notify)),
            });
        }
    } else {
        add(&ground.limit, Role::Limit)?;
    }
    Ok(contenders)
}

fn ours(measured: &[Measured]) -> Option<&Measured> {
    measured.iter().find(|measured| measured.role == Role::Ours)
}

/// The fastest form of the limit.
fn limit(measured: &[Measured]) -> Option<&Measured> {
    let limits = measured.iter().filter(|measured| measured.role == Role::Limit);
    limits.max_by(|one, other| one.rate().median.total_cmp(&other.rate().median))
}

fn targets(operation: Operation, measured: &[Measured]) -> Vec<Target> {
    let (Some(ours), Some(limit)) = (ours(measured), limit(measured)) else {
        return Vec::new();
    };
    let name = operation.name();
    let mut targets = Vec::new();
    let least = match operation {
        Operation::Feed | Operation::Board => 1.0,
        Operation::One => 0.8,
        Operation::Write => 0.7,
        // Reported, without a target.
        Operation::OneStream => return targets,
    };
    let of_limit = ours.ratio(limit).median;
    targets.push(Target::at_least(format!("{name}: of the limit"), least, of_limit));
    let mercurius = measured.iter().find(|measured| measured.name == "mercurius");
    if let (Operation::Feed | Operation::Board, Some(mercurius)) = (operation, mercurius) {
        let times = ours.ratio(mercurius).median;
        targets.push(Target::at_least(format!("{name}: times mercurius"), 2.5, times));
    }
    targets
}

fn table(measured: &[Measured]) -> Table {
    let mut table = Table::new([
        "server",
        "requests/s",
        "min–max",
        "of the limit",
        "by processor",
        "ours is",
        "p50 ms",
        "p99 ms",
        "max ms",
        "server ms",
        "Postgres ms",
        "generator ms",
        "RSS MiB",
        "bytes",
    ]);
    let (ours, limit) = (ours(measured), limit(measured));
    for one in measured {
        let rate = one.rate();
        let waits = one.waits();
        let ratio = |ratio: Option<f64>| ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}"));
        let cost = |seconds: fn(&Served) -> f64| figure(one.cost(seconds).median);
        let is_server = peak_of(one).is_some();
        let bytes = one.spread(|served| float(served.bytes) / float(served.requests));
        table.row([
            one.name.clone(),
            figure(rate.median),
            format!("{}–{}", figure(rate.min), figure(rate.max)),
            ratio(limit.map(|limit| one.ratio(limit).median)),
            ratio(limit.map(|limit| limit.work() / one.work())),
            ratio(ours.map(|ours| ours.ratio(one).median)) + " ×",
            figure(waits[0]),
            figure(waits[1]),
            figure(waits[2]),
            if_so(is_server, cost(|served| served.spent.server)),
            cost(|served| served.spent.postgres),
            cost(|served| served.spent.generator),
            peak_of(one).map_or_else(String::new, |kib| figure(float(kib) / 1024.0)),
            if_so(is_server, count(bytes.median)),
        ]);
    }
    table
}

/// The most memory that a server held in all rounds; nothing of pgbench, which is none.
fn peak_of(measured: &Measured) -> Option<u64> {
    measured.rounds.iter().filter_map(|round| round.peak_kib).max()
}

fn if_so(holds: bool, cell: String) -> String {
    if holds { cell } else { String::new() }
}

fn plot(operation: Operation, measured: &[Measured]) -> Plot {
    let bars = measured.iter().map(|measured| Bar {
        name: measured.name.clone(),
        role: measured.role,
        spread: measured.rate(),
    });
    Plot::Bars {
        file: operation.name().to_owned(),
        title: format!("{}: requests a second", operation.name()),
        bars: bars.collect(),
    }
}

/// All that was measured of one contender.
pub(super) fn data(measured: &Measured) -> Value {
    let round = |served: &Served| {
        json!({
            "requests": served.requests, "seconds": served.seconds, "rate": served.rate(), "bytes": served.bytes,
            "processor_seconds": { "server": served.spent.server, "postgres": served.spent.postgres,
                "generator": served.spent.generator },
            "milliseconds": served.latencies.table(), "peak_kib": served.peak_kib,
        })
    };
    let at_half = measured.at_half.as_ref().map(|half| {
        json!({ "rate": half.rate, "requests": half.latencies.count(), "milliseconds": half.latencies.table() })
    });
    json!({ "name": measured.name, "role": format!("{:?}", measured.role).to_lowercase(),
        "rounds": measured.rounds.iter().map(round).collect::<Vec<_>>(), "open_loop_at_half": at_half })
}
