//! How far a member has read a stream.

use sea_orm::entity::prelude::*;

use super::UserId;

/// A read position; it never moves back.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "read_cursors")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub stream: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: UserId,
    pub last_seq: i64,
}

impl ActiveModelBehavior for ActiveModel {}
