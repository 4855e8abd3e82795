//! Plants.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Cond, Query};

use super::by_place::read_by_place;
use super::stored::stored_by_name;
use super::{PlantId, UserId, care_request, care_request_plant};

/// A plant of a member.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "plants")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: PlantId,
    pub owner_id: UserId,
    pub name: String,
    pub species_text: Option<String>,
    pub instructions: Option<String>,
    pub status: PlantStatus,
    pub created_at: DateTimeUtc,
    pub version: i64,
}

read_by_place!(
    id,
    owner_id,
    name,
    species_text,
    instructions,
    status,
    created_at,
    version
);

stored_by_name!(PlantStatus);

impl ActiveModelBehavior for ActiveModel {}

/// What became of a plant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PlantStatus {
    Active,
    Archived,
    Dead,
    GivenAway,
}

/// The plants a member may see: her own, and those of care requests that she may see.
pub fn visible_to(viewer: UserId) -> Select<Entity> {
    let shared = Query::select()
        .column(care_request_plant::Column::PlantId)
        .from(care_request_plant::Entity)
        .and_where(
            care_request_plant::COLUMN
                .care_request_id
                .in_subquery(care_request::visible_ids(viewer)),
        )
        .to_owned();
    Entity::find().filter(
        Cond::any()
            .add(COLUMN.owner_id.eq(viewer))
            .add(COLUMN.id.in_subquery(shared)),
    )
}

/// A member's own plants.
pub fn owned_by(owner: UserId) -> Select<Entity> {
    Entity::find().filter(COLUMN.owner_id.eq(owner))
}
