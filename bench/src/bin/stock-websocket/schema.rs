//! The part of Plant Care's schema that is followed, with its names.

use async_graphql::futures_util::{Stream, StreamExt as _, stream};
use async_graphql::{
    ComplexObject, Context, EmptyMutation, Enum, ID, InputObject, Interface, Object, Schema, SimpleObject,
    Subscription, Union,
};
use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::topics::{BOARD, Told, Topics};

/// The schema with its data.
pub(crate) type Api = Schema<Query, EmptyMutation, Live>;

pub(crate) fn api(topics: Topics) -> Api {
    Schema::build(Query, EmptyMutation, Live).data(topics).finish()
}

/// Who follows.
pub(crate) struct Viewer(pub(crate) String);

#[derive(Clone, Debug, Deserialize, SimpleObject)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CareRecorded {
    id: ID,
    seq: Option<i32>,
    recorded_at: DateTime<Utc>,
    note: Option<String>,
}

#[derive(Clone, Debug, Interface)]
#[graphql(
    field(name = "id", ty = "&ID"),
    field(name = "seq", ty = "&Option<i32>"),
    field(name = "recorded_at", ty = "&DateTime<Utc>")
)]
pub(crate) enum CareEvent {
    Recorded(CareRecorded),
}

#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct CareEventDelivered {
    pub(crate) cursor: String,
    pub(crate) event: CareEvent,
}

#[derive(Clone, Debug, Deserialize, SimpleObject)]
#[graphql(complex)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CareRequest {
    id: ID,
    title: String,
    created_at: DateTime<Utc>,
    #[graphql(skip)]
    instructions: Option<String>,
    #[graphql(skip)]
    owner_id: String,
}

#[ComplexObject]
impl CareRequest {
    /// Null for those who are no party.
    async fn instructions(&self, context: &Context<'_>) -> Option<&str> {
        let Viewer(viewer) = context.data_opt()?;
        self.instructions.as_deref().filter(|_| *viewer == self.owner_id)
    }
}

#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct BoardRequestChanged {
    pub(crate) cursor: String,
    pub(crate) care_request: CareRequest,
}

#[derive(SimpleObject)]
pub(crate) struct StreamCaughtUp {
    cursor: String,
}

#[derive(SimpleObject)]
pub(crate) struct StreamPosition {
    cursor: String,
}

#[derive(Clone, Copy, Enum, PartialEq, Eq)]
pub(crate) enum GapReason {
    Trimmed,
    LogReset,
}

#[derive(SimpleObject)]
pub(crate) struct StreamGap {
    from: String,
    to: String,
    reason: GapReason,
}

#[derive(Clone, Copy, Enum, PartialEq, Eq)]
pub(crate) enum EndReason {
    AccessLost,
    TrimmedAway,
}

#[derive(SimpleObject)]
pub(crate) struct StreamEnded {
    reason: EndReason,
}

#[derive(Union)]
pub(crate) enum CareStreamMessage {
    Delivered(CareEventDelivered),
    CaughtUp(StreamCaughtUp),
    Position(StreamPosition),
    Gap(StreamGap),
    Ended(StreamEnded),
}

#[derive(Union)]
pub(crate) enum BoardMessage {
    Changed(BoardRequestChanged),
    CaughtUp(StreamCaughtUp),
    Position(StreamPosition),
    Gap(StreamGap),
    Ended(StreamEnded),
}

#[derive(InputObject)]
pub(crate) struct NearInput {
    cell: String,
    radius_km: i32,
}

pub(crate) struct Query;

#[Object]
impl Query {
    /// A schema has queries.
    async fn ready(&self) -> bool {
        true
    }
}

pub(crate) struct Live;

#[Subscription]
impl Live {
    async fn care_events(
        &self,
        context: &Context<'_>,
        care_request_id: ID,
        #[graphql(name = "after")] _after: Option<String>,
    ) -> async_graphql::Result<impl Stream<Item = CareStreamMessage> + use<>> {
        let told = context
            .data::<Topics>()?
            .follow(format!("care:{}", *care_request_id));
        let told = told.filter_map(async |told| match told {
            Told::Care(delivered) => Some(CareStreamMessage::Delivered(delivered)),
            Told::Board(_) => None,
        });
        let first = stream::once(async { CareStreamMessage::CaughtUp(caught_up()) });
        Ok(first.chain(told))
    }

    async fn open_care_requests(
        &self,
        context: &Context<'_>,
        #[graphql(name = "near")] _near: Option<NearInput>,
        #[graphql(name = "after")] _after: Option<String>,
    ) -> async_graphql::Result<impl Stream<Item = BoardMessage> + use<>> {
        let told = context.data::<Topics>()?.follow(BOARD.to_owned());
        let told = told.filter_map(async |told| match told {
            Told::Board(changed) => Some(BoardMessage::Changed(changed)),
            Told::Care(_) => None,
        });
        let first = stream::once(async { BoardMessage::CaughtUp(caught_up()) });
        Ok(first.chain(told))
    }
}

/// What a subscriber is sent first.
fn caught_up() -> StreamCaughtUp {
    StreamCaughtUp {
        cursor: "start".to_owned(),
    }
}
