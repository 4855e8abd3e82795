//! The names of streams.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use crate::entity::{CareRequestId, UserId};

/// One log: who writes to it and who may read it is said by its name.
///
/// Ordered, because writers take the streams' locks in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stream {
    /// The timeline of one care request, for its parties.
    Care(CareRequestId),
    /// One member's feed.
    User(UserId),
    /// What is open, and what no longer is; for all members.
    Board,
    /// Sessions and members that are no longer what they were; followed by every process.
    Control,
}

impl Stream {
    /// The subscription that follows it; the control stream has none.
    pub fn field(self) -> Option<&'static str> {
        match self {
            Self::Care(_) => Some("careEvents"),
            Self::User(_) => Some("myFeed"),
            Self::Board => Some("openCareRequests"),
            Self::Control => None,
        }
    }
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Care(id) => write!(f, "care:{id}"),
            Self::User(id) => write!(f, "user:{id}"),
            Self::Board => f.write_str("board"),
            Self::Control => f.write_str("control"),
        }
    }
}

impl FromStr for Stream {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        match name {
            "board" => return Ok(Self::Board),
            "control" => return Ok(Self::Control),
            _ => {}
        }
        let (kind, id) = name.split_once(':').ok_or(())?;
        let id = Uuid::try_parse(id).map_err(|_| ())?;
        match kind {
            "care" => Ok(Self::Care(CareRequestId(id))),
            "user" => Ok(Self::User(UserId(id))),
            _ => Err(()),
        }
    }
}
