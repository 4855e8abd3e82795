//! Plant Care beside the limit alone: the quick look while something is changed.

use std::fmt::Write as _;
use std::time::Duration;

use clap::Args;
use plant_care_prove::failure::Result;
use plant_care_prove::harness::Common;

use crate::data::Size;
use crate::load::Closed;
use crate::rounds::{self, Contender, Measured};
use crate::servers::Server;
use crate::stage::Stage;
use crate::usage::{Processes, postmaster};
use crate::workloads::Workload;

/// What, and for how long.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// What is asked.
    #[arg(value_enum, default_values_t = [Workload::Feed])]
    workloads: Vec<Workload>,
    /// Connections.
    #[arg(long, default_value_t = 16)]
    connections: usize,
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Measurements of each contender, in turn with all others.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
}

/// Measures: a table.
pub async fn run(common: &Common, options: &Options) -> Result<String> {
    let (stage, server) = Stage::set(common, Size::default()).await?;
    let servers = [Server::ours("ours", server)?, Server::limit(&stage).await?];
    let postmaster = postmaster(&stage.harness.database).await?;
    let closed = Closed {
        connections: options.connections,
        warm_up: Duration::from_millis(300),
        time: Duration::from_secs_f64(options.seconds),
    };
    let mut said = String::new();
    for workload in &options.workloads {
        let mut contenders = Vec::new();
        for server in &servers {
            for form in workload.forms(server) {
                contenders.push(Contender {
                    name: form.map_or(server.name.clone(), |form| format!("limit {}", form.name())),
                    target: workload.target(server, form, &stage)?,
                    processes: Processes {
                        server: Some(server.process),
                        postmaster,
                    },
                });
            }
        }
        let measured = rounds::run(&contenders, closed, options.rounds).await?;
        write!(said, "{}", table(workload.name(), &measured))?;
    }
    drop(servers);
    stage.harness.finish(Ok(serde_json::Value::Null)).await?;
    Ok(said)
}

fn table(name: &str, measured: &[Measured]) -> String {
    let mut table =
        format!("{name:<16} requests/s      min      max   bytes  | ms/request: server postgres generator\n");
    for measured in measured {
        let rate = measured.spread(crate::load::closed::Served::rate);
        let bytes = measured.spread(|served| {
            plant_care_prove::figures::float(served.bytes)
                / plant_care_prove::figures::float(served.requests)
        });
        let line = format!(
            "{:<16} {:>10.1} {:>8.1} {:>8.1} {:>7.0}  | {:>18.3} {:>8.3} {:>9.3}\n",
            measured.name,
            rate.median,
            rate.min,
            rate.max,
            bytes.median,
            measured.cost(|served| served.spent.server).median,
            measured.cost(|served| served.spent.postgres).median,
            measured.cost(|served| served.spent.generator).median,
        );
        table.push_str(&line);
    }
    table
}
