//! Appending: the end of every write.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{
    Alias, CommonTableExpression, Expr, InsertStatement, OnConflict, SubQueryStatement, UpdateStatement,
    WithClause,
};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait as _, DbBackend, DbErr, EntityTrait as _, IntoActiveModel as _,
    QueryFilter as _, QueryTrait as _, Set,
};
use uuid::Uuid;

use super::Entry;
use crate::clock::Clock;
use crate::database::transaction::Transaction;
use crate::entity::event::EventKind;
use crate::entity::stream_entry::Level;
use crate::entity::{CareRequestId, EventId, PlantId, UserId, event, stream, stream_entry};
use crate::live::Stream;

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

/// By stream, in their order: which events it gets, by number, and how loud each is there.
type Places = BTreeMap<Stream, Vec<(usize, Level)>>;

/// What a transaction ends with.
#[derive(Debug, Default)]
pub struct Ending {
    /// Rows that are inserted with the events.
    pub rows: Vec<InsertStatement>,
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

/// Appends what a transaction collected: last in the transaction, and once.
///
/// Each stream's counter row is raised and so locked, in the order of the streams: entries commit in
/// the order of their numbers, no number is skipped, and writers cannot deadlock. `recorded_at` is
/// taken after the locks and never goes back in a stream.
pub async fn append(
    transaction: &Transaction,
    clock: &Clock,
    ending: Ending,
) -> Result<Vec<Appended>, DbErr> {
    let Ending {
        rows,
        events,
        access_changed,
    } = ending;
    let mut places = Places::new();
    for (number, event) in events.iter().enumerate() {
        for (stream, level) in &event.places {
            places.entry(*stream).or_default().push((number, *level));
        }
    }
    for stream in &access_changed {
        places.entry(*stream).or_default();
    }
    let heads = raise(transaction, clock, &places, &access_changed).await?;
    if events.is_empty() {
        for row in &rows {
            transaction.execute(row).await?;
        }
        return Ok(Vec::new());
    }
    let newest = heads.values().map(|head| head.last_recorded_at).max();
    let recorded_at = clock.now().max(newest.unwrap_or_default());
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
    let told = told(&places, recorded_at);
    store(transaction, told, rows, &events, &appended).await?;
    Ok(appended)
}

/// Notes in the streams when they were told something last.
fn told(streams: &Places, recorded_at: DateTime<Utc>) -> UpdateStatement {
    let names = streams.keys().map(ToString::to_string);
    // A list and no array: of so many names Postgres knows how many rows they are, and keeps its plan.
    stream::Entity::update_many()
        .col_expr(stream::Column::LastRecordedAt, Expr::value(recorded_at))
        .filter(stream::Column::Name.is_in(names))
        .into_query()
}

/// Stores rows, events and entries. All of it is one statement where the database can and it is not too much for one:
/// while it is under way nobody else writes to these streams.
async fn store(
    transaction: &Transaction,
    told: UpdateStatement,
    rows: Vec<InsertStatement>,
    events: &[Arc<event::Model>],
    appended: &[Appended],
) -> Result<(), DbErr> {
    let happened = events.chunks(ROWS_A_STATEMENT).map(|events| {
        let rows = events
            .iter()
            .map(|event| event::Model::clone(event).into_active_model());
        event::Entity::insert_many(rows).into_query()
    });
    let entries = appended.chunks(ROWS_A_STATEMENT).map(|appended| {
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
        stream_entry::Entity::insert_many(rows).into_query()
    });
    let mut inserts: Vec<_> = rows.into_iter().chain(happened).chain(entries).collect();
    let is_postgres = transaction.get_database_backend() == DbBackend::Postgres;
    if is_postgres && events.len().max(appended.len()) <= ROWS_A_STATEMENT {
        // Each part sees what was before the statement, and references are checked at its end.
        let Some(mut last) = inserts.pop() else {
            return Ok(());
        };
        let parts = inserts.into_iter().map(SubQueryStatement::from);
        transaction
            .execute(last.with_cte(with(parts.chain([told.into()]))))
            .await?;
        return Ok(());
    }
    transaction.execute(&told).await?;
    for insert in &inserts {
        transaction.execute(insert).await?;
    }
    Ok(())
}

/// What a statement does besides.
fn with(parts: impl Iterator<Item = SubQueryStatement>) -> WithClause {
    let mut with = WithClause::new();
    for (number, part) in parts.enumerate() {
        let name = Alias::new(format!("part_{number}"));
        with.cte(
            CommonTableExpression::new()
                .table_name(name)
                .query(part)
                .to_owned(),
        );
    }
    with
}

/// Adds to each of some streams, in their order, as many entries as it is given and, if its readers changed, raises its
/// access version, making the stream if it is new. Gives the streams by their names.
///
/// The version is a time, so that no change is taken for another one that a restored backup has undone.
async fn raise(
    transaction: &Transaction,
    clock: &Clock,
    streams: &Places,
    access_changed: &BTreeSet<Stream>,
) -> Result<HashMap<String, stream::Model>, DbErr> {
    // Not at the top: its `max` would hide the one of times.
    use sea_orm::sea_query::ExprTrait as _;
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
    let mut streams = streams.iter().peekable();
    while streams.peek().is_some() {
        let fresh = streams.by_ref().take(ROWS_A_STATEMENT).map(|(stream, added)| {
            let version = if access_changed.contains(stream) {
                now.timestamp_micros()
            } else {
                0
            };
            stream::ActiveModel {
                name: Set(stream.to_string()),
                last_seq: Set(signed(added.len())),
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
