//! Which plants a care request is for.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Query;

use super::{CareRequestId, PlantId, UserId, care_request};

/// A plant's place in a care request.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "care_request_plants")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub care_request_id: CareRequestId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub plant_id: PlantId,
    pub position: i32,
}

impl ActiveModelBehavior for ActiveModel {}

/// The plants of requests whose caretaker a member is.
pub fn cared_for_by(caretaker: UserId) -> Select<Entity> {
    let requests = Query::select()
        .column(care_request::Column::Id)
        .from(care_request::Entity)
        .and_where(care_request::COLUMN.caretaker_id.eq(caretaker))
        .to_owned();
    Entity::find().filter(COLUMN.care_request_id.in_subquery(requests))
}
