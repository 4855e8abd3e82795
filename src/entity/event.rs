//! Care events: each fact once.

use sea_orm::entity::prelude::*;

use super::by_place::read_by_place;
use super::stored::stored_by_name;
use super::{CareRequestId, EventId, PlantId, UserId};

/// A fact. Its free text lives in its noun's row (`subject_id`), never here.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "events")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: EventId,
    pub kind: EventKind,
    pub care_request_id: Option<CareRequestId>,
    pub plant_id: Option<PlantId>,
    /// Who did it; empty where time did.
    pub actor_id: Option<UserId>,
    /// The row it tells of: an offer, a comment or a care record, by its kind.
    pub subject_id: Option<Uuid>,
    /// When it happened, by the client's clock.
    pub occurred_at: DateTimeUtc,
    /// When the server stored it.
    pub recorded_at: DateTimeUtc,
    /// The W3C trace context of the mutation that caused it.
    pub traceparent: Option<String>,
}

read_by_place!(
    id,
    kind,
    care_request_id,
    plant_id,
    actor_id,
    subject_id,
    occurred_at,
    recorded_at,
    traceparent
);

stored_by_name!(EventKind);

impl ActiveModelBehavior for ActiveModel {}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EventKind {
    RequestPublished,
    OfferReceived,
    OfferWithdrawn,
    OfferDeclined,
    RequestAccepted,
    RequestCancelled,
    RequestExpired,
    RequestReopened,
    CaretakerWithdrew,
    CareStarted,
    CareEnded,
    CareConfirmed,
    EndedEarly,
    CareRecorded,
    CommentAdded,
    /// In the control stream only: a session ended; the subject is its family.
    SessionEnded,
    /// In the control stream only: a member's standing changed; the subject is the member.
    MemberChanged,
}
