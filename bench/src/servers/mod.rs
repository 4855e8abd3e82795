//! What is measured: servers, each a process of its own over the same database.

mod process;

use std::net::SocketAddr;

use plant_care_prove::failure::Result;
use plant_care_prove::processes::{self, free_address};

pub use self::process::Process;
use crate::stage::Stage;

/// How requests to a server are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Plant Care's: members log in, ids are opaque.
    Ours,
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
    _running: Running,
}

/// What ends with the server.
#[derive(Debug)]
enum Running {
    Ours { _server: processes::Server },
    Other { _process: Process },
}

impl Server {
    /// Plant Care itself.
    pub fn ours(name: &str, server: processes::Server) -> Result<Self> {
        Ok(Self {
            name: name.to_owned(),
            dialect: Dialect::Ours,
            address: server.address,
            process: server.id()?,
            _running: Running::Ours { _server: server },
        })
    }

    /// The limit.
    pub async fn limit(stage: &Stage) -> Result<Self> {
        let address = free_address().await?;
        let (database, port) = (stage.harness.database.url(), address.port().to_string());
        let arguments = ["limit-server", "--database", database, "--port", &port];
        let mut process = Process::own("limit", stage, &arguments)?;
        process.ready(address, "/ready").await?;
        Ok(Self {
            name: "limit".to_owned(),
            dialect: Dialect::Limit,
            address,
            process: process.id()?,
            _running: Running::Other { _process: process },
        })
    }
}
