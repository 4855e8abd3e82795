//! Who may read which entries of a request's timeline.

use std::collections::{HashMap, HashSet};

use futures_util::future::BoxFuture;
use sea_orm::{ColumnTrait as _, DbErr, EntityTrait as _, QueryFilter as _};

use super::policy::{self, Action, Right, Standing};
use super::{Error, Member};
use crate::auth;
use crate::database::Database;
use crate::entity::{CareRequestId, EventId, UserId, assignment, care_request, stream_entry};
use crate::live::gate::{Access, Reader};
use crate::live::log::{self, Extent, Place};
use crate::live::{Cursor, GapReason, Stream};

/// What a member may read of a request's timeline: all as a party, the time of her assignments if she
/// was its caretaker, else nothing.
pub async fn access(
    database: &Database,
    viewer: &Member,
    request: &care_request::Model,
) -> Result<Access, DbErr> {
    let mut accesses = accesses(database, viewer, std::slice::from_ref(request)).await?;
    Ok(accesses.remove(&request.id).unwrap_or(Access::Only(Vec::new())))
}

/// [`access`] to many timelines, in at most two statements.
pub async fn accesses(
    database: &Database,
    viewer: &Member,
    requests: &[care_request::Model],
) -> Result<HashMap<CareRequestId, Access>, DbErr> {
    let is_party = |request: &&care_request::Model| {
        policy::may(Action::ReadTimeline, policy::member_standing(viewer, request))
    };
    let (parties, others): (Vec<_>, Vec<_>) = requests.iter().partition(is_party);
    let mut accesses: HashMap<_, _> = parties.iter().map(|request| (request.id, Access::All)).collect();
    if policy::right(Action::ReadTimeline, Standing::FormerCaretaker) == Right::OfHerTime
        && !others.is_empty()
    {
        let others = others.iter().map(|request| request.id).collect();
        let assigned = assigned(database, others, viewer.id).await?;
        accesses.extend(
            assigned
                .into_iter()
                .map(|(request, ranges)| (request, Access::Only(ranges))),
        );
    }
    Ok(accesses)
}

/// The first and last entry of each of a former caretaker's assignments.
async fn assigned(
    database: &Database,
    requests: Vec<CareRequestId>,
    viewer: UserId,
) -> Result<HashMap<CareRequestId, Vec<(i64, i64)>>, DbErr> {
    let rows = assignment::ended(requests, viewer).all(database.reader()).await?;
    if rows.is_empty() {
        return Ok(HashMap::new());
    }
    let events = rows
        .iter()
        .flat_map(|row| [Some(row.began_event_id), row.ended_event_id])
        .flatten();
    let streams: HashSet<_> = rows
        .iter()
        .map(|row| Stream::Care(row.care_request_id).to_string())
        .collect();
    let places = stream_entry::Entity::find()
        .filter(stream_entry::Column::Stream.is_in(streams))
        .filter(stream_entry::Column::EventId.is_in(events))
        .all(database.reader())
        .await?;
    let seq = |event: EventId| {
        places
            .iter()
            .find(|place| place.event_id == event)
            .map(|place| place.seq)
    };
    let mut ranges: HashMap<_, Vec<_>> = HashMap::new();
    for row in rows {
        // A trimmed beginning leaves what was not trimmed.
        let began = seq(row.began_event_id).unwrap_or(0);
        if let Some(ended) = row.ended_event_id.and_then(seq) {
            ranges
                .entry(row.care_request_id)
                .or_default()
                .push((began, ended));
        }
    }
    Ok(ranges)
}

/// Answers what a member may read of a request's timeline.
#[derive(Clone, Debug)]
pub struct TimelineReader {
    /// Where that is known.
    pub database: Database,
    /// Who.
    pub viewer: Member,
    /// Of which request.
    pub request: CareRequestId,
}

impl Reader for TimelineReader {
    fn access(&self) -> BoxFuture<'_, Result<Access, DbErr>> {
        Box::pin(async {
            if !auth::is_active(&self.database, self.viewer.id).await? {
                return Ok(Access::Only(Vec::new()));
            }
            let request = care_request::visible_to(self.viewer.id)
                .filter(care_request::COLUMN.id.eq(self.request))
                .one(self.database.reader())
                .await?;
            match request {
                Some(request) => access(&self.database, &self.viewer, &request).await,
                None => Ok(Access::Only(Vec::new())),
            }
        })
    }
}

/// Where a cursor stands, for reading a page: one whose place is no more is refused.
pub async fn stand(database: &Database, cursor: &Cursor) -> Result<Extent, Error> {
    still_there(log::locate(database.reader(), cursor).await?)
}

/// Refuses a place that is no more.
pub fn still_there(place: Place) -> Result<Extent, Error> {
    match place {
        Place::Here(extent) => Ok(extent),
        Place::Trimmed(_) => Err(Error::StaleCursor(GapReason::Trimmed)),
        Place::Reset(_) => Err(Error::StaleCursor(GapReason::LogReset)),
    }
}
