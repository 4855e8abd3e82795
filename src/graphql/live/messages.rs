//! What every live stream may tell besides its entries.

use async_graphql::{Enum, SimpleObject};

use crate::live;

/// The replay has reached the present; what follows happens from now on. Sent once.
#[derive(Clone, SimpleObject)]
pub struct StreamCaughtUp {
    /// The position, for `after`.
    pub cursor: String,
}

/// The position, after a time of entries that were not for this reader: so that her cursor does not grow old.
#[derive(Clone, SimpleObject)]
pub struct StreamPosition {
    /// The position, for `after`.
    pub cursor: String,
}

/// Entries between two positions are not to be had. Delivery goes on after `to`; what was missed must be read anew.
#[derive(Clone, SimpleObject)]
pub struct StreamGap {
    /// The client's position.
    pub from: String,
    /// The position after which delivery goes on.
    pub to: String,
    /// Why.
    pub reason: GapReason,
}

/// There will be no more; the subscription is then completed.
#[derive(Clone, SimpleObject)]
pub struct StreamEnded {
    /// Why.
    pub reason: EndReason,
}

/// Why entries are not to be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "live::GapReason")]
pub enum GapReason {
    /// They were older than what is kept.
    Trimmed,
    /// The log is not the one that the cursor was taken from: a backup was restored. Merge by event id.
    LogReset,
}

/// Why a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "live::EndReason")]
pub enum EndReason {
    /// The viewer may not read on.
    AccessLost,
    /// What was followed is no longer kept.
    TrimmedAway,
}

impl StreamCaughtUp {
    /// The replay has reached a position.
    pub fn new(cursor: &live::Cursor) -> Self {
        let cursor = cursor.encode();
        Self { cursor }
    }
}

impl StreamPosition {
    /// A position.
    pub fn new(cursor: &live::Cursor) -> Self {
        let cursor = cursor.encode();
        Self { cursor }
    }
}

impl StreamEnded {
    /// The end, and why.
    pub fn new(reason: live::EndReason) -> Self {
        let reason = reason.into();
        Self { reason }
    }
}

impl StreamGap {
    /// A gap between two positions.
    pub fn new(from: &live::Cursor, to: &live::Cursor, reason: live::GapReason) -> Self {
        Self {
            from: from.encode(),
            to: to.encode(),
            reason: reason.into(),
        }
    }
}
