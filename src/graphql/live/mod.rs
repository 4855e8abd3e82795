//! Subscriptions: opening one, and resolving what it is told.
//!
//! A subscription is no running stream of async-graphql's. Its operation is run once to open it, which
//! only reads its arguments into a [`Plan`]; then once for each message that it is told, over that one
//! message. Between messages it is a position in a log and holds nothing that runs; and subscribers who
//! would get the same answer share one run.

mod charges;
mod following;
mod group;
mod interned;
mod lately;
pub mod messages;
mod on_board;
mod prepared;
pub mod sharing;
mod snapshot;

use std::sync::{Arc, Mutex, PoisonError};

use async_graphql::{Context, Variables};
use opentelemetry::trace::SpanContext;
use sea_orm::Condition;

pub use self::following::{Following, Payload, Step};
pub use self::group::Groups;
pub use self::on_board::OnBoard;
use self::prepared::Prepared;
use super::error::ApiError;
use super::scope::Caller;
use crate::entity::stream_entry::Level;
use crate::entity::{care_request, event};
use crate::live::gate::Reader;
use crate::live::{Cursor, Message, Start, Stream};
use crate::telemetry::traces::parse_traceparent;

/// What a subscription follows, as its arguments say.
pub struct Plan {
    /// The log.
    pub stream: Stream,
    /// Where it begins.
    pub start: Start,
    /// Who may read what of it.
    pub reader: Box<dyn Reader>,
    /// Only what is at least so loud.
    pub minimum: Option<Level>,
    /// Only the newest of each object, and so many in a second.
    pub latest: Option<u32>,
    /// The part of the board that is asked for.
    pub board: Option<Board>,
}

impl Plan {
    /// Has it begin after a position. The position of what the board lists at its beginning says that the
    /// list was not at its end.
    pub fn begin_after(&mut self, after: Cursor) {
        let begins_anew = self.stream == Stream::Board && after == Cursor::start(Stream::Board);
        self.start = if begins_anew {
            Start::Now
        } else {
            Start::After(after)
        };
        if let Some(board) = &mut self.board {
            board.from_snapshot = begins_anew;
        }
    }
}

/// A part of the board.
#[derive(Clone)]
pub struct Board {
    /// Only requests in this area.
    pub area: Option<Condition>,
    /// Whether it begins with what is open now.
    pub from_snapshot: bool,
}

/// What a subscription is told.
pub enum Told {
    /// What the log says.
    Live(Message),
    /// What is open, before the log says more.
    Listed(Arc<care_request::Model>),
}

impl Told {
    /// What an entry of the log tells of.
    fn event(&self) -> Option<&event::Model> {
        match self {
            Self::Live(Message::Entry { entry, .. }) => Some(&entry.event),
            _ => None,
        }
    }

    /// The span in which it was caused.
    fn cause(&self) -> Option<SpanContext> {
        parse_traceparent(self.event()?.traceparent.as_deref()?)
    }
}

/// A message of a subscription that is to be resolved.
pub(super) struct ToTell<'t> {
    /// Of which subscription.
    pub field: &'static str,
    pub prepared: &'t Prepared,
    pub variables: &'t Variables,
    pub caller: Caller,
    pub stage: Arc<Stage>,
    /// What it costs, at most.
    pub cost: usize,
    /// Where it was caused.
    pub cause: Option<SpanContext>,
}

/// Why an operation is run.
pub enum Stage {
    /// To learn what it follows.
    Open(Mutex<Option<Plan>>),
    /// To resolve what it is told.
    Tell(Mutex<Option<Told>>),
}

impl Stage {
    fn open() -> Arc<Self> {
        Arc::new(Self::Open(Mutex::default()))
    }

    fn tell(told: Told) -> Arc<Self> {
        Arc::new(Self::Tell(Mutex::new(Some(told))))
    }

    fn plan(&self) -> Option<Plan> {
        match self {
            Self::Open(plan) => plan.lock().unwrap_or_else(PoisonError::into_inner).take(),
            Self::Tell(_) => None,
        }
    }
}

/// What the resolver of a subscription does: it makes a plan, or hands on what it was told.
pub fn turn(
    context: &Context<'_>,
    plan: impl FnOnce() -> Result<Plan, ApiError>,
) -> Result<Option<Told>, ApiError> {
    match &**context.data_unchecked::<Arc<Stage>>() {
        Stage::Open(slot) => {
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(plan()?);
            Ok(None)
        }
        Stage::Tell(told) => Ok(told.lock().unwrap_or_else(PoisonError::into_inner).take()),
    }
}
