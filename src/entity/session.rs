//! Sessions: one row per refresh token, one family per login.

use sea_orm::entity::prelude::*;

use super::{FamilyId, SessionId, UserId};

/// One refresh token. Only its hash is stored; using it revokes it and adds the next of its family.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sessions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: SessionId,
    pub user_id: UserId,
    pub family: FamilyId,
    pub refresh_token_hash: Vec<u8>,
    pub created_at: DateTimeUtc,
    pub expires_at: DateTimeUtc,
    pub revoked_at: Option<DateTimeUtc>,
    #[sea_orm(belongs_to, from = "user_id", to = "id")]
    pub user: BelongsTo<super::user::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}

/// The refresh tokens of a family that may still be used at `now`: one, or none once it ended.
pub fn alive(family: FamilyId, now: DateTimeUtc) -> Select<Entity> {
    Entity::find()
        .filter(COLUMN.family.eq(family))
        .filter(COLUMN.revoked_at.is_null())
        .filter(COLUMN.expires_at.gt(now))
}
