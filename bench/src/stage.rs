//! What all servers stand on: a database with the benchmark's data, and those who ask.

use plant_care_prove::failure::{Failure, Result};
use plant_care_prove::harness::{Common, Harness};
use plant_care_prove::processes::Program;

use crate::data::{self, OWNER, READER, Size, WRITER};
use crate::members::Members;
use crate::servers::{Server, Sink};
use crate::usage::postmaster;

/// Open requests that are asked for in turn.
const OPEN: u32 = 1000;
/// The setting that names the collector.
const COLLECTOR: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

/// The database and those who ask.
#[derive(Debug)]
pub struct Stage {
    /// The folder, the database, the program.
    pub harness: Harness,
    /// Plant Care with its telemetry in its default setting: spans go to a collector that accepts them.
    pub program: Program,
    /// Postgres's first process.
    pub postmaster: u32,
    /// Those who ask, by their tokens.
    pub members: Members,
    /// Their ids.
    pub people: People,
    /// Open requests' ids.
    pub open: Vec<String>,
    /// The writer's requests' ids.
    pub written: Vec<String>,
    /// The cell of the board.
    pub cell: String,
    /// What there is.
    pub size: Size,
    sink: Sink,
}

/// The ids of those who ask.
#[derive(Clone, Debug)]
pub struct People {
    /// Asks for the feed.
    pub owner: String,
    /// Comments.
    pub writer: String,
    /// Reads the board.
    pub reader: String,
}

impl Stage {
    /// Prepares a database by a server, which goes on.
    pub async fn set(common: &Common, size: Size) -> Result<(Self, Server)> {
        let harness = Harness::new(common).await?;
        let sink = Sink::start(harness.folder()).await?;
        let program = harness.program.with(COLLECTOR, &sink.url);
        let server = Server::program("ours", &program).await?;
        let members = Members::register(&harness.api, server.address).await?;
        data::fill(&harness.database, size).await?;
        let database = &harness.database;
        let person = async |name| {
            let sql = format!("SELECT id::text FROM users WHERE display_name = '{name}'");
            database
                .column::<String>(&sql)
                .await?
                .pop()
                .ok_or_else(|| Failure::new(format!("{name} is not in the database")))
        };
        let people = People {
            owner: person(OWNER).await?,
            writer: person(WRITER).await?,
            reader: person(READER).await?,
        };
        let open = format!(
            "SELECT id::text FROM care_requests WHERE status = 'OPEN' ORDER BY md5(id::text) LIMIT {OPEN}"
        );
        let written = format!(
            "SELECT id::text FROM care_requests WHERE owner_id = '{}' ORDER BY id",
            people.writer
        );
        let stage = Self {
            program,
            postmaster: postmaster(database).await?,
            members,
            people,
            open: database.column(&open).await?,
            written: database.column(&written).await?,
            cell: data::board_cell()?,
            size,
            sink,
            harness,
        };
        Ok((stage, server))
    }

    /// A program that sends its spans to the collector.
    pub fn to_collector(&self, program: &Program) -> Program {
        program.with(COLLECTOR, &self.sink.url)
    }

    /// Takes all down; where something failed, the logs stay.
    pub async fn finish<T>(self, outcome: Result<T>) -> Result<T> {
        drop(self.sink);
        let ended = outcome.as_ref().map(|_| serde_json::Value::Null);
        let ended = ended.map_err(|reason| Failure::new(reason.to_string()));
        self.harness.finish(ended).await?;
        outcome
    }
}
