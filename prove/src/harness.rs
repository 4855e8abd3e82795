//! What every proof needs: a folder, a database, the program under test, and a client.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::Value;

use crate::api::Api;
use crate::database::Database;
use crate::failure::{Failure, Result, ensure};
use crate::figures::Clock;
use crate::processes::{Folder, Program, Server, pin};

/// What all proofs are told.
#[derive(Args, Clone, Debug)]
pub struct Common {
    /// The server program.
    #[arg(
        long,
        global = true,
        env = "PLANT_CARE_BIN",
        default_value = "target/release/plant-care"
    )]
    pub bin: PathBuf,
    /// Any database of a Postgres server on which databases may be made; by default one is started for the proof.
    #[arg(long, global = true, env = "PROVE_POSTGRES_URL")]
    pub postgres: Option<String>,
    /// Run on a SQLite file instead.
    #[arg(long, global = true)]
    pub sqlite: bool,
    /// Report latencies and memory, and assert order and completeness only: for debug builds and busy machines.
    #[arg(long, global = true)]
    pub lenient: bool,
    /// One more variable of the server's environment, NAME=VALUE.
    #[arg(long = "env", global = true, value_name = "NAME=VALUE", value_parser = setting)]
    pub environment: Vec<(String, String)>,
}

fn setting(text: &str) -> std::result::Result<(String, String), String> {
    text.split_once('=')
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .ok_or_else(|| format!("{text} is not NAME=VALUE"))
}

/// The place in which a proof happens.
#[derive(Debug)]
pub struct Harness {
    /// What it was told.
    pub common: Common,
    /// The client.
    pub api: Api,
    /// The time.
    pub clock: Clock,
    /// The database.
    pub database: Database,
    /// The server program over that database.
    pub program: Program,
    folder: Folder,
}

impl Harness {
    /// Prepares it.
    pub async fn new(common: &Common) -> Result<Self> {
        let folder = Folder::new()?;
        let database = if common.sqlite {
            Database::sqlite(folder.path())
        } else {
            Database::postgres(common.postgres.as_deref()).await?
        };
        let program = Program::new(&common.bin, folder.path(), database.url(), &common.environment).await?;
        Ok(Self {
            common: common.clone(),
            api: Api::new()?,
            clock: Clock::new(),
            database,
            program,
            folder,
        })
    }

    /// Leaves core 0 to the server: this process runs on the other from here on, and a Postgres of this machine on the core that
    /// is named.
    pub async fn step_aside(&self, database: usize) -> Result<()> {
        pin(std::process::id(), 1).await?;
        self.database.pin(database).await
    }

    /// The folder in which logs are.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts a server.
    pub async fn server(&self, name: &str) -> Result<Server> {
        Server::start(&self.program, name).await
    }

    /// Fails for this reason unless something is so, where latencies and memory are judged.
    pub fn ensure_figure(&self, holds: bool, reason: impl FnOnce() -> String) -> Result<()> {
        ensure(holds || self.common.lenient, reason)
    }

    /// Takes all down; of a proof that failed the servers' logs stay.
    pub async fn finish(self, outcome: Result<Value>) -> Result<Value> {
        let logs = self.folder.path().display().to_string();
        match outcome {
            Ok(figures) => self.folder.remove().map(|()| figures),
            Err(reason) => Err(Failure::new(format!(
                "{reason}\n(the servers' logs are in {logs})"
            ))),
        }
    }
}
