//! Feeds.

use std::sync::Arc;

use async_graphql::{Context, Enum, InputObject, Object, SimpleObject, Subscription, Union};
use futures_util::{Stream as AsyncStream, stream};

use super::at_hand::Write;
use super::care_event::CareEvent;
use super::connection::{Connection, ConnectionNode};
use super::error::{ApiError, UserError};
use super::live::messages::{StreamCaughtUp, StreamEnded, StreamGap, StreamPosition};
use super::live::{Plan, Told, turn};
use super::loaders::{UnreadKey, load};
use super::outcome::Outcome;
use super::page::PageArguments;
use super::scope::{app, member, scope};
use super::timeline::{self, cursor};
use crate::domain;
use crate::domain::feed::MemberReader;
use crate::entity::{UserId, event, stream_entry};
use crate::live::gate::Access;
use crate::live::log::Entry;
use crate::live::{Cursor, Message, Start, Stream};

/// How loud an entry of a feed is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "stream_entry::Level")]
pub enum FeedLevel {
    /// Good to know.
    Info,
    /// Worth a look.
    Notice,
    /// Something is not as it should be.
    Warning,
    /// Somebody must act.
    Critical,
}

/// Everything that concerns a member, over all her requests; what she did herself is not in it.
pub struct Feed(UserId);

/// An entry of a feed.
pub struct FeedEventDelivered {
    cursor: String,
    level: FeedLevel,
    event: Arc<event::Model>,
}

impl FeedEventDelivered {
    fn new(cursor: &Cursor, entry: &Entry) -> Self {
        Self {
            cursor: cursor.encode(),
            level: entry.level.into(),
            event: Arc::clone(&entry.event),
        }
    }
}

/// An entry of a feed.
#[Object]
impl FeedEventDelivered {
    /// The position after it, for `after` and for `markFeedRead`.
    async fn cursor(&self) -> &str {
        &self.cursor
    }

    /// How loud it is.
    async fn level(&self) -> FeedLevel {
        self.level
    }

    /// The event; null if the viewer may no longer read it.
    async fn event(&self, context: &Context<'_>) -> Result<Option<CareEvent>, ApiError> {
        match CareEvent::new(Arc::clone(&self.event), None) {
            Some(event) => event.if_readable(context).await,
            None => Ok(None),
        }
    }
}

impl Write for FeedEventDelivered {}

impl ConnectionNode for FeedEventDelivered {
    const NAME: &'static str = "FeedEvent";
}

/// Everything that concerns the viewer, over all her requests; what she did herself is not in it.
#[Object]
impl Feed {
    /// Entries that she has not read, on any of her devices.
    async fn unread(&self, context: &Context<'_>) -> Result<i64, ApiError> {
        Ok(load(context, UnreadKey(self.0)).await?.unwrap_or(0))
    }

    /// The entries, oldest first; `last` gives the newest. The cursors are those of the subscription `myFeed`.
    async fn events(
        &self,
        context: &Context<'_>,
        #[graphql(
            desc = "How many from the beginning, 1 to 100; 20 if neither `first` nor `last` is given."
        )]
        first: Option<i32>,
        #[graphql(desc = "Only entries after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Only entries before this cursor.")] before: Option<String>,
        #[graphql(desc = "Only entries at least so loud.")] min_level: Option<FeedLevel>,
    ) -> Result<Connection<FeedEventDelivered>, ApiError> {
        let arguments = PageArguments {
            first,
            after,
            last,
            before,
        };
        let stream = Stream::User(self.0);
        let minimum = min_level.map(stream_entry::Level::from);
        let page = timeline::page(context, stream, &arguments, &Access::All, minimum).await?;
        Ok(page.map(|entry| {
            let cursor = Cursor::after(stream, entry.seq, entry.event.id);
            Some(FeedEventDelivered::new(&cursor, &entry))
        }))
    }
}

/// How far the viewer has read.
#[derive(InputObject)]
pub struct MarkFeedReadInput {
    /// The cursor of the last entry that she has read. The position never moves back.
    cursor: String,
}

/// The answer to what changes a feed.
#[derive(SimpleObject)]
pub struct FeedPayload {
    /// The feed; null if it was refused.
    feed: Option<Feed>,
    /// Why it was refused; empty if it was not.
    user_errors: Vec<UserError>,
}

/// Queries about feeds.
#[derive(Default)]
pub struct FeedQuery;

#[Object]
impl FeedQuery {
    /// The viewer's feed; null for a caller who is not logged in.
    async fn feed(&self, context: &Context<'_>) -> Option<Feed> {
        scope(context)
            .caller
            .viewer
            .member()
            .map(|viewer| Feed(viewer.id))
    }
}

/// Mutations of feeds.
#[derive(Default)]
pub struct FeedMutation;

#[Object]
impl FeedMutation {
    /// Marks the feed as read up to a cursor, on all of the viewer's devices.
    async fn mark_feed_read(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "How far.")] input: MarkFeedReadInput,
    ) -> Result<FeedPayload, ApiError> {
        let viewer = member(context)?;
        let cursor = cursor(&input.cursor, Stream::User(viewer.id))?;
        let marked = domain::feed::mark_read(app(context), viewer, cursor).await;
        let Outcome { done, user_errors } = Outcome::of(context, marked)?;
        Ok(FeedPayload {
            feed: done.map(|()| Feed(viewer.id)),
            user_errors,
        })
    }
}

/// The feed was read, on this or another of the viewer's devices.
#[derive(SimpleObject)]
pub struct FeedReadMoved {
    /// Entries that she has not read.
    unread: i64,
}

/// What a follower of her feed is told.
#[derive(Union)]
pub enum FeedMessage {
    /// An entry.
    Event(FeedEventDelivered),
    /// The feed was read.
    Read(FeedReadMoved),
    /// The replay has reached the present.
    CaughtUp(StreamCaughtUp),
    /// The position.
    Position(StreamPosition),
    /// Entries that are not to be had.
    Gap(StreamGap),
    /// There will be no more.
    Ended(StreamEnded),
}

/// Subscriptions to feeds.
#[derive(Default)]
pub struct FeedSubscription;

#[Subscription]
impl FeedSubscription {
    /// Everything that concerns the viewer, over all her requests: what came after `after`, then `StreamCaughtUp`,
    /// then each entry as it happens.
    async fn my_feed(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Only what comes after this cursor; only what happens from now on if not given.")]
        after: Option<String>,
        #[graphql(desc = "Only entries at least so loud.")] min_level: Option<FeedLevel>,
    ) -> Result<impl AsyncStream<Item = Result<FeedMessage, ApiError>>, ApiError> {
        let told = turn(context, || {
            let viewer = *member(context)?;
            let stream = Stream::User(viewer.id);
            Ok(Plan {
                stream,
                start: match after {
                    Some(text) => Start::After(cursor(&text, stream)?),
                    None => Start::Now,
                },
                reader: Box::new(MemberReader {
                    database: app(context).database.clone(),
                    member: viewer.id,
                }),
                minimum: min_level.map(stream_entry::Level::from),
                latest: None,
                board: None,
            })
        })?;
        let message = match told {
            Some(Told::Live(message)) => Some(feed_message(context, message).await?),
            _ => None,
        };
        Ok(stream::iter(message.map(Ok)))
    }
}

async fn feed_message(context: &Context<'_>, message: Message) -> Result<FeedMessage, ApiError> {
    Ok(match message {
        Message::Entry { cursor, entry, .. } => FeedMessage::Event(FeedEventDelivered::new(&cursor, &entry)),
        Message::Read(_) => FeedMessage::Read(FeedReadMoved {
            unread: domain::feed::unread(&app(context).database, member(context)?.id).await?,
        }),
        Message::CaughtUp(cursor) => FeedMessage::CaughtUp(StreamCaughtUp::new(&cursor)),
        Message::Position(cursor) => FeedMessage::Position(StreamPosition::new(&cursor)),
        Message::Gap { from, to, reason } => FeedMessage::Gap(StreamGap::new(&from, &to, reason)),
        Message::Ended(reason) => FeedMessage::Ended(StreamEnded::new(reason)),
    })
}
