//! The hub: the streams that somebody in this process follows, and what is known of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use sea_orm::{
    ConnectionTrait, DbErr, EntityTrait as _, FromQueryResult, JoinType, QueryFilter as _, QuerySelect as _,
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::control::Control;
use super::log::{Appended, Entry};
use super::reminders::Reminders;
use super::ring::ENTRY_BYTES;
use super::topic::{Known, Topic};
use super::{Seat, Stream};
use crate::clock::Clock;
use crate::database::Database;
use crate::entity::among::is_among;
use crate::entity::{read_cursor, stream};
use crate::telemetry::metrics::Metrics;

/// Streams asked for in one anti-entropy statement.
const STREAMS_A_STATEMENT: usize = 500;
/// How long a stream that nobody follows any more is kept: whoever lost her connection comes back soon.
const KEPT_FOR: Duration = Duration::from_mins(1);
/// What all streams together may keep in memory.
const KEPT_BYTES: usize = 64 * 1024 * 1024;

/// The streams that somebody in this process follows.
///
/// A subscriber is a position and a wake-up, nothing else: woken, it reads the log from its own
/// position, so a lost or doubled wake-up loses or doubles nothing.
#[derive(Debug)]
pub struct Hub {
    database: Database,
    topics: Mutex<HashMap<Stream, Arc<Topic>>>,
    /// Deadlines of connections and subscribers.
    pub reminders: Reminders,
    /// What ends sessions.
    pub control: Arc<Control>,
    waiting_for_database: Mutex<Vec<Weak<Seat>>>,
}

impl Hub {
    /// A hub over a database.
    pub fn new(database: Database, clock: Clock, stop: CancellationToken) -> Self {
        let topic = Topic::new(Stream::Control, database.clone(), clock.clone());
        let topics = HashMap::from([(Stream::Control, Arc::clone(&topic))]);
        Self {
            database,
            topics: Mutex::new(topics),
            reminders: Reminders::new(clock),
            control: Arc::new(Control::new(topic, stop)),
            waiting_for_database: Mutex::default(),
        }
    }

    /// A stream to follow. Join it first, then read it: whatever is appended in between wakes.
    pub fn topic(&self, stream: Stream) -> Arc<Topic> {
        let mut topics = self.topics();
        let topic = topics.entry(stream).or_insert_with(|| {
            let clock = self.reminders.clock().clone();
            Topic::new(stream, self.database.clone(), clock)
        });
        Arc::clone(topic)
    }

    /// Takes what this process has just committed.
    pub fn publish(&self, appended: &[Appended]) {
        for together in appended.chunk_by(|one, next| one.stream == next.stream) {
            let Some(topic) = self.followed(together[0].stream) else {
                continue;
            };
            let entries: Vec<Arc<Entry>> = together.iter().map(|one| Arc::clone(&one.entry)).collect();
            topic.publish(&entries);
        }
    }

    /// Says that a stream has reached `last`. What is already known is no news.
    pub fn moved(&self, stream: Stream, last: i64) {
        let news = Known {
            last,
            ..Known::default()
        };
        self.announce(stream, news);
    }

    /// Says that a feed was read up to `read`.
    pub fn read(&self, stream: Stream, read: i64) {
        let news = Known {
            read,
            ..Known::default()
        };
        self.announce(stream, news);
    }

    fn announce(&self, stream: Stream, news: Known) {
        if let Some(topic) = self.followed(stream) {
            topic.announce(news);
        }
    }

    fn followed(&self, stream: Stream) -> Option<Arc<Topic>> {
        self.topics().get(&stream).cloned()
    }

    /// Has a subscriber look again when the database answers again.
    pub fn wake_with_database(&self, seat: &Arc<Seat>) {
        self.waiting_for_database
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Arc::downgrade(seat));
    }

    /// Compares what is known of the followed streams with the database, and wakes those that have moved
    /// unnoticed. Says how many. A wake-up counts as lost if it has not come by the next comparison.
    pub async fn catch_up(&self) -> Result<usize, DbErr> {
        let followed: Vec<_> = self.topics().values().cloned().collect();
        let (mut rescued, mut lost) = (0, 0);
        for topics in followed.chunks(STREAMS_A_STATEMENT) {
            let asked = Instant::now();
            let before: Vec<_> = topics.iter().map(|topic| topic.known().1).collect();
            let streams: Vec<_> = topics.iter().map(|topic| topic.stream()).collect();
            let heads: HashMap<_, _> = heads(self.database.reader(), &streams)
                .await?
                .into_iter()
                .collect();
            for (topic, before) in topics.iter().zip(before) {
                let found = heads.get(&topic.stream()).copied().unwrap_or_default();
                lost += u64::from(topic.lacks_announcement());
                if topic.compare(asked, before, found) {
                    rescued += 1;
                    if found.last > before.last {
                        topic.expect_announcement(found.last);
                    }
                }
            }
        }
        self.metrics().live.rescues.inc_by(lost);
        self.forget_old();
        let waiting = std::mem::take(
            &mut *self
                .waiting_for_database
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        );
        for seat in waiting.iter().filter_map(Weak::upgrade) {
            seat.wake();
        }
        Ok(rescued)
    }

    /// What is told of it.
    pub fn metrics(&self) -> &Metrics {
        &self.database.telemetry().metrics
    }

    /// Notes by how many entries each subscriber is behind.
    pub fn note_lags(&self) {
        let topics: Vec<_> = self.topics().values().cloned().collect();
        let lag = &self.metrics().live.lag;
        for topic in topics.iter().filter(|topic| topic.stream().field().is_some()) {
            for entries in topic.lags() {
                #[expect(clippy::cast_precision_loss, reason = "a number of entries is far below 2^53")]
                lag.observe(entries as f64);
            }
        }
    }

    /// Entries that are kept in memory.
    pub fn kept(&self) -> usize {
        self.topics().values().map(|topic| topic.kept()).sum()
    }

    /// Forgets the streams that nobody has followed for a while, and if more is kept than may be, what was
    /// kept of those that were left longest ago, then of any.
    fn forget_old(&self) {
        let mut topics = self.topics();
        topics.retain(|stream, topic| {
            *stream == Stream::Control || topic.left_at().is_none_or(|left| left.elapsed() < KEPT_FOR)
        });
        let mut kept: usize = topics.values().map(|topic| topic.kept()).sum();
        if kept * ENTRY_BYTES <= KEPT_BYTES {
            return;
        }
        let mut by_age: Vec<_> = topics.values().collect();
        by_age.sort_by_key(|topic| topic.left_at().unwrap_or_else(Instant::now));
        for topic in by_age {
            if kept * ENTRY_BYTES <= KEPT_BYTES {
                break;
            }
            kept -= topic.kept();
            topic.forget();
        }
    }

    fn topics(&self) -> std::sync::MutexGuard<'_, HashMap<Stream, Arc<Topic>>> {
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(FromQueryResult)]
struct Head {
    name: String,
    last_seq: i64,
    floor_seq: i64,
    access_version: i64,
    read_seq: Option<i64>,
}

/// What the database knows of streams; those in which nothing ever was are not among them.
pub(super) async fn heads(
    connection: &impl ConnectionTrait,
    streams: &[Stream],
) -> Result<Vec<(Stream, Known)>, DbErr> {
    let join: sea_orm::RelationDef = stream::Entity::belongs_to(read_cursor::Entity)
        .from(stream::Column::Name)
        .to(read_cursor::Column::Stream)
        .into();
    let names = streams.iter().map(ToString::to_string);
    let heads = stream::Entity::find()
        .select_only()
        .column(stream::Column::Name)
        .column(stream::Column::LastSeq)
        .column(stream::Column::FloorSeq)
        .column(stream::Column::AccessVersion)
        .column_as(read_cursor::Column::LastSeq, "read_seq")
        .join(JoinType::LeftJoin, join)
        .filter(is_among(
            connection.get_database_backend(),
            stream::Column::Name,
            names,
        ))
        .into_model::<Head>()
        .all(connection)
        .await?;
    let known = heads.into_iter().filter_map(|head| {
        let stream = head.name.parse().ok()?;
        Some((
            stream,
            Known {
                last: head.last_seq,
                sure: head.last_seq,
                floor: head.floor_seq,
                access_version: head.access_version,
                read: head.read_seq.unwrap_or(0),
            },
        ))
    });
    Ok(known.collect())
}
