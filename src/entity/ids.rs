//! Identifiers, one type per noun, so that one cannot stand for another.
//!
//! All are UUIDv7: ordered by the time they were made, so that "newest first" is the order of the key.

use sea_orm::entity::prelude::*;
use sea_orm::sqlx::error::BoxDynError;
use sea_orm::sqlx::postgres::PgValueRef;
use sea_orm::{DbErr, TryFromU64};

use super::stored::Stored;

macro_rules! id {
    ($(#[$doc:meta] $name:ident;)*) => {$(
        #[$doc]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, DeriveValueType)]
        pub struct $name(pub Uuid);

        // SeaORM asks it of every key; ours are never made by the database.
        impl TryFromU64 for $name {
            fn try_from_u64(_: u64) -> Result<Self, DbErr> {
                Err(DbErr::ConvertFromU64(stringify!($name)))
            }
        }

        impl Stored for $name {
            fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
                Uuid::decode(value).map(Self)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

id! {
    /// A member.
    UserId;
    /// One refresh token of a session.
    SessionId;
    /// A session: all refresh tokens that followed from one login.
    FamilyId;
    /// A plant.
    PlantId;
    /// A care request.
    CareRequestId;
    /// An offer to take on a care request.
    OfferId;
    /// The time in which one caretaker had one care request.
    AssignmentId;
    /// One act of care, as recorded.
    CareRecordId;
    /// A comment.
    CommentId;
    /// A care event.
    EventId;
}
