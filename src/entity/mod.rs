//! Rows: entities, ids, enums and scoped finders. No rules and no clock.
//!
//! A finder that takes a viewer (`visible_to`) is the only way in from outside: getting the row is
//! being allowed to see it.
#![expect(
    missing_docs,
    reason = "a column says what it is by its name; what is not plain is documented at the table"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "the entity macro writes nested saves, which begin transactions; nobody calls them"
)]

pub mod among;
pub mod assignment;
pub mod by_place;
pub mod care_record;
pub mod care_request;
pub mod care_request_plant;
pub mod comment;
pub mod event;
pub mod heartbeat;
pub mod idempotency_key;
pub mod ids;
pub mod key_fingerprint;
pub mod loaded;
pub mod offer;
pub mod pages;
pub mod plant;
pub mod read_cursor;
pub mod session;
pub mod stored;
pub mod stream;
pub mod stream_entry;
pub mod stream_ticket;
pub mod user;

pub use ids::{
    AssignmentId, CareRecordId, CareRequestId, CommentId, EventId, FamilyId, OfferId, PlantId, SessionId,
    UserId,
};
