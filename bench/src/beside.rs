//! Plant Care beside the limit alone: the quick look while something is changed.

use std::fmt::Write as _;
use std::time::Duration;

use clap::Args;
use plant_care_prove::failure::Result;
use plant_care_prove::harness::Common;

use crate::data::Size;
use crate::ground::Ground;
use crate::load::Closed;
use crate::operations::Operation;
use crate::report::Table;
use crate::rounds::Plan;
use crate::workloads::operations;

/// What, and for how long.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// What is asked.
    #[arg(value_enum, default_values_t = [Operation::Feed])]
    operations: Vec<Operation>,
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

/// Measures: a table for each operation.
pub async fn run(common: &Common, options: &Options) -> Result<String> {
    let ground = Ground::prepare(common, Size::default(), &[]).await?;
    let plan = Plan {
        rounds: options.rounds,
        closed: Closed {
            connections: options.connections,
            warm_up: Duration::from_millis(300),
            time: Duration::from_secs_f64(options.seconds),
        },
        open: Duration::from_secs_f64(options.seconds),
    };
    let measured = tables(&ground, &options.operations, plan).await;
    ground.finish(measured).await
}

async fn tables(ground: &Ground, operations: &[Operation], plan: Plan) -> Result<String> {
    let mut said = String::new();
    for operation in operations {
        let section = operations::run(*operation, ground, plan).await?;
        let tables: Vec<String> = section.tables.iter().map(Table::markdown).collect();
        write!(said, "\n{}\n\n{}", operation.name(), tables.concat())?;
    }
    Ok(said)
}
