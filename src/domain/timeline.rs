//! Who may read which entries of a request's timeline.

use sea_orm::{ColumnTrait as _, DbErr, EntityTrait as _, QueryFilter as _};

use super::policy::{self, Action, Right, Standing};
use super::{Error, Member};
use crate::app::App;
use crate::database::Database;
use crate::entity::{CareRequestId, EventId, UserId, assignment, care_request, stream_entry};
use crate::live::follow::{Access, Gate, GapReason};
use crate::live::log::{self, Entry, Extent, Place};
use crate::live::{Cursor, Stream};

/// What a member may read of a request's timeline: all as a party, the time of her assignments if she
/// was its caretaker, else nothing.
pub async fn access(database: &Database, viewer: &Member, request: &care_request::Model) -> Result<Access, DbErr> {
    if policy::may(Action::ReadTimeline, policy::member_standing(viewer, request)) {
        return Ok(Access::All);
    }
    match policy::right(Action::ReadTimeline, Standing::FormerCaretaker) {
        Right::OfHerTime => Ok(Access::Only(assigned(database, request.id, viewer.id).await?)),
        _ => Ok(Access::Only(Vec::new())),
    }
}

/// The first and last entry of each of a former caretaker's assignments.
async fn assigned(database: &Database, request: CareRequestId, viewer: UserId) -> Result<Vec<(i64, i64)>, DbErr> {
    let rows = assignment::of(request, viewer).all(database.reader()).await?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let events = rows.iter().flat_map(|row| [Some(row.began_event_id), row.ended_event_id]).flatten();
    let places = stream_entry::Entity::find()
        .filter(stream_entry::Column::Stream.eq(Stream::Care(request).to_string()))
        .filter(stream_entry::Column::EventId.is_in(events))
        .all(database.reader())
        .await?;
    let seq = |event: EventId| places.iter().find(|place| place.event_id == event).map(|place| place.seq);
    // An assignment that has not ended gives nothing here: its caretaker reads as a party. A trimmed
    // beginning leaves what was not trimmed.
    let ranges = rows.iter().filter_map(|row| Some((seq(row.began_event_id).unwrap_or(0), seq(row.ended_event_id?)?)));
    Ok(ranges.collect())
}

/// The gate before a request's timeline: asks anew whenever entries were read.
#[derive(Clone, Debug)]
pub struct TimelineGate {
    database: Database,
    viewer: Member,
    request: CareRequestId,
}

impl TimelineGate {
    /// The gate for one reader.
    pub fn new(app: &App, viewer: Member, request: CareRequestId) -> Self {
        Self { database: app.database.clone(), viewer, request }
    }
}

impl Gate for TimelineGate {
    async fn access(&self) -> Result<Access, DbErr> {
        let request = care_request::visible_to(self.viewer.id)
            .filter(care_request::COLUMN.id.eq(self.request))
            .one(self.database.reader())
            .await?;
        match request {
            Some(request) => access(&self.database, &self.viewer, &request).await,
            None => Ok(Access::Only(Vec::new())),
        }
    }

    fn wants(&self, _: &Entry) -> bool {
        true
    }
}

/// Where a cursor stands, for reading a page: one whose place is no more is refused.
pub async fn stand(database: &Database, cursor: &Cursor) -> Result<Extent, Error> {
    match log::locate(database.reader(), cursor).await? {
        Place::Here(extent) => Ok(extent),
        Place::Trimmed(_) => Err(Error::StaleCursor(GapReason::Trimmed)),
        Place::Reset(_) => Err(Error::StaleCursor(GapReason::LogReset)),
    }
}
