//! A subscriber: a position in a stream and a wake-up.

use std::sync::Arc;
use std::time::Duration;

use sea_orm::DbErr;

use super::beginning::{self, Start};
use super::gate::{Access, Gate};
use super::latest::{Latest, Turn};
use super::log::Entry;
use super::message::{EndReason, GapReason, Message};
use super::reminders::Whom;
use super::topic::{Known, Lookup, Place};
use super::{Cursor, Hub, Seat, Stream, Teller};
use crate::entity::stream_entry::Level;
use crate::telemetry::metrics::Source;

/// After how long of passing over entries a subscriber is told its position.
const POSITION_EVERY: Duration = Duration::from_mins(1);
/// Entries that are passed over at a time before others have their turn.
const PASSED_OVER: usize = 256;

/// What a subscriber has to say, or to wait for.
#[derive(Debug)]
pub enum Next {
    /// Tell this.
    Tell(Message),
    /// Nothing; its seat is woken when there may be something.
    Wait,
    /// [`load`](Subscriber::load) first.
    Load,
    /// Nothing, for ever.
    Over,
}

/// A position in a stream and a wake-up. It holds no events: the memory it takes does not depend on how
/// far it is behind.
pub struct Subscriber {
    hub: Arc<Hub>,
    place: Place,
    seat: Arc<Seat>,
    gate: Arc<Gate>,
    minimum: Option<Level>,
    latest: Option<Box<Latest>>,
    generation: u32,
    position: Cursor,
    read: i64,
    /// What was trimmed when it began.
    floor: i64,
    /// Where the replay ends, until it has.
    head: Option<i64>,
    /// A gap that was found when it began.
    gap: Option<Box<Message>>,
    /// When the client was last told its position.
    told: Told,
    /// The same before the last message.
    told_before: Told,
    /// The next time that the reminders know of.
    reminded: Option<Duration>,
    /// When it looked last, by the process's clock.
    now: Duration,
    end: End,
    /// Whether what it said last was all there is: what comes after that wakes it.
    rests: bool,
}

/// How near a subscriber is to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// More may come.
    Open,
    /// As far as is known here nothing will; the database is to be asked.
    Doubtful,
    /// The database said that nothing will.
    Certain,
    /// It was told.
    Over,
}

#[derive(Clone, Copy, Debug)]
struct Told {
    at: Duration,
    seq: i64,
}

impl Subscriber {
    /// Finds the place to begin. Sit first, so that whatever is appended meanwhile wakes.
    pub async fn begin(
        hub: Arc<Hub>,
        place: Place,
        seat: Arc<Seat>,
        gate: Arc<Gate>,
        start: Start,
    ) -> Result<Self, DbErr> {
        let (position, gap) = start.position(&place).await?;
        seat.stands_at(position.seq);
        let (generation, known) = place.topic().known();
        let now = hub.reminders.clock().elapsed();
        let told = Told {
            at: now,
            seq: position.seq,
        };
        Ok(Self {
            hub,
            place,
            seat,
            gate,
            minimum: None,
            latest: None,
            generation,
            position,
            read: known.read,
            floor: known.floor,
            head: Some(known.last),
            gap: gap.map(Box::new),
            told,
            told_before: told,
            reminded: None,
            now,
            end: End::Open,
            rests: false,
        })
    }

    /// Tells only entries that are at least so loud.
    pub fn at_least(&mut self, minimum: Option<Level>) {
        self.minimum = minimum;
    }

    /// Tells only the newest entry of each object, and so many in a second.
    pub fn latest(&mut self, per_second: u32) {
        self.latest = Some(Box::new(Latest::new(per_second)));
    }

    /// Has it woken with all who are told the same, as soon as what they are told is ready.
    pub fn join(&mut self, teller: &Arc<dyn Teller>) {
        // How many are left out differs from one to the next.
        if self.latest.is_none() {
            self.place.join(teller, &self.gate, self.minimum);
        }
    }

    /// Says that the last message was not for the client after all.
    pub fn passed_over(&mut self) {
        self.told = self.told_before;
        if let Some(latest) = &mut self.latest {
            latest.passed_over();
        }
    }

    /// Whether what it said last was all there is. It was woken since if there is more.
    pub fn rests(&self) -> bool {
        self.rests
    }

    /// Where it stands.
    pub fn position(&self) -> &Cursor {
        &self.position
    }

    /// Whether it tells what happens, and not what it had missed.
    pub fn is_live(&self) -> bool {
        self.head.is_none()
    }

    /// Its place in its connection's mailbox.
    pub fn seat(&self) -> &Arc<Seat> {
        &self.seat
    }

    /// Goes to the end of what is known: what is before was told otherwise.
    pub async fn skip_to_end(&mut self) -> Result<(), DbErr> {
        self.place.topic().refresh().await?;
        self.position = beginning::end(&self.place).await?;
        self.head = Some(self.position.seq);
        Ok(())
    }

    /// What it has to say at this time of the process's clock.
    pub fn look(&mut self, now: Duration) -> Next {
        self.now = now;
        self.rests = false;
        if self.end == End::Over {
            return Next::Over;
        }
        if let Some(gap) = self.gap.take() {
            return self.tell(*gap);
        }
        let (generation, known, mut found) = self.place.topic().look(self.position.seq + 1);
        if std::mem::replace(&mut self.generation, generation) != generation {
            return self.reset(known);
        }
        if self.gate.is_expired() {
            return Next::Load;
        }
        if std::mem::replace(&mut self.read, known.read) < known.read {
            return Next::Tell(Message::Read(known.read));
        }
        for _ in 0..PASSED_OVER {
            // There may be less than was known when it began.
            if self
                .head
                .is_some_and(|head| self.position.seq >= head.min(known.last))
            {
                self.head = None;
                return self.tell(Message::CaughtUp(self.position));
            }
            if self.gate.ends_before(self.position.seq + 1) {
                return self.end(EndReason::AccessLost);
            }
            if self.position.seq >= known.last {
                return self.at_end(&known);
            }
            let next = self.position.seq + 1;
            match found.take().unwrap_or_else(|| self.place.topic().lookup(next)) {
                Lookup::Unread => return Next::Load,
                Lookup::Missing { to } => return self.missing(to),
                Lookup::Here(entry, source) => {
                    if let Some(next) = self.look_at(entry, source, &known) {
                        return next;
                    }
                }
            }
        }
        // Others first.
        self.seat.wake();
        Next::Wait
    }

    /// What it will have to say after this, as far as that is in memory and certain: so that several messages
    /// of a replay can be made ready at once. At the end of the log there is nothing.
    pub fn ahead(&self, most: i64) -> Vec<Message> {
        let mut messages = Vec::new();
        if self.latest.is_some() {
            return messages;
        }
        let topic = self.place.topic();
        for seq in self.position.seq + 1..=self.position.seq + most {
            let Lookup::Here(entry, _) = topic.lookup(seq) else {
                break;
            };
            let allows = |access: &Access| access.allows(seq);
            if self.gate.with_access(entry.access_version, allows) != Some(true) {
                break;
            }
            if self.minimum.is_none_or(|minimum| entry.level >= minimum) {
                messages.push(Message::Entry {
                    cursor: Cursor::after(self.stream(), seq, entry.event.id),
                    entry,
                    skipped: 0,
                });
            }
        }
        messages
    }

    /// Does what [`look`](Self::look) needs done before it can tell more.
    pub async fn load(&mut self) -> Result<(), DbErr> {
        let topic = self.place.topic();
        let seq = self.position.seq + 1;
        let (_, known, found) = topic.look(seq);
        let is_at_end = found.is_none();
        if self.gate.is_expired() || (is_at_end && !self.gate.is_current(known.access_version)) {
            return self.gate.renew(known.access_version).await;
        }
        if self.end == End::Doubtful {
            topic.refresh().await?;
            self.end = End::Certain;
            return Ok(());
        }
        match found {
            Some(Lookup::Here(entry, _)) if !self.gate.is_current(entry.access_version) => {
                self.gate.renew(entry.access_version).await
            }
            Some(Lookup::Unread) => topic.fetch(seq).await,
            _ => match self.latest.as_ref().and_then(|latest| latest.unread()) {
                Some(unread) => topic.fetch(unread).await,
                None => Ok(()),
            },
        }
    }

    /// What to do about the next entry; nothing if it is passed over.
    fn look_at(&mut self, entry: Arc<Entry>, source: Source, known: &Known) -> Option<Next> {
        let seq = entry.seq;
        let allowed = self.gate.with_access(entry.access_version, |access| {
            (!access.ends_before(seq)).then(|| access.allows(seq))
        });
        let wanted = match allowed {
            None => return Some(Next::Load),
            Some(None) => return Some(self.end(EndReason::AccessLost)),
            Some(Some(allowed)) => allowed && self.minimum.is_none_or(|minimum| entry.level >= minimum),
        };
        let mut skipped = 0;
        if wanted && let Some(latest) = &mut self.latest {
            match latest.turn(&entry, known.last, self.place.topic(), self.now) {
                Turn::Load => return Some(Next::Load),
                Turn::Later(at) => {
                    self.remind(at);
                    return Some(Next::Wait);
                }
                Turn::Skip => {
                    self.position = Cursor::after(self.stream(), seq, entry.event.id);
                    return None;
                }
                Turn::Tell(left_out) => skipped = left_out,
            }
        }
        let cursor = Cursor::after(self.stream(), seq, entry.event.id);
        self.position = cursor;
        if wanted {
            if !self.is_live() {
                self.hub.metrics().live.backfilled(source);
            }
            self.rests = self.is_live() && seq >= known.last && seq > known.floor && self.latest.is_none();
            return Some(self.tell(Message::Entry {
                cursor,
                entry,
                skipped,
            }));
        }
        (self.position_is_due()).then(|| self.tell(Message::Position(cursor)))
    }

    /// There is nothing up to `to`.
    fn missing(&mut self, to: i64) -> Next {
        let stream = self.stream();
        let from = std::mem::replace(&mut self.position, Cursor::at_floor(stream, to));
        self.tell(Message::Gap {
            from,
            to: self.position,
            reason: GapReason::Trimmed,
        })
    }

    /// The log is another one: from its floor on everything may be new.
    fn reset(&mut self, known: Known) -> Next {
        let from = self.position;
        self.position = Cursor::at_floor(self.stream(), known.floor);
        self.head = Some(known.last);
        self.read = known.read;
        self.floor = known.floor;
        self.tell(Message::Gap {
            from,
            to: self.position,
            reason: GapReason::LogReset,
        })
    }

    fn tell(&mut self, message: Message) -> Next {
        if let Message::Gap { reason, .. } = &message {
            self.hub.metrics().live.gap(reason.label());
        }
        self.seat.stands_at(self.position.seq);
        self.told_before = self.told;
        self.told = Told {
            at: self.now,
            seq: self.position.seq,
        };
        Next::Tell(message)
    }

    fn end(&mut self, reason: EndReason) -> Next {
        self.end = End::Over;
        Next::Tell(Message::Ended(reason))
    }

    /// All was told. Of a request that is long over everything is trimmed at last, and nothing will follow;
    /// unless something was added after that, of which only the database knows yet.
    fn at_end(&mut self, known: &Known) -> Next {
        // An entry that was not looked at here, because she read it elsewhere or it is trimmed, may have been the last
        // that she may read. None that follows would say so.
        if !self.gate.is_current(known.access_version) {
            return Next::Load;
        }
        let is_trimmed = known.floor > self.floor && known.floor >= known.last;
        if !is_trimmed || !matches!(self.stream(), Stream::Care(_)) {
            self.end = End::Open;
            return self.wait();
        }
        if self.end == End::Certain {
            return self.end(EndReason::TrimmedAway);
        }
        self.end = End::Doubtful;
        Next::Load
    }

    fn wait(&mut self) -> Next {
        self.seat.stands_at(self.position.seq);
        if self.position_is_due() {
            return self.tell(Message::Position(self.position));
        }
        if self.position.seq > self.told.seq {
            self.remind(self.told.at + POSITION_EVERY);
        }
        Next::Wait
    }

    fn position_is_due(&self) -> bool {
        self.position.seq > self.told.seq && self.now >= self.told.at + POSITION_EVERY
    }

    fn remind(&mut self, at: Duration) {
        if self.reminded.replace(at) == Some(at) {
            return;
        }
        let whom = Whom::Seat(Arc::downgrade(&self.seat));
        self.hub.reminders.add(at, whom);
    }

    fn stream(&self) -> Stream {
        self.position.stream
    }
}
