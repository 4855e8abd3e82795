//! Retention: how long each kind of stream keeps its entries.

use chrono::{DateTime, Days, Utc};
use sea_orm::sea_query::{Expr, ExprTrait as _, Query};
use sea_orm::{
    ColumnTrait as _, Condition, DbErr, EntityTrait as _, Order, QueryFilter as _, QueryOrder as _,
    QuerySelect as _,
};

use super::Stream;
use crate::database::Database;
use crate::database::transaction::Transaction;
use crate::entity::care_request::{self, CareRequestStatus};
use crate::entity::{event, stream, stream_entry};

/// How long feeds are kept.
const FEEDS: Days = Days::new(90);
/// How long the board and the control stream are kept.
const COMMON: Days = Days::new(7);
/// How long the timeline of a request is kept that is over.
const TIMELINES: Days = Days::new(2 * 365);
/// Entries trimmed in one transaction, so that writers never wait long.
const BATCH: u64 = 500;
/// Streams looked at in one statement.
const STREAMS: u64 = 200;

/// Trims every stream, and says how many entries went.
pub async fn run(database: &Database, now: DateTime<Utc>) -> Result<u64, DbErr> {
    let mut trimmed = 0;
    let mut after = String::new();
    loop {
        let streams = stream::Entity::find()
            .filter(stream::Column::Name.gt(after.as_str()))
            .filter(Expr::col(stream::Column::FloorSeq).lt(Expr::col(stream::Column::LastSeq)))
            .order_by_asc(stream::Column::Name)
            .limit(STREAMS)
            .all(database.reader())
            .await?;
        for row in &streams {
            if let Ok(stream) = row.name.parse()
                && let Some(before) = kept_since(database, stream, now).await?
            {
                trimmed += trim(database, stream, before).await?;
            }
        }
        match streams.last() {
            Some(last) if streams.len() as u64 == STREAMS => after.clone_from(&last.name),
            _ => return Ok(trimmed),
        }
    }
}

/// What is older than this goes; nothing if everything is kept.
async fn kept_since(
    database: &Database,
    stream: Stream,
    now: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, DbErr> {
    Ok(match stream {
        Stream::User(_) => Some(now - FEEDS),
        Stream::Board | Stream::Control => Some(now - COMMON),
        Stream::Care(request) => {
            let over = [
                CareRequestStatus::Completed,
                CareRequestStatus::Cancelled,
                CareRequestStatus::Expired,
            ];
            let over = care_request::Entity::find_by_id(request)
                .filter(care_request::Column::Status.is_in(over))
                .filter(care_request::Column::StatusSince.lte(now - TIMELINES))
                .one(database.reader())
                .await?;
            // What was said after its end is as old as its end by now, or will be.
            over.map(|_| now - TIMELINES)
        }
    })
}

async fn trim(database: &Database, stream: Stream, before: DateTime<Utc>) -> Result<u64, DbErr> {
    let mut trimmed = 0;
    loop {
        let batch = database
            .write_transaction(
                "trim_stream",
                (stream, before),
                |transaction, (stream, before)| Box::pin(trim_batch(transaction, *stream, *before)),
            )
            .await?;
        trimmed += batch;
        if batch < BATCH {
            return Ok(trimmed);
        }
    }
}

/// Trims the oldest entries. The floor is raised with them, so that whoever stood there is told of the gap.
async fn trim_batch(transaction: &Transaction, stream: Stream, before: DateTime<Utc>) -> Result<u64, DbErr> {
    let oldest = stream_entry::Entity::find()
        .filter(stream_entry::Column::Stream.eq(stream.to_string()))
        .order_by(stream_entry::Column::Seq, Order::Asc)
        .limit(BATCH)
        .find_also_related(event::Entity)
        .all(transaction)
        .await?;
    // In a stream no entry is older than the one before it.
    let old: Vec<_> = oldest
        .into_iter()
        .map_while(|(entry, event)| {
            let is_old = event.is_none_or(|event| event.recorded_at < before);
            is_old.then_some(entry)
        })
        .collect();
    let Some(last) = old.last() else {
        return Ok(0);
    };
    stream::Entity::update_many()
        .col_expr(stream::Column::FloorSeq, Expr::value(last.seq))
        .filter(stream::Column::Name.eq(stream.to_string()))
        .exec(transaction)
        .await?;
    stream_entry::Entity::delete_many()
        .filter(stream_entry::Column::Stream.eq(stream.to_string()))
        .filter(stream_entry::Column::Seq.lte(last.seq))
        .exec(transaction)
        .await?;
    forget_events(transaction, &old).await?;
    Ok(old.len() as u64)
}

/// Deletes the events that are in no stream any more, unless an assignment begins or ends with them.
async fn forget_events(transaction: &Transaction, trimmed: &[stream_entry::Model]) -> Result<(), DbErr> {
    use crate::entity::assignment;
    let is_in_no_stream = Expr::exists(
        Query::select()
            .expr(Expr::val(1))
            .from(stream_entry::Entity)
            .and_where(
                Expr::col((stream_entry::Entity, stream_entry::Column::EventId))
                    .equals((event::Entity, event::Column::Id)),
            )
            .take(),
    )
    .not();
    let bounds_no_assignment = Expr::exists(
        Query::select()
            .expr(Expr::val(1))
            .from(assignment::Entity)
            .cond_where(
                Condition::any()
                    .add(
                        Expr::col((assignment::Entity, assignment::Column::BeganEventId))
                            .equals((event::Entity, event::Column::Id)),
                    )
                    .add(
                        Expr::col((assignment::Entity, assignment::Column::EndedEventId))
                            .equals((event::Entity, event::Column::Id)),
                    ),
            )
            .take(),
    )
    .not();
    event::Entity::delete_many()
        .filter(event::Column::Id.is_in(trimmed.iter().map(|entry| entry.event_id)))
        .filter(is_in_no_stream)
        .filter(bounds_no_assignment)
        .exec(transaction)
        .await?;
    Ok(())
}
