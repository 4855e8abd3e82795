//! How many there are now, by the database: what operators watch.

use chrono::TimeDelta;
use sea_orm::{ColumnTrait as _, DbErr, EntityTrait as _, PaginatorTrait as _, QueryFilter as _};

use crate::app::App;
use crate::entity::care_request::CareRequestStatus;
use crate::entity::{care_request, care_request_plant, user};

/// For how long a member counts as active who was seen.
const ACTIVE_FOR: TimeDelta = TimeDelta::minutes(15);

/// How many there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Census {
    /// Members who were seen in the last 15 minutes; that is written once a minute at most.
    pub active_users: u64,
    /// Plants of requests in progress.
    pub plants_in_care: u64,
}

/// Counts.
pub async fn take(app: &App) -> Result<Census, DbErr> {
    let database = app.database.reader();
    let since = app.clock.now() - ACTIVE_FOR;
    let active_users = user::Entity::find()
        .filter(user::Column::LastSeenAt.gt(since))
        .count(database)
        .await?;
    let join: sea_orm::RelationDef = care_request_plant::Entity::belongs_to(care_request::Entity)
        .from(care_request_plant::Column::CareRequestId)
        .to(care_request::Column::Id)
        .into();
    let plants_in_care = sea_orm::QuerySelect::join(
        care_request_plant::Entity::find(),
        sea_orm::JoinType::InnerJoin,
        join,
    )
    .filter(care_request::Column::Status.eq(CareRequestStatus::InProgress))
    .count(database)
    .await?;
    Ok(Census {
        active_users,
        plants_in_care,
    })
}
