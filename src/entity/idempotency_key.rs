//! What a mutation with an idempotency key did.

use sea_orm::entity::prelude::*;

use super::{EventId, UserId};

/// The outcome of one mutation, under the key that its caller chose.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "idempotency_keys")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub actor_id: UserId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub mutation: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub idempotency_key: String,
    pub input_hash: Vec<u8>,
    /// The noun that the mutation made or changed; empty only within its transaction.
    pub result_id: Option<Uuid>,
    /// The event it appended, if any.
    pub event_id: Option<EventId>,
    pub created_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
