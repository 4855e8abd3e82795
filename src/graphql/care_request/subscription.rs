//! Following a care request.

use async_graphql::{Context, ID, SimpleObject, Subscription, Union};
use futures_util::{Stream as AsyncStream, StreamExt as _};
use sea_orm::{ColumnTrait as _, QueryFilter as _};

use super::CareEvent;
use crate::domain::timeline::{self, TimelineGate};
use crate::entity::{CareRequestId, care_request};
use crate::graphql::error::ApiError;
use crate::graphql::scalars::GlobalId as _;
use crate::graphql::scope::{app, member, scope};
use crate::graphql::stream::{StreamCaughtUp, StreamEnded, StreamGap, StreamPosition};
use crate::graphql::timeline::cursor;
use crate::live::follow::{Message, follow};
use crate::live::{Cursor, Stream};

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
        let viewer = *member(context)?;
        let app = app(context);
        let id = CareRequestId::from_id(&care_request_id)?;
        let stream = Stream::Care(id);
        let request = care_request::visible_to(viewer.id)
            .filter(care_request::COLUMN.id.eq(id))
            .one(app.database.reader())
            .await?
            .ok_or(ApiError::NotFound)?;
        if timeline::access(&app.database, &viewer, &request)
            .await?
            .is_empty()
        {
            return Err(ApiError::NotFound);
        }
        let after = match after {
            Some(text) => cursor(&text, stream)?,
            None => Cursor::start(stream),
        };
        let scope = scope(context);
        let messages = follow(app.live(), stream, after, TimelineGate::new(app, viewer, id));
        Ok(messages.filter_map(move |message| {
            // Each event is resolved over rows as they are now.
            scope.renew();
            std::future::ready(message.map(told).map_err(ApiError::from).transpose())
        }))
    }
}

fn told(message: Message) -> Option<CareStreamMessage> {
    Some(match message {
        Message::Entry(cursor, entry) => CareStreamMessage::Event(CareEventDelivered {
            cursor: cursor.encode(),
            event: CareEvent::new(std::sync::Arc::new(entry.event.clone()), Some(entry.seq)),
        }),
        Message::CaughtUp(cursor) => CareStreamMessage::CaughtUp(StreamCaughtUp {
            cursor: cursor.encode(),
        }),
        Message::Position(cursor) => CareStreamMessage::Position(StreamPosition {
            cursor: cursor.encode(),
        }),
        Message::Gap { from, to, reason } => CareStreamMessage::Gap(StreamGap::new(&from, &to, reason)),
        Message::Ended(reason) => CareStreamMessage::Ended(StreamEnded {
            reason: reason.into(),
        }),
        // Nobody has a read position in a timeline.
        Message::Read(_) => return None,
    })
}
