//! Who had a care request, from which event to which.

use sea_orm::entity::prelude::*;

use super::{AssignmentId, CareRequestId, EventId, UserId};

/// The time in which a caretaker had a request, as the events that began and ended it: a former
/// caretaker reads the timeline between the two, both included.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "assignments")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: AssignmentId,
    pub care_request_id: CareRequestId,
    pub caretaker_id: UserId,
    pub began_event_id: EventId,
    pub ended_event_id: Option<EventId>,
}

impl ActiveModelBehavior for ActiveModel {}

/// A member's assignments to requests that have ended: the ones of a former caretaker.
pub fn ended(requests: Vec<CareRequestId>, caretaker: UserId) -> Select<Entity> {
    Entity::find()
        .filter(COLUMN.care_request_id.is_in(requests))
        .filter(COLUMN.caretaker_id.eq(caretaker))
        .filter(COLUMN.ended_event_id.is_not_null())
}
