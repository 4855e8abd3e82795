//! Stream tickets.

use sea_orm::entity::prelude::*;

use super::{FamilyId, UserId};

/// A ticket for one event stream. Only its hash is stored.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "stream_tickets")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub ticket_hash: Vec<u8>,
    pub user_id: UserId,
    /// The session it lives with.
    pub family: FamilyId,
    pub created_at: DateTimeUtc,
    /// A hash of the request it was first used for; empty until then.
    pub bound_to: Option<Vec<u8>>,
}

impl ActiveModelBehavior for ActiveModel {}
