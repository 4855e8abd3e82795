//! What a subscriber is told.

use std::sync::Arc;

use super::Cursor;
use super::log::Entry;

/// What a subscriber is told.
#[derive(Clone, Debug)]
pub enum Message {
    /// An entry.
    Entry {
        /// The position after it.
        cursor: Cursor,
        /// The entry.
        entry: Arc<Entry>,
        /// How many older entries about the same object were left out for it.
        skipped: i32,
    },
    /// The replay has reached the present; once.
    CaughtUp(Cursor),
    /// The position, after a time of entries that were not for this subscriber.
    Position(Cursor),
    /// Entries between the two are not to be had.
    Gap {
        /// The client's cursor.
        from: Cursor,
        /// Delivery goes on after it.
        to: Cursor,
        /// Why.
        reason: GapReason,
    },
    /// The feed was read on another device, up to this entry.
    Read(i64),
    /// There will be no more; the last message.
    Ended(EndReason),
}

impl GapReason {
    /// As metrics name it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Trimmed => "trimmed",
            Self::LogReset => "log_reset",
        }
    }
}

impl Message {
    /// The position to come back with after this message, if it tells one.
    pub fn cursor(&self) -> Option<&Cursor> {
        match self {
            Self::Entry { cursor, .. } | Self::CaughtUp(cursor) | Self::Position(cursor) => Some(cursor),
            Self::Gap { to, .. } => Some(to),
            Self::Read(_) | Self::Ended(_) => None,
        }
    }
}

/// Why entries are not to be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GapReason {
    /// They were older than what is kept.
    Trimmed,
    /// The log is not the one that the cursor was taken from.
    LogReset,
}

/// Why a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// The viewer may not read on.
    AccessLost,
    /// What was followed is no longer kept.
    TrimmedAway,
}
