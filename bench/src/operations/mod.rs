//! What is asked of servers: GraphQL operations, as each kind of server takes them.

mod graphile;
mod ours;
mod peers;

pub use self::ours::{global_id, key};
use clap::ValueEnum;
use plant_care_prove::failure::{Result, fail};

use crate::limits::Form;
use crate::load::{Ask, Asks};
use crate::servers::{Dialect, Server};
use crate::stage::Stage;

/// What is written in comments.
const BODY: &str = "The leaves look fine, the soil was dry.";

/// Something to ask of every server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Operation {
    /// An owner's 50 requests with plants, caretaker and comments.
    Feed,
    /// 50 open requests near a place with their plants.
    Board,
    /// One request by its id, another each time.
    One,
    /// A comment, on another request each time.
    Write,
    /// A comment, on the same request each time: all writers wait for one stream.
    OneStream,
}

impl Operation {
    /// What tables and files call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Feed => "feed",
            Self::Board => "board",
            Self::One => "one",
            Self::Write => "write",
            Self::OneStream => "one-stream",
        }
    }

    /// Whether it changes the data.
    pub fn writes(self) -> bool {
        matches!(self, Self::Write | Self::OneStream)
    }

    /// The ways in which a server can do it; only the limit has several.
    pub fn forms(self, server: &Server) -> Vec<Option<Form>> {
        match (server.dialect, self) {
            (Dialect::Limit, Self::Feed | Self::Board) => Form::ALL.into_iter().map(Some).collect(),
            _ => vec![None],
        }
    }

    /// What to ask a server.
    pub fn asks(self, server: &Server, form: Option<Form>, stage: &Stage) -> Result<Asks> {
        Asks::new(
            server.address,
            self.list(server.dialect, form, stage)?,
            self.has(),
        )
    }

    /// What to ask Plant Care, or the limit, for a page of the feed with so many requests.
    pub fn page(rows: u64, server: &Server, form: Option<Form>, stage: &Stage) -> Result<Asks> {
        let ask = match server.dialect {
            Dialect::Limit => {
                let (form, viewer) = (form.map_or("", Form::name), &stage.people.owner);
                Ask::get(format!("/feed/{form}?viewer={viewer}&first={rows}"))
            }
            _ => ours::page(rows, stage),
        };
        Asks::new(server.address, [ask], Self::Feed.has())
    }

    fn list(self, dialect: Dialect, form: Option<Form>, stage: &Stage) -> Result<Vec<Ask>> {
        match dialect {
            Dialect::Ours => ours::asks(self, stage),
            Dialect::Graphile => Ok(graphile::asks(self, stage)),
            Dialect::Peer => Ok(peers::asks(self, stage)),
            Dialect::Limit => self.paths(form, stage),
        }
    }

    /// As the limit takes it.
    fn paths(self, form: Option<Form>, stage: &Stage) -> Result<Vec<Ask>> {
        let form = form.map_or("", Form::name);
        match self {
            Self::Feed => Ok(vec![Ask::get(format!(
                "/feed/{form}?viewer={}",
                stage.people.owner
            ))]),
            Self::Board => Ok(vec![Ask::get(format!("/board/{form}?cell={}", stage.cell))]),
            Self::One => {
                let path = |id| Ask::get(format!("/one?id={id}"));
                Ok(stage.open.iter().map(path).collect())
            }
            Self::Write | Self::OneStream => fail("the limit of writing is pgbench's"),
        }
    }

    /// The document, the same for all who have the same schema.
    fn document(self) -> &'static str {
        match self {
            Self::Feed => include_str!("../../queries/feed.graphql"),
            Self::Board => include_str!("../../queries/board.graphql"),
            Self::One => include_str!("../../queries/one.graphql"),
            Self::Write | Self::OneStream => include_str!("../../queries/write.graphql"),
        }
    }

    /// What every right answer has somewhere.
    fn has(self) -> &'static str {
        match self {
            Self::Feed => "the leaves look fine",
            Self::Board => "Ficus lyrata",
            Self::One => "OPEN",
            Self::Write | Self::OneStream => BODY,
        }
    }

    /// The requests that are commented on.
    fn written(self, stage: &Stage) -> &[String] {
        let count = if self == Self::OneStream {
            1
        } else {
            stage.written.len()
        };
        &stage.written[..count]
    }
}
