//! The log: appending in the writer's transaction, and reading.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, OnConflict, Order};
use sea_orm::{
    ColumnTrait as _, Condition, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait as _,
    IntoActiveModel as _, Iterable as _, QueryFilter as _, QueryOrder as _, QuerySelect as _, Set,
};
use uuid::Uuid;

use super::{Cursor, Stream};
use crate::clock::Clock;
use crate::entity::among::is_among;
use crate::entity::event::EventKind;
use crate::entity::stream_entry::Level;
use crate::entity::{CareRequestId, EventId, PlantId, UserId, event, stream, stream_entry};

/// Rows inserted in one statement; both databases limit its parameters.
const ROWS_A_STATEMENT: usize = 500;

/// A fact to be stored, and its places in streams.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// Its id, made by the clock.
    pub id: EventId,
    /// What happened.
    pub kind: EventKind,
    /// The request it is about.
    pub care_request: Option<CareRequestId>,
    /// The plant it is about.
    pub plant: Option<PlantId>,
    /// Who did it.
    pub actor: Option<UserId>,
    /// The row it tells of.
    pub subject: Option<Uuid>,
    /// When it happened by the client's clock, if not now.
    pub occurred_at: Option<DateTime<Utc>>,
    /// The W3C trace context of the mutation.
    pub traceparent: Option<String>,
    /// The streams it is put into, and how loud it is in each.
    pub places: Vec<(Stream, Level)>,
}

/// What a transaction ends with.
#[derive(Debug, Default)]
pub struct Ending {
    /// The events it collected.
    pub events: Vec<NewEvent>,
    /// The streams that are no longer readable by the same members as before.
    pub access_changed: BTreeSet<Stream>,
}

/// An entry that was appended to a stream.
#[derive(Clone, Debug)]
pub struct Appended {
    /// The stream.
    pub stream: Stream,
    /// The entry.
    pub entry: Arc<Entry>,
}

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

/// Appends what a transaction collected: last in the transaction, and once.
///
/// Each stream's counter row is raised and so locked, in the order of the streams: entries commit in
/// the order of their numbers, no number is skipped, and writers cannot deadlock. `recorded_at` is
/// taken after the locks and never goes back in a stream.
pub async fn append(
    transaction: &DatabaseTransaction,
    clock: &Clock,
    ending: Ending,
) -> Result<Vec<Appended>, DbErr> {
    let Ending {
        events,
        access_changed,
    } = ending;
    let mut places: BTreeMap<Stream, Vec<(usize, Level)>> = BTreeMap::new();
    for (number, event) in events.iter().enumerate() {
        for (stream, level) in &event.places {
            places.entry(*stream).or_default().push((number, *level));
        }
    }
    for stream in &access_changed {
        places.entry(*stream).or_default();
    }
    let raised = places
        .iter()
        .map(|(stream, added)| (*stream, added.len(), access_changed.contains(stream)))
        .collect::<Vec<_>>();
    let heads = raise(transaction, clock, &raised).await?;
    if events.is_empty() {
        return Ok(Vec::new());
    }
    let newest = heads.values().map(|head| head.last_recorded_at).max();
    let recorded_at = clock.now().max(newest.unwrap_or_default());
    let names = places.keys().map(ToString::to_string);
    stream::Entity::update_many()
        .col_expr(stream::Column::LastRecordedAt, Expr::value(recorded_at))
        .filter(is_among(
            transaction.get_database_backend(),
            stream::Column::Name,
            names,
        ))
        .exec(transaction)
        .await?;
    let events: Vec<_> = events
        .into_iter()
        .map(|event| Arc::new(row(event, recorded_at)))
        .collect();
    let mut appended = Vec::new();
    for (stream, added) in &places {
        let head = heads.get(&stream.to_string()).ok_or(DbErr::RecordNotInserted)?;
        let first = head.last_seq - signed(added.len()) + 1;
        for (seq, (number, level)) in (first..).zip(added) {
            let event = Arc::clone(&events[*number]);
            let entry = Entry {
                seq,
                level: *level,
                access_version: head.access_version,
                event,
            };
            appended.push(Appended {
                stream: *stream,
                entry: Arc::new(entry),
            });
        }
    }
    store(transaction, &events, &appended).await?;
    Ok(appended)
}

async fn store(
    transaction: &DatabaseTransaction,
    events: &[Arc<event::Model>],
    appended: &[Appended],
) -> Result<(), DbErr> {
    for events in events.chunks(ROWS_A_STATEMENT) {
        let rows = events
            .iter()
            .map(|event| event::Model::clone(event).into_active_model());
        event::Entity::insert_many(rows)
            .exec_without_returning(transaction)
            .await?;
    }
    for appended in appended.chunks(ROWS_A_STATEMENT) {
        let rows = appended.iter().map(|Appended { stream, entry }| {
            stream_entry::Model {
                stream: stream.to_string(),
                seq: entry.seq,
                event_id: entry.event.id,
                level: entry.level,
                access_version: entry.access_version,
            }
            .into_active_model()
        });
        stream_entry::Entity::insert_many(rows)
            .exec_without_returning(transaction)
            .await?;
    }
    Ok(())
}

/// Adds to each of some streams, in their order, so many entries and, if its readers changed, raises its access version,
/// making the stream if it is new. Gives the streams by their names.
///
/// The version is a time, so that no change is taken for another one that a restored backup has undone.
async fn raise(
    transaction: &DatabaseTransaction,
    clock: &Clock,
    streams: &[(Stream, usize, bool)],
) -> Result<HashMap<String, stream::Model>, DbErr> {
    // Not at the top: its `max` would hide the one of times.
    use sea_orm::sea_query::{Alias, ExprTrait as _};
    let now = clock.now();
    let old = |column| Expr::col((stream::Entity, column));
    let added = |column| Expr::col((Alias::new("excluded"), column));
    let (before, changed) = (
        || old(stream::Column::AccessVersion),
        || added(stream::Column::AccessVersion),
    );
    let mut conflict = OnConflict::column(stream::Column::Name);
    let last = old(stream::Column::LastSeq).add(added(stream::Column::LastSeq));
    conflict.value(stream::Column::LastSeq, last);
    conflict.value(
        stream::Column::AccessVersion,
        Expr::case(changed().eq(0), before())
            .case(before().lt(changed()), changed())
            .finally(before().add(1)),
    );
    let mut heads = HashMap::with_capacity(streams.len());
    // One row after another is locked, in the order in which they are given.
    for streams in streams.chunks(ROWS_A_STATEMENT) {
        let fresh = streams.iter().map(|(stream, count, access_changed)| {
            let version = if *access_changed {
                now.timestamp_micros()
            } else {
                0
            };
            stream::ActiveModel {
                name: Set(stream.to_string()),
                last_seq: Set(signed(*count)),
                floor_seq: Set(0),
                last_recorded_at: Set(now),
                access_version: Set(version),
            }
        });
        let raised = stream::Entity::insert_many(fresh)
            .on_conflict(conflict.clone())
            .exec_with_returning(transaction)
            .await?;
        heads.extend(raised.into_iter().map(|head| (head.name.clone(), head)));
    }
    Ok(heads)
}

fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn row(event: NewEvent, recorded_at: DateTime<Utc>) -> event::Model {
    event::Model {
        id: event.id,
        kind: event.kind,
        care_request_id: event.care_request,
        plant_id: event.plant,
        actor_id: event.actor,
        subject_id: event.subject,
        occurred_at: event.occurred_at.unwrap_or(recorded_at),
        recorded_at,
        traceparent: event.traceparent,
    }
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
