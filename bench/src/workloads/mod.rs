//! What is asked of each server.

mod requests;

use clap::ValueEnum;
use plant_care_prove::failure::Result;

use self::requests::{ours, path};
use crate::limits::Form;
use crate::load::Target;
use crate::servers::{Dialect, Server};
use crate::stage::Stage;

/// Something to ask of every server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Workload {
    /// An owner's 50 requests with plants, caretaker and comments.
    Feed,
    /// 50 open requests near a place with their plants.
    Board,
    /// One request by its id.
    One,
}

impl Workload {
    /// What tables and files call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Feed => "feed",
            Self::Board => "board",
            Self::One => "one",
        }
    }

    /// The ways in which a server can do it; only the limit has several.
    pub fn forms(self, server: &Server) -> Vec<Option<Form>> {
        match (server.dialect, self) {
            (Dialect::Limit, Self::Feed | Self::Board) => Form::ALL.into_iter().map(Some).collect(),
            _ => vec![None],
        }
    }

    /// What to ask a server.
    pub fn target(self, server: &Server, form: Option<Form>, stage: &Stage) -> Result<Target> {
        let asks = match server.dialect {
            Dialect::Ours => ours(self, stage)?,
            Dialect::Limit => path(self, form.unwrap_or(Form::Rows), stage),
        };
        Target::new(server.address, asks, self.has())
    }

    /// What every right answer has somewhere.
    fn has(self) -> &'static str {
        match self {
            Self::Feed => "the leaves look fine",
            Self::Board => "Ficus lyrata",
            Self::One => "OPEN",
        }
    }
}
