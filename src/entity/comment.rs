//! Comments on care requests.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Cond, Query};

use super::by_place::read_by_place;
use super::{CareRequestId, CommentId, UserId, care_request};

/// A comment; `is_advice` is set by the server only.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "comments")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: CommentId,
    pub care_request_id: CareRequestId,
    pub author_id: UserId,
    pub body: String,
    pub is_advice: bool,
    pub created_at: DateTimeUtc,
    pub version: i64,
}

read_by_place!(
    id,
    care_request_id,
    author_id,
    body,
    is_advice,
    created_at,
    version
);

impl ActiveModelBehavior for ActiveModel {}

/// The comments a member may see by themselves: those on requests that she is a party of.
pub fn visible_to(viewer: UserId) -> Select<Entity> {
    let party = Query::select()
        .column(care_request::Column::Id)
        .from(care_request::Entity)
        .cond_where(
            Cond::any()
                .add(care_request::COLUMN.owner_id.eq(viewer))
                .add(care_request::COLUMN.caretaker_id.eq(viewer)),
        )
        .to_owned();
    Entity::find().filter(COLUMN.care_request_id.in_subquery(party))
}
