//! Measures Plant Care beside its peers and beside the limit of what the machine can do.
//!
//! | part | what it does |
//! |---|---|
//! | [`data`], [`members`], [`stage`] | fill a database with what is asked for, and register who asks |
//! | [`servers`], [`limits`], [`sink`], [`ground`] | start what is measured: Plant Care, its peers, the limit |
//! | [`operations`], [`neutral`], [`compare`] | what is asked of each, and whether all answer the same |
//! | [`live`] | subscribers, and events that are told to them |
//! | [`load`], [`pgbench`], [`usage`], [`rounds`] | ask, and measure what it takes |
//! | [`workloads`], [`report`] | what is measured, and how it is told |
//! | [`whole`], [`beside`] | all of it, or a quick look |

pub mod beside;
pub mod compare;
pub mod data;
pub mod ground;
pub mod limits;
pub mod live;
pub mod load;
pub mod members;
pub mod neutral;
pub mod operations;
pub mod pgbench;
pub mod report;
pub mod rounds;
pub mod servers;
pub mod sink;
pub mod stage;
pub mod usage;
pub mod whole;
pub mod workloads;

use std::net::SocketAddr;

use clap::{Parser, Subcommand};
use plant_care_prove::failure::{Result, fail};
use plant_care_prove::harness::{Common, Harness};
use plant_care_prove::raw;

use self::data::Size;
use self::members::Members;

/// Measures Plant Care beside its peers and beside the limit of what the machine can do.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    part: Part,
}

/// What can be done.
#[derive(Debug, Subcommand)]
enum Part {
    /// Starts a server over the benchmark's data and waits: to look at one query by hand.
    Stand {
        /// Care requests.
        #[arg(long, default_value_t = Size::default().requests)]
        requests: u64,
    },
    /// Measures everything, or what is named, and writes the report.
    Run(whole::Options),
    /// Measures Plant Care beside the limit alone: the quick look while something is changed.
    Limit(beside::Options),
    /// The limit's server.
    #[command(hide = true)]
    LimitServer(limits::Options),
    /// A collector of spans that keeps none.
    #[command(hide = true)]
    SinkServer(sink::Options),
    /// A broadcast of ready bytes.
    #[command(hide = true)]
    RawServer {
        /// Where to listen.
        #[arg(long)]
        address: SocketAddr,
        /// Messages that are sent to whoever subscribes.
        #[arg(long)]
        kept: usize,
    },
}

/// Does it: what there is to say.
pub async fn run(cli: Cli) -> Result<String> {
    match cli.part {
        Part::Stand { requests } => stand(&Harness::new(&cli.common).await?, requests).await,
        Part::Run(options) => unless_interrupted(Box::pin(whole::run(&cli.common, &options))).await,
        Part::Limit(options) => unless_interrupted(Box::pin(beside::run(&cli.common, &options))).await,
        Part::LimitServer(options) => limits::serve(options).await.map(|()| String::new()),
        Part::SinkServer(options) => sink::serve(options).await.map(|()| String::new()),
        Part::RawServer { address, kept } => raw::serve(address, kept).await.map(|()| String::new()),
    }
}

/// Interrupted, it takes down what it has started.
async fn unless_interrupted(measuring: impl Future<Output = Result<String>>) -> Result<String> {
    tokio::select! {
        measured = measuring => measured,
        _ = tokio::signal::ctrl_c() => fail("it was interrupted"),
    }
}

async fn stand(harness: &Harness, requests: u64) -> Result<String> {
    let server = harness.server("server").await?;
    let members = Members::register(&harness.api, server.address).await?;
    let size = Size {
        requests,
        ..Size::default()
    };
    data::fill(&harness.database, size).await?;
    let said = format!(
        "server http://{}\nprocess {}\ndatabase {}\nowner {}\nwriter {}\nreader {}\ncell {}\n",
        server.address,
        server.id()?,
        harness.database.url(),
        members.owner.token,
        members.writer.token,
        members.reader.token,
        data::board_cell()?,
    );
    std::io::Write::write_all(&mut std::io::stdout(), said.as_bytes())?;
    tokio::signal::ctrl_c().await?;
    Ok(String::new())
}
