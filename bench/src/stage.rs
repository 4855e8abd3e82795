//! What all servers stand on: a database with the benchmark's data, and those who ask.

use plant_care_prove::failure::Result;
use plant_care_prove::harness::{Common, Harness};
use plant_care_prove::processes::Server;

use crate::data::{self, OWNER, READER, Size, WRITER};
use crate::members::Members;

/// Open requests that are asked for in turn.
const OPEN: u32 = 1000;

/// The database and those who ask.
#[derive(Debug)]
pub struct Stage {
    /// The folder, the database, the program.
    pub harness: Harness,
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
        let server = harness.server("ours").await?;
        let members = Members::register(&harness.api, server.address).await?;
        data::fill(&harness.database, size).await?;
        let database = &harness.database;
        let ids = async |sql: String| database.column::<String>(&sql).await;
        let person = async |name| {
            let mut found = ids(format!("SELECT id::text FROM users WHERE display_name = '{name}'")).await?;
            Ok::<_, plant_care_prove::failure::Failure>(found.pop().unwrap_or_default())
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
        let (open, written) = (ids(open).await?, ids(written).await?);
        let stage = Self {
            members,
            people,
            open,
            written,
            cell: data::board_cell()?,
            harness,
        };
        Ok((stage, server))
    }
}
