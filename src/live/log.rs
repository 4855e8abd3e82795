//! The log: appending in the writer's transaction, and reading.

mod append;

use std::sync::Arc;

use sea_orm::sea_query::Order;
use sea_orm::{
    ColumnTrait as _, Condition, ConnectionTrait, DbErr, EntityTrait as _, Iterable as _, QueryFilter as _,
    QueryOrder as _, QuerySelect as _,
};

pub use self::append::{Appended, Ending, NewEvent, append};
use super::{Cursor, Stream};
use crate::entity::stream_entry::Level;
use crate::entity::{EventId, event, stream, stream_entry};

/// An entry of a stream with its event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number in the stream.
    pub seq: i64,
    /// How loud it is there.
    pub level: Level,
    /// When it had last changed who may read the stream, in microseconds since 1970 (later than the change
    /// before in any case): a reader who was authorised before that is authorised anew before she gets it.
    pub access_version: i64,
    /// The event.
    pub event: Arc<event::Model>,
}

/// A stream's head and floor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// The newest entry's number; 0 in an empty stream.
    pub last: i64,
    /// The newest trimmed entry's number; 0 while nothing was trimmed.
    pub floor: i64,
}

/// A stream's head and floor; all zero if nothing was ever appended.
pub async fn extent(connection: &impl ConnectionTrait, stream: Stream) -> Result<Extent, DbErr> {
    let row = stream::Entity::find_by_id(stream.to_string())
        .one(connection)
        .await?;
    Ok(row.map_or_else(Extent::default, |row| Extent {
        last: row.last_seq,
        floor: row.floor_seq,
    }))
}

/// At most `limit` entries after `position`, in order.
pub async fn read(
    connection: &impl ConnectionTrait,
    stream: Stream,
    position: i64,
    limit: u64,
) -> Result<Vec<Entry>, DbErr> {
    let wanted = Wanted {
        stream,
        after: Some(position),
        before: None,
        ranges: None,
        minimum: None,
    };
    wanted.read(connection, limit, false).await
}

/// The entries from the first to the second number, both included.
pub async fn between(
    connection: &impl ConnectionTrait,
    stream: Stream,
    from: i64,
    to: i64,
) -> Result<Vec<Entry>, DbErr> {
    let wanted = Wanted {
        stream,
        after: Some(from - 1),
        before: Some(to + 1),
        ranges: None,
        minimum: None,
    };
    wanted.read(connection, u64::MAX >> 1, false).await
}

/// Which entries of a stream are wanted.
#[derive(Clone, Debug)]
pub struct Wanted<'a> {
    /// The stream.
    pub stream: Stream,
    /// Only what comes after this number.
    pub after: Option<i64>,
    /// Only what comes before this number.
    pub before: Option<i64>,
    /// Only what is in one of these ranges, both ends included.
    pub ranges: Option<&'a [(i64, i64)]>,
    /// Only what is at least so loud.
    pub minimum: Option<Level>,
}

impl Wanted<'_> {
    /// At most `limit` of them in order, from the beginning or the end.
    pub async fn read(
        &self,
        connection: &impl ConnectionTrait,
        limit: u64,
        from_end: bool,
    ) -> Result<Vec<Entry>, DbErr> {
        let order = if from_end { Order::Desc } else { Order::Asc };
        let mut rows = self
            .select()
            .order_by(stream_entry::Column::Seq, order)
            .limit(limit)
            .find_also_related(event::Entity)
            .all(connection)
            .await?;
        if from_end {
            rows.reverse();
        }
        with_events(rows)
    }

    /// All of them, in no order.
    pub fn select(&self) -> sea_orm::Select<stream_entry::Entity> {
        let seq = stream_entry::Column::Seq;
        let ranges = self.ranges.map(|ranges| {
            ranges
                .iter()
                .fold(Condition::any().add(seq.lt(0)), |any, (from, to)| {
                    any.add(seq.between(*from, *to))
                })
        });
        let levels = self.minimum.map(|minimum| {
            stream_entry::Column::Level.is_in(Level::iter().filter(move |level| *level >= minimum))
        });
        entries(self.stream)
            .filter(Condition::all().add_option(self.after.map(|after| seq.gt(after))))
            .filter(Condition::all().add_option(self.before.map(|before| seq.lt(before))))
            .filter(Condition::all().add_option(ranges))
            .filter(Condition::all().add_option(levels))
    }
}

/// Where `cursor` stands in its stream: at its place, or no longer so.
pub async fn locate(connection: &impl ConnectionTrait, cursor: &Cursor) -> Result<Place, DbErr> {
    let extent = extent(connection, cursor.stream).await?;
    if cursor.seq > extent.last {
        return Ok(Place::Reset(extent));
    }
    if cursor.seq < extent.floor {
        return Ok(Place::Trimmed(extent));
    }
    if cursor.seq == extent.floor {
        return Ok(Place::Here(extent));
    }
    let entry = event_at(connection, cursor.stream, cursor.seq).await?;
    match entry {
        Some(event) if super::cursor::tail(event) == cursor.tail => Ok(Place::Here(extent)),
        _ => Ok(Place::Reset(extent)),
    }
}

/// What became of a cursor's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// It is as it was.
    Here(Extent),
    /// Entries after it were trimmed away.
    Trimmed(Extent),
    /// The log is not the one that the cursor was taken from.
    Reset(Extent),
}

/// The cursor of the position after entry `seq`.
pub async fn cursor_at(connection: &impl ConnectionTrait, stream: Stream, seq: i64) -> Result<Cursor, DbErr> {
    let event = if seq > 0 {
        event_at(connection, stream, seq).await?
    } else {
        None
    };
    Ok(event.map_or_else(
        || Cursor::at_floor(stream, seq),
        |event| Cursor::after(stream, seq, event),
    ))
}

/// The place of an event in a stream, if it has one there.
pub async fn place_of(
    connection: &impl ConnectionTrait,
    stream: Stream,
    event: EventId,
) -> Result<Option<Cursor>, DbErr> {
    let row = entries(stream)
        .filter(stream_entry::Column::EventId.eq(event))
        .one(connection)
        .await?;
    Ok(row.map(|row| Cursor::after(stream, row.seq, event)))
}

fn entries(stream: Stream) -> sea_orm::Select<stream_entry::Entity> {
    stream_entry::Entity::find().filter(stream_entry::Column::Stream.eq(stream.to_string()))
}

async fn event_at(
    connection: &impl ConnectionTrait,
    stream: Stream,
    seq: i64,
) -> Result<Option<EventId>, DbErr> {
    let row = stream_entry::Entity::find_by_id((stream.to_string(), seq))
        .one(connection)
        .await?;
    Ok(row.map(|row| row.event_id))
}

fn with_events(rows: Vec<(stream_entry::Model, Option<event::Model>)>) -> Result<Vec<Entry>, DbErr> {
    rows.into_iter()
        .map(|(entry, event)| match event {
            Some(event) => Ok(Entry {
                seq: entry.seq,
                level: entry.level,
                access_version: entry.access_version,
                event: Arc::new(event),
            }),
            None => Err(DbErr::RecordNotFound(format!(
                "the event of {} {}",
                entry.stream, entry.seq
            ))),
        })
        .collect()
}
