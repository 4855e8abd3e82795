//! The hub: tells this process's subscribers that their stream has moved.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use sea_orm::{
    ConnectionTrait, DbErr, EntityTrait as _, FromQueryResult, JoinType, QueryFilter as _, QuerySelect as _,
};
use tokio::sync::watch;

use super::Stream;
use crate::entity::{read_cursor, stream};

/// Streams asked for in one anti-entropy statement.
const STREAMS_A_STATEMENT: usize = 500;

/// What is known of a stream; a change of it wakes the subscribers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// The newest entry's number.
    pub last: i64,
    /// How far its member has read it; feeds only.
    pub read: i64,
}

/// The streams that somebody in this process follows.
///
/// It carries no event: a subscriber that is woken reads the log from its own position, so a lost or
/// doubled wake-up loses or doubles nothing.
#[derive(Debug, Default)]
pub struct Hub {
    streams: Mutex<HashMap<Stream, watch::Sender<Known>>>,
}

impl Hub {
    /// Joins the subscribers of a stream. Join first, then read the log: whatever is appended in
    /// between wakes.
    pub fn join(&self, stream: Stream) -> watch::Receiver<Known> {
        self.lock().entry(stream).or_default().subscribe()
    }

    /// Says that a stream has reached `last`. What is already known is no news.
    pub fn moved(&self, stream: Stream, last: i64) {
        self.learn(stream, Known { last, read: 0 });
    }

    /// Says that a feed was read up to `read`.
    pub fn read(&self, stream: Stream, read: i64) {
        self.learn(stream, Known { last: 0, read });
    }

    fn learn(&self, stream: Stream, news: Known) -> bool {
        let streams = self.lock();
        let Some(known) = streams.get(&stream) else {
            return false;
        };
        known.send_if_modified(|known| {
            let next = Known {
                last: known.last.max(news.last),
                read: known.read.max(news.read),
            };
            std::mem::replace(known, next) != next
        })
    }

    /// Learns what the database knows of one stream.
    pub async fn refresh(&self, connection: &impl ConnectionTrait, stream: Stream) -> Result<(), DbErr> {
        for (stream, known) in heads(connection, &[stream]).await? {
            self.learn(stream, known);
        }
        Ok(())
    }

    /// Compares what is known of the followed streams with the database, wakes those that have moved
    /// unnoticed, and forgets the streams that nobody follows any more. Says how many it woke.
    pub async fn catch_up(&self, connection: &impl ConnectionTrait) -> Result<usize, DbErr> {
        let followed: Vec<Stream> = {
            let mut streams = self.lock();
            streams.retain(|_, known| known.receiver_count() > 0);
            streams.keys().copied().collect()
        };
        let mut woken = 0;
        for streams in followed.chunks(STREAMS_A_STATEMENT) {
            for (stream, known) in heads(connection, streams).await? {
                woken += usize::from(self.learn(stream, known));
            }
        }
        Ok(woken)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Stream, watch::Sender<Known>>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(FromQueryResult)]
struct Head {
    name: String,
    last_seq: i64,
    read_seq: Option<i64>,
}

async fn heads(connection: &impl ConnectionTrait, streams: &[Stream]) -> Result<Vec<(Stream, Known)>, DbErr> {
    let join: sea_orm::RelationDef = stream::Entity::belongs_to(read_cursor::Entity)
        .from(stream::Column::Name)
        .to(read_cursor::Column::Stream)
        .into();
    let heads = stream::Entity::find()
        .select_only()
        .column(stream::Column::Name)
        .column(stream::Column::LastSeq)
        .column_as(read_cursor::Column::LastSeq, "read_seq")
        .join(JoinType::LeftJoin, join)
        .filter(stream::COLUMN.name.is_in(streams.iter().map(ToString::to_string)))
        .into_model::<Head>()
        .all(connection)
        .await?;
    let known = heads.into_iter().filter_map(|head| {
        let stream = head.name.parse().ok()?;
        Some((
            stream,
            Known {
                last: head.last_seq,
                read: head.read_seq.unwrap_or(0),
            },
        ))
    });
    Ok(known.collect())
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::entity::CareRequestId;

    #[test]
    fn old_news_wakes_nobody() {
        let hub = Hub::default();
        let stream = Stream::Care(CareRequestId(Uuid::from_u128(1)));
        let mut subscriber = hub.join(stream);
        hub.moved(stream, 3);
        assert!(subscriber.has_changed().unwrap());
        assert_eq!(*subscriber.borrow_and_update(), Known { last: 3, read: 0 });
        hub.moved(stream, 3);
        hub.moved(stream, 2);
        assert!(!subscriber.has_changed().unwrap());
        hub.read(stream, 1);
        assert_eq!(*subscriber.borrow_and_update(), Known { last: 3, read: 1 });
    }
}
