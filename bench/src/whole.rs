//! The whole comparison, in one run.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use plant_care_prove::failure::{Failure, Result, fail};
use plant_care_prove::harness::Common;

use crate::data::Size;
use crate::ground::Ground;
use crate::load::Closed;
use crate::report::Report;
use crate::report::machine::machine;
use crate::rounds::Plan;
use crate::servers::Peer;
use crate::workloads::{Effort, Workload};

/// What, how long, and what becomes of it.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// What is measured; everything if nothing is named.
    #[arg(value_enum)]
    workloads: Vec<Workload>,
    /// A look only: fewer and shorter rounds, whose figures are no more than a hint.
    #[arg(long)]
    quick: bool,
    /// The folder of the report.
    #[arg(long, default_value = "bench/results")]
    results: PathBuf,
    /// How it was started, as the report tells it.
    #[arg(long, default_value = "make bench")]
    command: String,
    /// Fail where a target is missed.
    #[arg(long)]
    gate: bool,
}

impl Options {
    fn effort(&self) -> Effort {
        let (rounds, time, open) = if self.quick { (2, 0.5, 1.0) } else { (7, 4.0, 10.0) };
        Effort {
            http: Plan {
                rounds,
                closed: Closed {
                    connections: 16,
                    warm_up: Duration::from_millis(200),
                    time: Duration::from_secs_f64(time),
                },
                open: Duration::from_secs_f64(open),
            },
            is_quick: self.quick,
        }
    }

    fn workloads(&self) -> Vec<Workload> {
        use clap::ValueEnum as _;
        if self.workloads.is_empty() {
            Workload::value_variants().to_vec()
        } else {
            self.workloads.clone()
        }
    }
}

/// Measures everything and writes the report: the targets, and where it is.
pub async fn run(common: &Common, options: &Options) -> Result<String> {
    let workloads = options.workloads();
    let peers: &[Peer] = if workloads.iter().any(|workload| workload.has_peers()) {
        &Peer::ALL
    } else {
        &[]
    };
    say("the database and the servers");
    let ground = Ground::prepare(common, Size::default(), peers).await?;
    let report = measure(&ground, &workloads, options).await;
    let report = ground.finish(report).await?;
    report.write(&options.results)?;
    let folder = options.results.display();
    let said = format!("{}\nThe report is {folder}/results.md.", report.summary());
    let missed = report.missed().count();
    if options.gate && missed > 0 {
        return fail(format!("{said}\n{missed} targets were missed."));
    }
    Ok(said)
}

async fn measure(ground: &Ground, workloads: &[Workload], options: &Options) -> Result<Report> {
    let mut report = Report {
        machine: machine(&ground.stage.harness.database, &options.command).await?,
        sections: Vec::new(),
    };
    for workload in workloads {
        say(&workload.name());
        let section = workload.run(ground, &options.effort()).await;
        let section = section.map_err(|reason| Failure::new(format!("{}: {reason}", workload.name())))?;
        report.sections.push(section);
    }
    Ok(report)
}

/// Says what comes next, to whoever waits.
fn say(what: &str) {
    use std::io::Write as _;
    // Where nobody listens nobody waits.
    drop(writeln!(std::io::stderr(), "==> {what}"));
}
