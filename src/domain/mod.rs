//! Rules: use cases as functions with typed refusals. No GraphQL, no HTTP, no environment.
//!
//! Every function takes the [`App`](crate::app::App), who is asking, and parsed values; it reads rows
//! through scoped finders, asks [`policy`], and writes in one transaction that ends with the log.

pub mod care_record;
pub mod care_request;
pub mod census;
pub mod comment;
pub mod error;
pub mod feed;
pub mod heartbeat;
pub mod idempotency;
pub mod integrity;
pub mod key_fingerprint;
pub mod offer;
pub mod plant;
pub mod policy;
pub mod session;
pub mod stream_ticket;
pub mod throttle;
pub mod timeline;
pub mod user;
pub mod values;
pub mod viewer;
pub mod write;

pub use error::{Error, Exceeded, Reason, Refusal};
pub use idempotency::{Keyed, Written};
pub use viewer::{Member, Viewer};
pub use write::Write;
