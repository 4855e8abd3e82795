//! Offers to take on a care request.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Cond, Query};

use super::by_place::read_by_place;
use super::stored::stored_by_name;
use super::{CareRequestId, OfferId, UserId, care_request};

/// An offer; a member has at most one that is `SENT` for a request.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "offers")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: OfferId,
    pub care_request_id: CareRequestId,
    pub caretaker_id: UserId,
    pub message: Option<String>,
    pub status: OfferStatus,
    pub created_at: DateTimeUtc,
    pub version: i64,
}

read_by_place!(
    id,
    care_request_id,
    caretaker_id,
    message,
    status,
    created_at,
    version
);

stored_by_name!(OfferStatus);

impl ActiveModelBehavior for ActiveModel {}

/// The state of an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OfferStatus {
    Sent,
    Accepted,
    Declined,
    Withdrawn,
    Expired,
}

/// The offers a member may see: those she sent, and those for her requests.
pub fn visible_to(viewer: UserId) -> Select<Entity> {
    let own = Query::select()
        .column(care_request::Column::Id)
        .from(care_request::Entity)
        .and_where(care_request::COLUMN.owner_id.eq(viewer))
        .to_owned();
    Entity::find().filter(
        Cond::any()
            .add(COLUMN.caretaker_id.eq(viewer))
            .add(COLUMN.care_request_id.in_subquery(own)),
    )
}

/// The offers for a request that still await an answer.
pub fn live_for(request: CareRequestId) -> Select<Entity> {
    Entity::find()
        .filter(COLUMN.care_request_id.eq(request))
        .filter(COLUMN.status.eq(OfferStatus::Sent))
}
