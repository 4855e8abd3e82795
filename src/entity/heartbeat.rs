//! Heartbeats of the servers.

use sea_orm::entity::prelude::*;

/// The last thing that a server has stored to see whether it can.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "heartbeats")]
pub struct Model {
    /// The process.
    #[sea_orm(primary_key, auto_increment = false)]
    pub replica: Uuid,
    pub beat_at: DateTimeUtc,
    /// So much that it needs room on the disk, and other bytes each time.
    pub filler: Vec<u8>,
}

impl ActiveModelBehavior for ActiveModel {}
