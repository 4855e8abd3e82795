//! Measures Plant Care beside its peers and beside the limit of what the machine can do.
//!
//! | part | what it does |
//! |---|---|
//! | [`data`], [`members`], [`stage`] | fill a database with what is asked for, and register who asks |
//! | [`servers`], [`limits`] | start what is measured: Plant Care, and the limit |
//! | [`workloads`] | what is asked of each |
//! | [`load`], [`usage`], [`rounds`] | ask, and measure what it takes |

pub mod beside;
pub mod data;
pub mod limits;
pub mod load;
pub mod members;
pub mod rounds;
pub mod servers;
pub mod stage;
pub mod usage;
pub mod workloads;

use clap::{Parser, Subcommand};
use plant_care_prove::failure::Result;
use plant_care_prove::harness::{Common, Harness};

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
    /// Measures Plant Care beside the limit alone: the quick look while something is changed.
    Limit(beside::Options),
    /// The limit's server.
    #[command(hide = true)]
    LimitServer(limits::Options),
}

/// Does it: what there is to say.
pub async fn run(cli: Cli) -> Result<String> {
    match cli.part {
        Part::Stand { requests } => stand(&Harness::new(&cli.common).await?, requests).await,
        Part::Limit(options) => beside::run(&cli.common, &options).await,
        Part::LimitServer(options) => limits::serve(options).await.map(|()| String::new()),
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
