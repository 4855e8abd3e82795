//! Following a stream: what came after a position, then what comes.

use std::sync::Arc;
use std::time::Duration;

use futures_util::Stream as AsyncStream;
use sea_orm::DbErr;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::log::{self, Entry, Place};
use super::{Cursor, Hub, Stream};
use crate::database::Database;

/// Entries read from the database at a time.
const BLOCK: u64 = 100;
/// After how long of passing over entries a subscriber is told its position.
const POSITION_EVERY: Duration = Duration::from_mins(1);

/// How long a follower waits after the database failed.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What a subscriber is told.
#[derive(Clone, Debug)]
pub enum Message {
    /// An entry, with the cursor after it.
    Entry(Cursor, Arc<Entry>),
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

/// Which entries of a stream a reader may read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// All, and those to come.
    All,
    /// Those from the first to the second number of each pair, both included, and no others.
    Only(Vec<(i64, i64)>),
}

impl Access {
    /// Whether entry `seq` may be read.
    pub fn allows(&self, seq: i64) -> bool {
        match self {
            Self::All => true,
            Self::Only(ranges) => ranges.iter().any(|(from, to)| (*from..=*to).contains(&seq)),
        }
    }

    /// Whether anything may be read at all.
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Only(ranges) if ranges.is_empty())
    }

    /// The ranges it is restricted to, if it is.
    pub fn ranges(&self) -> Option<&[(i64, i64)]> {
        match self {
            Self::All => None,
            Self::Only(ranges) => Some(ranges),
        }
    }

    /// Whether nothing from `seq` on may be read.
    fn ends_before(&self, seq: i64) -> bool {
        match self {
            Self::All => false,
            Self::Only(ranges) => ranges.iter().all(|(_, to)| *to < seq),
        }
    }
}

/// Answers what a reader may read, each time after entries were read: an answer that is newer than
/// the entries cannot let one through that was no longer hers when it was written.
pub trait Gate: Send + 'static {
    /// What the reader may read now.
    fn access(&self) -> impl Future<Output = Result<Access, DbErr>> + Send;
    /// Whether she wants an entry of those she may read.
    fn wants(&self, entry: &Entry) -> bool;
}

/// What a follower needs of the process.
#[derive(Clone, Debug)]
pub struct Source {
    /// The log.
    pub database: Database,
    /// The wake-ups.
    pub hub: Arc<Hub>,
    /// Ends all streams when the process stops.
    pub stop: CancellationToken,
}

/// Replays `stream` after `after` and follows it until the subscriber leaves, her access ends, or the
/// process stops.
pub fn follow<G: Gate + Sync>(
    source: Source,
    stream: Stream,
    after: Cursor,
    gate: G,
) -> impl AsyncStream<Item = Result<Message, DbErr>> + Send {
    async_stream::try_stream! {
        let Source { database, hub, stop } = source;
        // Joined before the head is read: what is appended in between wakes us.
        let mut news = hub.join(stream);
        hub.refresh(database.reader(), stream).await?;
        let mut read = news.borrow().read;
        let mut position = after;
        let head = match log::locate(database.reader(), &after).await? {
            Place::Here(extent) => extent.last,
            Place::Trimmed(extent) => {
                position = Cursor::at_floor(stream, extent.floor);
                yield Message::Gap { from: after, to: position, reason: GapReason::Trimmed };
                extent.last
            }
            Place::Reset(extent) => {
                position = Cursor::at_floor(stream, extent.floor);
                yield Message::Gap { from: after, to: position, reason: GapReason::LogReset };
                extent.last
            }
        };
        let mut caught_up = false;
        let mut told = (Instant::now(), position.seq);
        loop {
            let known = *news.borrow_and_update();
            if std::mem::replace(&mut read, known.read) != known.read {
                yield Message::Read(known.read);
            }
            let (entries, access) = match next(&database, stream, position.seq, &gate).await {
                Ok(next) => next,
                Err(error) => {
                    // Logged in full, and once for all streams, by whoever follows the database for the hub.
                    tracing::debug!(%error, %stream, "a live stream waits for the database");
                    tokio::select! {
                        () = stop.cancelled() => break,
                        () = tokio::time::sleep(RETRY_AFTER) => continue,
                    }
                }
            };
            let full = entries.len() as u64 == BLOCK;
            for entry in entries {
                if access.ends_before(entry.seq) {
                    break;
                }
                if entry.seq > position.seq + 1 {
                    let to = Cursor::at_floor(stream, entry.seq - 1);
                    yield Message::Gap { from: position, to, reason: GapReason::Trimmed };
                }
                position = Cursor::after(stream, entry.seq, entry.event.id);
                if access.allows(entry.seq) && gate.wants(&entry) {
                    told = (Instant::now(), position.seq);
                    yield Message::Entry(position, Arc::new(entry));
                }
            }
            if access.ends_before(position.seq + 1) {
                yield Message::Ended(EndReason::AccessLost);
                break;
            }
            if !caught_up && position.seq >= head {
                caught_up = true;
                told = (Instant::now(), position.seq);
                yield Message::CaughtUp(position);
            }
            if full {
                continue;
            }
            if told.0.elapsed() >= POSITION_EVERY {
                if position.seq > told.1 {
                    yield Message::Position(position);
                }
                told = (Instant::now(), position.seq);
            }
            tokio::select! {
                () = stop.cancelled() => break,
                changed = news.changed() => if changed.is_err() { break },
                () = tokio::time::sleep_until(told.0 + POSITION_EVERY) => {}
            }
        }
    }
}

/// The next entries, and then (not before: see [`Gate`]) what of them may be read.
async fn next<G: Gate>(
    database: &Database,
    stream: Stream,
    position: i64,
    gate: &G,
) -> Result<(Vec<Entry>, Access), DbErr> {
    let entries = log::read(database.reader(), stream, position, BLOCK).await?;
    Ok((entries, gate.access().await?))
}
