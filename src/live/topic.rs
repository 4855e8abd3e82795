//! A stream that somebody in this process follows: what is known of it, and who waits for it.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use sea_orm::DbErr;
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::control::Control;
use super::gate::{Gate, Gates, Reader};
use super::log::{self, Entry};
use super::party::{self, Number, Seats, Teller};
use super::ring::{BLOCK, Block, Blocks, RING_ENTRIES, Ring, block_start};
use super::{Seat, Stream};
use crate::clock::Clock;
use crate::database::Database;
use crate::entity::UserId;
use crate::entity::stream_entry::Level;
use crate::telemetry::metrics::Source;

/// How much later than an entry its wake-up may come.
const ANNOUNCED_WITHIN: Duration = Duration::from_millis(500);
/// For how long what the database said of a stream's end is good enough for who joins it: as long as a
/// lost wake-up may cost.
const FRESH: Duration = Duration::from_secs(1);

/// What is known of a stream; a change of it wakes the subscribers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// The newest entry's number, by whoever told.
    pub last: i64,
    /// The newest entry's number, by the database or a commit of this process: the bus alone proves nothing.
    pub sure: i64,
    /// The newest trimmed entry's number.
    pub floor: i64,
    /// How often it has changed who may read it.
    pub access_version: i64,
    /// How far its member has read it; feeds only.
    pub read: i64,
}

/// What the memory says of a number.
#[derive(Debug)]
pub enum Lookup {
    /// The entry, and where it is kept.
    Here(Arc<Entry>, Source),
    /// There is no such entry any more, nor any up to `to`.
    Missing {
        /// Up to where.
        to: i64,
    },
    /// It has to be [fetched](Topic::fetch).
    Unread,
}

/// A stream that somebody follows, or did a moment ago.
#[derive(Debug)]
pub struct Topic {
    stream: Stream,
    database: Database,
    clock: Clock,
    state: Mutex<State>,
    /// Itself, for the work that it starts.
    me: Weak<Self>,
    seats: Mutex<Seats>,
    gates: Mutex<Gates>,
    /// One read at a time: whoever waits finds what it needs when its turn comes.
    reading: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    /// Raised when the log turns out to be another one.
    generation: u32,
    known: Known,
    /// The newest entry of which a wake-up has told.
    told: i64,
    /// The entry that a comparison has found and of which no wake-up had told by then, and when that was.
    unannounced: Option<(i64, Instant)>,
    checked_at: Option<Instant>,
    ring: Ring,
    blocks: Blocks,
    /// Since when nobody follows it.
    left_at: Option<Instant>,
}

impl State {
    fn lookup(&self, seq: i64) -> Lookup {
        if let Some(entry) = self.ring.get(seq) {
            return Lookup::Here(Arc::clone(entry), Source::Ring);
        }
        if seq <= self.known.floor {
            return Lookup::Missing { to: self.known.floor };
        }
        match self.blocks.get(seq) {
            Some(Ok(entry)) => Lookup::Here(Arc::clone(entry), Source::Database),
            Some(Err(to)) => Lookup::Missing { to },
            None => Lookup::Unread,
        }
    }
}

impl Topic {
    pub(super) fn new(stream: Stream, database: Database, clock: Clock) -> Arc<Self> {
        let state = State {
            left_at: Some(Instant::now()),
            ..State::default()
        };
        Arc::new_cyclic(|me| Self {
            stream,
            database,
            clock,
            state: Mutex::new(state),
            me: Weak::clone(me),
            seats: Mutex::default(),
            gates: Mutex::default(),
            reading: tokio::sync::Mutex::default(),
        })
    }

    /// Which stream it is.
    pub fn stream(&self) -> Stream {
        self.stream
    }

    /// Adds a subscriber: it is woken whenever the stream has moved, until the answer is dropped.
    pub fn sit(self: &Arc<Self>, seat: Arc<Seat>) -> Place {
        let number = self.seats().sit(seat);
        self.state().left_at = None;
        Place {
            topic: Arc::clone(self),
            number,
        }
    }

    /// What is known, and of which log.
    pub fn known(&self) -> (u32, Known) {
        let state = self.state();
        (state.generation, state.known)
    }

    /// What the memory says of an entry.
    pub fn lookup(&self, seq: i64) -> Lookup {
        self.state().lookup(seq)
    }

    /// [`known`](Self::known) and [`lookup`](Self::lookup) at once, the latter if there may be such an entry.
    pub(super) fn look(&self, seq: i64) -> (u32, Known, Option<Lookup>) {
        let state = self.state();
        let found = (seq <= state.known.last).then(|| state.lookup(seq));
        (state.generation, state.known, found)
    }

    /// An entry, fetched if need be; `None` if there is none.
    pub async fn entry(&self, seq: i64) -> Result<Option<Arc<Entry>>, DbErr> {
        loop {
            match self.lookup(seq) {
                Lookup::Here(entry, _) => return Ok(Some(entry)),
                Lookup::Missing { .. } => return Ok(None),
                Lookup::Unread if seq > self.known().1.last => return Ok(None),
                Lookup::Unread => self.fetch(seq).await?,
            }
        }
    }

    /// Reads what holds entry `seq` into memory, unless somebody else just did.
    pub async fn fetch(&self, seq: i64) -> Result<(), DbErr> {
        let _turn = self.reading.lock().await;
        if !matches!(self.lookup(seq), Lookup::Unread) {
            return Ok(());
        }
        let (of_ring, from, mut to, generation) = {
            let mut state = self.state();
            if seq > state.known.last {
                return Ok(());
            }
            let ring_entries = i64::try_from(RING_ENTRIES).unwrap_or(i64::MAX);
            if state.known.last - state.ring.last() > ring_entries {
                // So far behind, the ring begins anew at the end; what is before it comes in blocks.
                let last = state.known.last;
                state.ring.restart(last);
            }
            let of_ring = state.ring.is_after_base(seq);
            let from = if of_ring {
                state.ring.last() + 1
            } else {
                block_start(seq)
            };
            (
                of_ring,
                from,
                (from + BLOCK - 1).min(state.known.last),
                state.generation,
            )
        };
        let read = |to| log::between(self.database.reader(), self.stream, from, to);
        let mut entries = read(to).await?;
        if i64::try_from(entries.len()).unwrap_or(0) < to - from + 1 {
            // Trimmed, another log, or not so long: its head and floor tell. What was written between the two looks is
            // in the one and not in the other, so that only a look after both proves that something is not there; and it
            // proves nothing of what is written after it, or is said to be by whoever was wrong before.
            self.check().await?;
            to = to.min(self.known().1.sure);
            if to < from {
                return Ok(());
            }
            entries = read(to).await?;
        }
        let entries: Vec<_> = entries.into_iter().map(Arc::new).collect();
        let mut state = self.state();
        if state.generation != generation {
            return Ok(());
        }
        for entry in &entries {
            state.known.access_version = state.known.access_version.max(entry.access_version);
            state.known.sure = state.known.sure.max(entry.seq);
        }
        if of_ring {
            for entry in &entries {
                self.note_arrival(entry);
                state.ring.push(Arc::clone(entry));
            }
            if state.ring.last() >= to {
                return Ok(());
            }
            state.ring.restart(to);
        }
        state.blocks.push(Block { from, to, entries });
        Ok(())
    }

    /// What the database says of the stream now. Several who ask at the same time may get one answer, but
    /// never one that is older than their question.
    pub async fn refresh(&self) -> Result<Known, DbErr> {
        let asked = Instant::now();
        let _turn = self.reading.lock().await;
        let started_later = self.state().checked_at.is_some_and(|checked| checked >= asked);
        if !started_later {
            self.check().await?;
        }
        Ok(self.known().1)
    }

    /// [`refresh`](Self::refresh), unless that was done a moment ago.
    pub async fn refresh_if_old(&self) -> Result<Known, DbErr> {
        let checked_at = self.state().checked_at;
        if checked_at.is_some_and(|checked| checked.elapsed() < FRESH) {
            return Ok(self.known().1);
        }
        self.refresh().await
    }

    async fn check(&self) -> Result<(), DbErr> {
        let (asked, before) = (Instant::now(), self.known().1);
        let heads = super::hub::heads(self.database.reader(), &[self.stream]).await?;
        let found = heads.first().map_or_else(Known::default, |(_, known)| *known);
        self.compare(asked, before, found);
        Ok(())
    }

    /// Takes note of what the database said; `before` was known when it was asked. Says whether it was
    /// news.
    pub(super) fn compare(&self, asked: Instant, before: Known, found: Known) -> bool {
        {
            let mut state = self.state();
            state.checked_at = Some(asked);
            if found.last < before.sure || found.access_version < before.access_version {
                // What was in the log is not in it any more.
                state.generation += 1;
                state.known = found;
                state.ring.restart(found.last);
                state.blocks.clear();
                drop(state);
                self.expire_gates();
                tracing::warn!(live_stream = %self.stream, from = before.last, to = found.last, "a stream's log was reset");
                self.wake();
                return true;
            }
            if found.last < before.last {
                // Who said that there is more was wrong; but not this process, of what it has committed since.
                let last = found.last.max(state.known.sure);
                if state.known.last == before.last {
                    state.known.last = last;
                }
                if state.ring.last() > last {
                    state.ring.restart(last);
                }
            }
            if state.ring.kept() == 0 && state.ring.last() < found.last && state.known.last <= found.last {
                state.ring.restart(found.last);
            }
        }
        self.learn(found)
    }

    /// Takes note of something newer, and says whether it was news: of what others should have told. What
    /// was trimmed nobody tells.
    pub(super) fn learn(&self, news: Known) -> bool {
        self.note(news, false)
    }

    /// A wake-up tells of something newer.
    pub(super) fn announce(&self, news: Known) {
        self.note(news, true);
    }

    fn note(&self, news: Known, is_announced: bool) -> bool {
        let (has_moved, is_news, changed) = {
            let mut state = self.state();
            if is_announced {
                state.told = state.told.max(news.last);
            }
            let known = state.known;
            let next = Known {
                last: known.last.max(news.last),
                sure: known.sure.max(news.sure),
                floor: known.floor.max(news.floor),
                access_version: known.access_version.max(news.access_version),
                read: known.read.max(news.read),
            };
            state.known = next;
            let has_moved = next.last != known.last;
            let was_read = next.read != known.read;
            (
                has_moved,
                has_moved || was_read,
                was_read || next.floor != known.floor,
            )
        };
        if changed {
            self.wake();
        } else if has_moved {
            self.wake_or_prepare();
        }
        is_news
    }

    /// A comparison has found `last` before a wake-up told of it. That may still be on its way.
    pub(super) fn expect_announcement(&self, last: i64) {
        let mut state = self.state();
        state.unannounced.get_or_insert((last, Instant::now()));
    }

    /// Whether the wake-up has not come that was expected since the stream was compared before: it was lost.
    pub(super) fn lacks_announcement(&self) -> bool {
        let mut state = self.state();
        let Some((last, since)) = state.unannounced else {
            return false;
        };
        let has_come = state.told >= last;
        let is_over = has_come || since.elapsed() >= ANNOUNCED_WITHIN;
        if is_over {
            state.unannounced = None;
        }
        is_over && !has_come
    }

    /// Takes entries that this process has just committed.
    pub(super) fn publish(&self, entries: &[Arc<Entry>]) {
        let mut news = Known::default();
        {
            let mut state = self.state();
            for entry in entries {
                news.last = news.last.max(entry.seq);
                news.sure = news.last;
                news.access_version = news.access_version.max(entry.access_version);
                self.note_arrival(entry);
                state.ring.push(Arc::clone(entry));
            }
        }
        self.announce(news);
    }

    /// The gate before the stream for a member, with what she may read now. All her subscriptions have one.
    pub async fn admit(
        &self,
        member: UserId,
        reader: Box<dyn Reader>,
        control: &Arc<Control>,
    ) -> Result<Arc<Gate>, DbErr> {
        let version = self.refresh_if_old().await?.access_version;
        let known = self.gates().of(member);
        if let Some(gate) = known {
            gate.admit(version).await?;
            return Ok(gate);
        }
        let gate = Arc::new(Gate::open(reader, Arc::clone(control), version).await?);
        self.gates().add(member, &gate);
        Ok(gate)
    }

    /// Notes how long an entry took to come here, if somebody waits for it.
    fn note_arrival(&self, entry: &Entry) {
        if let Some(field) = self.stream.field() {
            let live = &self.database.telemetry().metrics.live;
            live.arrived(
                field,
                entry.event.recorded_at.timestamp_micros(),
                self.clock.unix_micros(),
            );
        }
    }

    /// By how many entries each subscriber is behind.
    pub(super) fn lags(&self) -> Vec<i64> {
        let last = self.known().1.last;
        let lag = |seat: &Arc<Seat>| (last - seat.position()).max(0);
        self.seats().iter().map(lag).collect()
    }

    fn expire_gates(&self) {
        for gate in self.gates().iter() {
            gate.expire();
        }
    }

    fn wake(&self) {
        self.seats().wake();
    }

    /// Wakes all, each party as soon as what it is told is ready.
    fn wake_or_prepare(&self) {
        let (Some(me), Ok(runtime)) = (self.me.upgrade(), Handle::try_current()) else {
            return self.wake();
        };
        for party in self.seats().wake_or_prepare() {
            // Not on a connection's task: one that does not move must not keep the others waiting.
            drop(runtime.spawn(party::prepare(Arc::clone(&me), party)));
        }
    }

    /// Since when nobody follows it.
    pub(super) fn left_at(&self) -> Option<Instant> {
        self.state().left_at
    }

    /// Entries kept in memory.
    pub(super) fn kept(&self) -> usize {
        let state = self.state();
        state.ring.kept() + state.blocks.kept()
    }

    /// Lets go of all that can be read again.
    pub(super) fn forget(&self) {
        let mut state = self.state();
        let last = state.ring.last();
        state.ring.restart(last);
        state.blocks.clear();
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn gates(&self) -> std::sync::MutexGuard<'_, Gates> {
        self.gates.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn seats(&self) -> std::sync::MutexGuard<'_, Seats> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A subscriber's place among those who are woken.
#[derive(Debug)]
pub struct Place {
    topic: Arc<Topic>,
    number: Number,
}

impl Place {
    /// The stream.
    pub fn topic(&self) -> &Arc<Topic> {
        &self.topic
    }

    /// Has it woken with all who have the same teller, when what they are told is ready.
    pub(super) fn join(&mut self, teller: &Arc<dyn Teller>, gate: &Arc<Gate>, minimum: Option<Level>) {
        let mut seats = self.topic.seats();
        let last = self.topic.known().1.last;
        self.number = seats.join(self.number, teller, gate, minimum, last);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut seats = self.topic.seats();
        seats.leave(self.number);
        let left = seats.is_empty();
        drop(seats);
        if left {
            self.topic.state().left_at = Some(Instant::now());
        }
    }
}
