//! Which plants a care request is for.

use sea_orm::entity::prelude::*;

use super::{CareRequestId, PlantId};

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
