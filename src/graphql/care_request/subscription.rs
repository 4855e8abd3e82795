//! Following a care request, and the board.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, InputObject, SimpleObject, Subscription, Union};
use futures_util::Stream as AsyncStream;
use futures_util::stream;
use sea_orm::Condition;

use super::query::area;
use super::{CareEvent, CareRequest, NearInput};
use crate::domain::feed::MemberReader;
use crate::domain::timeline::TimelineReader;
use crate::entity::{CareRequestId, care_request};
use crate::graphql::error::ApiError;
use crate::graphql::live::messages::{StreamCaughtUp, StreamEnded, StreamGap, StreamPosition};
use crate::graphql::live::{Board, OnBoard, Plan, Told, turn};
use crate::graphql::scalars::GlobalId as _;
use crate::graphql::scope::{app, member};
use crate::graphql::timeline::cursor;
use crate::live::{Cursor, Message, Start, Stream};

/// An event of the timeline.
#[derive(SimpleObject)]
pub struct CareEventDelivered {
    /// The position after it, for `after`.
    cursor: String,
    /// The event.
    event: CareEvent,
}

/// What a follower of a care request is told.
#[derive(Union)]
pub enum CareStreamMessage {
    /// An event.
    Event(CareEventDelivered),
    /// The replay has reached the present.
    CaughtUp(StreamCaughtUp),
    /// The position.
    Position(StreamPosition),
    /// Entries that are not to be had.
    Gap(StreamGap),
    /// There will be no more.
    Ended(StreamEnded),
}

/// An open request: it was open when the stream began, it became open, or it changed.
#[derive(SimpleObject)]
pub struct BoardRequestChanged {
    /// The position after it, for `after`. While the stream still lists what was open at its beginning, coming back
    /// with it begins anew.
    cursor: String,
    /// The request.
    care_request: CareRequest,
    /// How many older changes of this request were left out (`delivery: LATEST`).
    skipped: i32,
}

/// A request is no longer open: somebody took it, or it was cancelled or expired.
#[derive(SimpleObject)]
pub struct BoardRequestLeft {
    /// The position after it, for `after`.
    cursor: String,
    /// The request's global id.
    care_request_id: ID,
    /// How many older changes of this request were left out (`delivery: LATEST`).
    skipped: i32,
}

/// What a follower of the board is told.
#[derive(Union)]
pub enum BoardMessage {
    /// An open request.
    Changed(BoardRequestChanged),
    /// A request that is no longer open.
    Left(BoardRequestLeft),
    /// All that was open has been told, and the present is reached.
    CaughtUp(StreamCaughtUp),
    /// The position.
    Position(StreamPosition),
    /// Changes that are not to be had; what is open now follows.
    Gap(StreamGap),
    /// There will be no more.
    Ended(StreamEnded),
}

/// How changes are delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum DeliveryMode {
    /// Each change.
    Every,
    /// Only the newest change of each object, and the number of those that were left out for it.
    Latest,
}

/// How changes are delivered.
#[derive(InputObject)]
pub struct DeliveryInput {
    /// Which.
    mode: DeliveryMode,
    /// Messages in a second at most, 1 to 100; with `LATEST` only, where it is 1 if not given.
    max_per_second: Option<i32>,
}

/// Subscriptions to care requests.
#[derive(Default)]
pub struct CareRequestSubscription;

#[Subscription]
impl CareRequestSubscription {
    /// The timeline of one care request: what came after `after`, then `StreamCaughtUp`, then each event as it
    /// happens. A client that comes back with the last cursor it saw gets every event exactly once.
    async fn care_events(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The request's global id.")] care_request_id: ID,
        #[graphql(desc = "Only what comes after this cursor; everything from the beginning if not given.")]
        after: Option<String>,
    ) -> Result<impl AsyncStream<Item = Result<CareStreamMessage, ApiError>>, ApiError> {
        let told = turn(context, || {
            let viewer = *member(context)?;
            let request = CareRequestId::from_id(&care_request_id)?;
            let stream = Stream::Care(request);
            Ok(Plan {
                stream,
                start: match after {
                    Some(text) => Start::After(cursor(&text, stream)?),
                    None => Start::Beginning,
                },
                reader: Box::new(TimelineReader {
                    database: app(context).database.clone(),
                    viewer,
                    request,
                }),
                minimum: None,
                latest: None,
                board: None,
            })
        })?;
        Ok(stream::iter(told.and_then(care_message).map(Ok)))
    }

    /// What is open near a place, or anywhere: first what is open now, then `StreamCaughtUp`, then each change as it
    /// happens. A client that comes back with the last cursor it saw is told what changed since.
    async fn open_care_requests(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Only those near a place; requests that name no place are then left out.")]
        near: Option<NearInput>,
        #[graphql(desc = "Only changes after this cursor; what is open now, then changes, if not given.")]
        after: Option<String>,
        #[graphql(desc = "Every change, if not given.")] delivery: Option<DeliveryInput>,
    ) -> Result<impl AsyncStream<Item = Result<BoardMessage, ApiError>>, ApiError> {
        let area = near.map(|near| area(context, &near)).transpose()?;
        let told = turn(context, || {
            let viewer = *member(context)?;
            let mut plan = Plan {
                stream: Stream::Board,
                start: Start::Now,
                reader: Box::new(MemberReader {
                    database: app(context).database.clone(),
                    member: viewer.id,
                }),
                minimum: None,
                latest: delivery.as_ref().map(latest).transpose()?.flatten(),
                board: Some(Board {
                    area: area.clone(),
                    from_snapshot: true,
                }),
            };
            if let Some(text) = after {
                plan.begin_after(cursor(&text, Stream::Board)?);
            }
            Ok(plan)
        })?;
        let message = match told {
            Some(told) => board_message(context, told, area).await?,
            None => None,
        };
        Ok(stream::iter(message.map(Ok)))
    }
}

/// Messages in a second, if only the newest are wanted.
fn latest(delivery: &DeliveryInput) -> Result<Option<u32>, ApiError> {
    let per_second = match (delivery.mode, delivery.max_per_second) {
        (DeliveryMode::Every, None) => return Ok(None),
        (DeliveryMode::Every, Some(_)) => None,
        (DeliveryMode::Latest, per_second) => u32::try_from(per_second.unwrap_or(1)).ok(),
    };
    match per_second {
        Some(per_second @ 1..=100) => Ok(Some(per_second)),
        _ => Err(ApiError::BadRequest(
            "delivery.maxPerSecond: it takes 1 to 100, and the mode LATEST.".to_owned(),
        )),
    }
}

fn care_message(told: Told) -> Option<CareStreamMessage> {
    let Told::Live(message) = told else { return None };
    Some(match message {
        Message::Entry { cursor, entry, .. } => CareStreamMessage::Event(CareEventDelivered {
            cursor: cursor.encode(),
            event: CareEvent::new(Arc::clone(&entry.event), Some(entry.seq))?,
        }),
        Message::CaughtUp(cursor) => CareStreamMessage::CaughtUp(StreamCaughtUp::new(&cursor)),
        Message::Position(cursor) => CareStreamMessage::Position(StreamPosition::new(&cursor)),
        Message::Gap { from, to, reason } => CareStreamMessage::Gap(StreamGap::new(&from, &to, reason)),
        Message::Ended(reason) => CareStreamMessage::Ended(StreamEnded::new(reason)),
        // Nobody has a read position in a timeline.
        Message::Read(_) => return None,
    })
}

/// The message; none if it is about a request elsewhere.
async fn board_message(
    context: &Context<'_>,
    told: Told,
    area: Option<Condition>,
) -> Result<Option<BoardMessage>, ApiError> {
    let message = match told {
        Told::Live(message) => message,
        Told::Listed(request) => {
            return Ok(Some(BoardMessage::Changed(BoardRequestChanged {
                cursor: Cursor::start(Stream::Board).encode(),
                care_request: request.into(),
                skipped: 0,
            })));
        }
    };
    Ok(Some(match message {
        Message::Entry {
            cursor,
            entry,
            skipped,
        } => {
            // For all members alike: whoever is a party to it sees no more here than others.
            let on_board = context.data_unchecked::<Arc<OnBoard>>();
            let database = &app(context).database;
            let request = on_board.request(database, &entry.event, area).await?;
            let cursor = cursor.encode();
            match request {
                None => return Ok(None),
                Some(request) if request.status == care_request::CareRequestStatus::Open => {
                    BoardMessage::Changed(BoardRequestChanged {
                        cursor,
                        care_request: request.into(),
                        skipped,
                    })
                }
                Some(request) => BoardMessage::Left(BoardRequestLeft {
                    cursor,
                    care_request_id: request.id.to_id(),
                    skipped,
                }),
            }
        }
        Message::CaughtUp(cursor) => BoardMessage::CaughtUp(StreamCaughtUp::new(&cursor)),
        Message::Position(cursor) => BoardMessage::Position(StreamPosition::new(&cursor)),
        Message::Gap { from, to, reason } => BoardMessage::Gap(StreamGap::new(&from, &to, reason)),
        Message::Ended(reason) => BoardMessage::Ended(StreamEnded::new(reason)),
        Message::Read(_) => return Ok(None),
    }))
}
