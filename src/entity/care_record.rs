//! Acts of care, as recorded.

use sea_orm::entity::prelude::*;

use super::by_place::read_by_place;
use super::stored::stored_by_name;
use super::{CareRecordId, CareRequestId, PlantId, UserId};

/// One act of care. Written once, never changed.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "care_records")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: CareRecordId,
    pub care_request_id: CareRequestId,
    pub plant_id: PlantId,
    pub caretaker_id: UserId,
    pub kind: TaskKind,
    pub amount_ml: Option<i32>,
    pub note: Option<String>,
    pub occurred_at: DateTimeUtc,
    pub created_at: DateTimeUtc,
}

read_by_place!(
    id,
    care_request_id,
    plant_id,
    caretaker_id,
    kind,
    amount_ml,
    note,
    occurred_at,
    created_at
);

stored_by_name!(TaskKind);

impl ActiveModelBehavior for ActiveModel {}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TaskKind {
    Water,
    Mist,
    Fertilise,
    Repot,
    Prune,
    Rotate,
    CleanLeaves,
    PestCheck,
    Treat,
    Move,
    WaterChange,
    Other,
}
