//! What is measured: servers, each a process of its own over the same database.

mod peers;
mod process;

use std::net::SocketAddr;
use std::path::PathBuf;

use plant_care_prove::failure::Result;
use plant_care_prove::processes::{self, Program, free_address};
use tokio::process::Command;

pub use self::peers::{Peer, folder as peers_folder, node};
pub use self::process::Process;
use crate::stage::Stage;

/// How requests to a server are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Plant Care's: members log in, ids are opaque.
    Ours,
    /// Its schema, with plain ids and a header that names the viewer.
    Peer,
    /// `PostGraphile`'s: its own documents, with plain ids.
    Graphile,
    /// The limit's: paths.
    Limit,
}

/// A server that runs.
#[derive(Debug)]
pub struct Server {
    /// What tables call it.
    pub name: String,
    /// How it is asked.
    pub dialect: Dialect,
    /// Where.
    pub address: SocketAddr,
    /// Its process.
    pub process: u32,
    /// Whether it writes comments.
    pub writes: bool,
    /// Where it tells its metrics, where it does.
    pub management: Option<SocketAddr>,
    _running: Running,
}

/// What ends with the server.
#[derive(Debug)]
enum Running {
    Ours { _server: processes::Server },
    Other { _process: Process },
}

impl Server {
    /// Plant Care itself, as it stands.
    pub fn ours(name: &str, server: processes::Server) -> Result<Self> {
        Ok(Self {
            name: name.to_owned(),
            dialect: Dialect::Ours,
            address: server.address,
            process: server.id()?,
            writes: true,
            management: Some(server.management),
            _running: Running::Ours { _server: server },
        })
    }

    /// Plant Care, told something else by its environment.
    pub async fn program(name: &str, program: &Program) -> Result<Self> {
        Self::ours(name, processes::Server::start(program, name).await?)
    }

    /// The limit.
    pub async fn limit(stage: &Stage) -> Result<Self> {
        let address = free_address().await?;
        let (database, port) = (stage.harness.database.url(), address.port().to_string());
        let arguments = ["limit-server", "--database", database, "--port", &port];
        let mut process = Process::own("limit", stage.harness.folder(), &arguments)?;
        process.ready(address, "/ready").await?;
        Self::other("limit", Dialect::Limit, address, process, false)
    }

    /// A peer.
    pub async fn peer(peer: Peer, stage: &Stage) -> Result<Self> {
        let address = free_address().await?;
        let process = peer.start(address, stage).await?;
        Self::other(peer.name(), peer.dialect(), address, process, peer.writes())
    }

    /// A broadcast of ready bytes, which sends the last `kept` messages to whoever subscribes.
    pub async fn raw(stage: &Stage, kept: usize) -> Result<Self> {
        let address = free_address().await?;
        let (at, kept) = (address.to_string(), kept.to_string());
        let arguments = ["raw-server", "--address", &at, "--kept", &kept];
        let mut process = Process::own("raw", stage.harness.folder(), &arguments)?;
        process.listens(address).await?;
        Self::other("raw", Dialect::Limit, address, process, false)
    }

    /// async-graphql's own websocket, where that program was built beside this one.
    pub async fn stock_websocket(stage: &Stage) -> Result<Option<Self>> {
        let Some(file) = beside("stock-websocket")? else {
            return Ok(None);
        };
        let address = free_address().await?;
        let mut command = Command::new(file);
        command.args(["--port", &address.port().to_string()]);
        let mut process = Process::start("stock-websocket", stage.harness.folder(), &mut command)?;
        process.listens(address).await?;
        Self::other("stock websocket", Dialect::Peer, address, process, false).map(Some)
    }

    fn other(
        name: &str,
        dialect: Dialect,
        address: SocketAddr,
        process: Process,
        writes: bool,
    ) -> Result<Self> {
        Ok(Self {
            name: name.to_owned(),
            dialect,
            address,
            process: process.id()?,
            writes,
            management: None,
            _running: Running::Other { _process: process },
        })
    }
}

/// A program that was built beside this one, if it was.
pub fn beside(name: &str) -> Result<Option<PathBuf>> {
    let file = std::env::current_exe()?.with_file_name(name);
    Ok(file.exists().then_some(file))
}

/// A collector of spans that accepts all and keeps none, in a process of its own.
#[derive(Debug)]
pub struct Sink {
    /// Where, as servers are told it.
    pub url: String,
    _process: Process,
}

impl Sink {
    /// Starts it.
    pub async fn start(folder: &std::path::Path) -> Result<Self> {
        let address = free_address().await?;
        let arguments = ["sink-server", "--port", &address.port().to_string()];
        let mut process = Process::own("sink", folder, &arguments)?;
        process.listens(address).await?;
        Ok(Self {
            url: format!("http://{address}"),
            _process: process,
        })
    }
}
