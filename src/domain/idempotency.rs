//! Idempotency keys: a mutation that is sent again does not happen again.

use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveModelTrait as _, EntityTrait as _, Set};
use uuid::Uuid;

use super::values::Token;
use super::write::Work;
use super::{Error, Member, Reason, Refusal, Write};
use crate::app::App;
use crate::entity::{CareRequestId, EventId, UserId, idempotency_key};
use crate::live::{Cursor, Stream, log};

/// The caller's key, and what it stands for.
#[derive(Clone, Debug)]
pub struct Keyed {
    /// The caller's own name for the mutation.
    pub key: Token<200>,
    /// A hash of the whole input.
    pub fingerprint: Vec<u8>,
}

/// What a mutation did, now or when it was first sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// The noun it made or changed.
    pub id: Uuid,
    /// The event it appended.
    pub event: Option<EventId>,
    /// The event's place in the request's timeline, if it has one.
    pub cursor: Option<Cursor>,
    /// Whether it was done now, and not under the same key before.
    pub is_new: bool,
}

/// What the work of a mutation did.
pub struct Done {
    /// The noun it made or changed.
    pub id: Uuid,
    /// The event it recorded.
    pub event: Option<EventId>,
    /// The request whose timeline the event is in.
    pub timeline: Option<CareRequestId>,
}

impl App {
    /// Writes once for each `keyed`: the first call does `work`, every later one answers as the first
    /// did. A refused mutation leaves its key unused.
    pub async fn write_once<C: Send + Sync + 'static>(
        &self,
        mutation: &'static str,
        actor: &Member,
        keyed: Option<Keyed>,
        input: C,
        work: Work<C, Done>,
    ) -> Result<Written, Error> {
        // What was stored without our being told so is found by its key.
        let is_repeatable = keyed.is_some();
        let once = (mutation, actor.id, keyed, input, work);
        let ((done, is_new), appended) = self
            .write_repeatably(
                mutation,
                is_repeatable,
                once,
                |write, (mutation, actor, keyed, input, work)| {
                    Box::pin(async move {
                        let Some(keyed) = keyed else {
                            return Ok((work(write, input).await?, true));
                        };
                        if let Some(before) = claim(write, mutation, *actor, keyed).await? {
                            return Ok((before, false));
                        }
                        let done = work(write, input).await?;
                        settle(write, mutation, *actor, keyed, &done).await?;
                        Ok((done, true))
                    })
                },
            )
            .await?;
        let cursor = match (done.event, done.timeline) {
            (Some(event), Some(request)) => {
                let stream = Stream::Care(request);
                match appended
                    .iter()
                    .find(|one| one.entry.event.id == event && one.stream == stream)
                {
                    Some(found) => Some(Cursor::after(stream, found.entry.seq, event)),
                    None => log::place_of(self.database.reader(), stream, event).await?,
                }
            }
            _ => None,
        };
        Ok(Written {
            id: done.id,
            event: done.event,
            cursor,
            is_new,
        })
    }
}

/// Takes the key, or tells what was done with it. On Postgres a second caller waits here until the
/// first has ended.
async fn claim(
    write: &Write<'_>,
    mutation: &str,
    actor: UserId,
    keyed: &Keyed,
) -> Result<Option<Done>, Error> {
    let row = idempotency_key::ActiveModel {
        actor_id: Set(actor),
        mutation: Set(mutation.to_owned()),
        idempotency_key: Set(keyed.key.as_ref().to_owned()),
        input_hash: Set(keyed.fingerprint.clone()),
        result_id: Set(None),
        event_id: Set(None),
        created_at: Set(write.now),
    };
    // Not `try_insert`: without RETURNING it takes a conflict for an insertion of no rows.
    let inserted = idempotency_key::Entity::insert(row)
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(write.transaction)
        .await?;
    if inserted == 1 {
        return Ok(None);
    }
    let key = (actor, mutation.to_owned(), keyed.key.as_ref().to_owned());
    let before = idempotency_key::Entity::find_by_id(key)
        .one(write.transaction)
        .await?;
    match before {
        Some(before) if before.input_hash == keyed.fingerprint => {
            let id = before.result_id.unwrap_or_default();
            let event = match before.event_id {
                Some(event) => {
                    crate::entity::event::Entity::find_by_id(event)
                        .one(write.transaction)
                        .await?
                }
                None => None,
            };
            let timeline = event.and_then(|event| event.care_request_id);
            Ok(Some(Done {
                id,
                event: before.event_id,
                timeline,
            }))
        }
        _ => Err(Refusal::of("idempotencyKey", Reason::IdempotencyConflict).into()),
    }
}

async fn settle(
    write: &Write<'_>,
    mutation: &str,
    actor: UserId,
    keyed: &Keyed,
    done: &Done,
) -> Result<(), Error> {
    let row = idempotency_key::ActiveModel {
        actor_id: Set(actor),
        mutation: Set(mutation.to_owned()),
        idempotency_key: Set(keyed.key.as_ref().to_owned()),
        result_id: Set(Some(done.id)),
        event_id: Set(done.event),
        ..Default::default()
    };
    row.update(write.transaction).await?;
    Ok(())
}
