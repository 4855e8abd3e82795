//! The places of events in streams.

use sea_orm::entity::prelude::*;

use super::EventId;
use super::stored::stored_by_name;

/// An event's place in a stream.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "stream_entries")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub stream: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub seq: i64,
    pub event_id: EventId,
    pub level: Level,
    /// The stream's access version when it was written.
    pub access_version: i64,
    #[sea_orm(belongs_to, from = "event_id", to = "id")]
    pub event: BelongsTo<super::event::Entity>,
}

stored_by_name!(Level);

impl ActiveModelBehavior for ActiveModel {}

/// How loud an entry is to the one whose stream it is in; later ones are louder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Level {
    Info,
    Notice,
    Warning,
    Critical,
}
