//! Streams: the head and the floor of each log.

use sea_orm::entity::prelude::*;

/// A stream. Its entries are numbered `floor_seq + 1 ..= last_seq` without a hole.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "streams")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    pub last_seq: i64,
    /// The newest entry that was trimmed away; 0 while none was.
    pub floor_seq: i64,
    pub last_recorded_at: DateTimeUtc,
    /// How often it has changed who may read it.
    pub access_version: i64,
}

impl ActiveModelBehavior for ActiveModel {}
