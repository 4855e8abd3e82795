//! Where a subscriber begins in a stream.

use std::cmp::Ordering;

use sea_orm::DbErr;

use super::Cursor;
use super::cursor::tail;
use super::message::{GapReason, Message};
use super::topic::{Known, Place};

/// Where a subscriber begins.
#[derive(Clone, Copy, Debug)]
pub enum Start {
    /// After a position that a client brought.
    After(Cursor),
    /// At the beginning of what is kept.
    Beginning,
    /// With what happens from now on.
    Now,
}

impl Start {
    /// The position that is meant, and what is to be told first if the one that a client brought is none of this log.
    pub(super) async fn position(self, place: &Place) -> Result<(Cursor, Option<Message>), DbErr> {
        let topic = place.topic();
        let mut known = topic.refresh_if_old().await?;
        if known.last > known.sure {
            // So the bus says; a number of a log that is no more must not decide where this one begins.
            known = topic.refresh().await?;
        }
        let cursor = match self {
            Self::Beginning => return Ok((Cursor::start(topic.stream()), None)),
            Self::Now => return Ok((end(place).await?, None)),
            Self::After(cursor) => cursor,
        };
        if cursor.seq > known.last {
            // From a replica that is ahead of what is known here, or from another log.
            known = topic.refresh().await?;
        }
        let Some(reason) = stands(place, &cursor, known).await? else {
            return Ok((cursor, None));
        };
        let to = Cursor::at_floor(topic.stream(), topic.known().1.floor);
        let gap = Message::Gap {
            from: cursor,
            to,
            reason,
        };
        Ok((to, Some(gap)))
    }
}

/// How often the end of a log is looked for that is trimmed or reset at the same time.
const ATTEMPTS: usize = 3;

/// The position after the newest entry.
pub(super) async fn end(place: &Place) -> Result<Cursor, DbErr> {
    let topic = place.topic();
    for _ in 0..ATTEMPTS {
        let known = topic.known().1;
        if known.sure == known.floor {
            break;
        }
        if let Some(entry) = topic.entry(known.sure).await? {
            return Ok(Cursor::after(topic.stream(), entry.seq, entry.event.id));
        }
        topic.refresh().await?;
    }
    Ok(Cursor::at_floor(topic.stream(), topic.known().1.floor))
}

/// Why a client's position is none of this log's; nothing if it is one.
async fn stands(place: &Place, cursor: &Cursor, known: Known) -> Result<Option<GapReason>, DbErr> {
    if cursor.seq > known.last {
        return Ok(Some(GapReason::LogReset));
    }
    if cursor.seq < known.floor {
        return Ok(Some(GapReason::Trimmed));
    }
    if cursor.seq == known.floor {
        return Ok(None);
    }
    if let Some(entry) = place.topic().entry(cursor.seq).await?
        && tail(entry.event.id) == cursor.tail
    {
        return Ok(None);
    }
    // What was trimmed is not compared, and it may have been since the floor was read.
    let known = place.topic().refresh().await?;
    Ok(match cursor.seq.cmp(&known.floor) {
        Ordering::Less => Some(GapReason::Trimmed),
        Ordering::Equal => None,
        Ordering::Greater => Some(GapReason::LogReset),
    })
}
