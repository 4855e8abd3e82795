//! The log: appending in the writer's transaction, and reading.

mod append;
mod pages;

use std::sync::Arc;

use sea_orm::{
    ColumnTrait as _, ConnectionTrait, DbErr, EntityTrait as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _, Select,
};

pub use self::append::{Appended, Ending, NewEvent, append};
pub use self::pages::{Page, View, extents, pages, totals};
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

impl Extent {
    fn of(row: &stream::Model) -> Self {
        Self {
            last: row.last_seq,
            floor: row.floor_seq,
        }
    }
}

/// A stream's head and floor; all zero if nothing was ever appended.
pub async fn extent(connection: &impl ConnectionTrait, stream: Stream) -> Result<Extent, DbErr> {
    let row = stream::Entity::find_by_id(stream.to_string())
        .one(connection)
        .await?;
    Ok(row.map_or_else(Extent::default, |row| Extent::of(&row)))
}

/// At most `limit` entries after `position`, in order.
pub async fn read(
    connection: &impl ConnectionTrait,
    stream: Stream,
    position: i64,
    limit: u64,
) -> Result<Vec<Entry>, DbErr> {
    let entries = entries(stream)
        .filter(stream_entry::Column::Seq.gt(position))
        .limit(limit);
    in_order(connection, entries).await
}

/// The entries from the first to the second number, both included.
pub async fn between(
    connection: &impl ConnectionTrait,
    stream: Stream,
    from: i64,
    to: i64,
) -> Result<Vec<Entry>, DbErr> {
    let entries = entries(stream).filter(stream_entry::Column::Seq.between(from, to));
    in_order(connection, entries).await
}

async fn in_order(
    connection: &impl ConnectionTrait,
    entries: Select<stream_entry::Entity>,
) -> Result<Vec<Entry>, DbErr> {
    let rows = entries
        .order_by_asc(stream_entry::Column::Seq)
        .find_also_related(event::Entity)
        .all(connection)
        .await?;
    with_events(rows)
}

/// Where `cursor` stands in its stream: at its place, or no longer so.
pub async fn locate(connection: &impl ConnectionTrait, cursor: &Cursor) -> Result<Place, DbErr> {
    let extent = extent(connection, cursor.stream).await?;
    match Place::by_extent(cursor, extent) {
        Some(place) => Ok(place),
        None => Ok(Place::by_event(
            cursor,
            extent,
            event_at(connection, cursor.stream, cursor.seq).await?,
        )),
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

impl Place {
    /// Where a cursor stands, if that is seen by its stream's extent alone.
    pub fn by_extent(cursor: &Cursor, extent: Extent) -> Option<Self> {
        match cursor.seq {
            seq if seq > extent.last => Some(Self::Reset(extent)),
            seq if seq < extent.floor => Some(Self::Trimmed(extent)),
            seq if seq == extent.floor => Some(Self::Here(extent)),
            _ => None,
        }
    }

    /// Where it stands, by the event that is at its place.
    pub fn by_event(cursor: &Cursor, extent: Extent, event: Option<EventId>) -> Self {
        match event {
            Some(event) if super::cursor::tail(event) == cursor.tail => Self::Here(extent),
            _ => Self::Reset(extent),
        }
    }
}

/// The cursor of the position after entry `seq`, at which this event is.
pub fn cursor_of(stream: Stream, seq: i64, event: Option<EventId>) -> Cursor {
    event.map_or_else(
        || Cursor::at_floor(stream, seq),
        |event| Cursor::after(stream, seq, event),
    )
}

/// The cursor of the position after entry `seq`.
pub async fn cursor_at(connection: &impl ConnectionTrait, stream: Stream, seq: i64) -> Result<Cursor, DbErr> {
    let event = if seq > 0 {
        event_at(connection, stream, seq).await?
    } else {
        None
    };
    Ok(cursor_of(stream, seq, event))
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

fn entries(stream: Stream) -> Select<stream_entry::Entity> {
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
