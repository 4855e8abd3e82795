//! The one way to write: rows and events in one transaction, subscribers woken after it.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use sea_orm::{ActiveModelTrait, DbErr, EntityTrait as _, IntoActiveModel, QueryTrait as _};
use uuid::Uuid;

use super::Error;
use crate::app::App;
use crate::clock::Clock;
use crate::database::transaction::Transaction;
use crate::entity::care_request::CareRequestStatus;
use crate::entity::event::EventKind;
use crate::entity::stream_entry::Level;
use crate::entity::{EventId, PlantId, UserId, care_request};
use crate::live::Stream;
use crate::live::bus::Wake;
use crate::live::log::{self, Appended, Ending, NewEvent};
use crate::telemetry::traces;

/// A write under way: the transaction, its time, and the events it will end with.
pub struct Write<'t> {
    /// The transaction; every statement of the write goes through it.
    pub transaction: &'t Transaction,
    /// When the write began.
    pub now: DateTime<Utc>,
    clock: &'t Clock,
    ending: Mutex<Ending>,
    after: Mutex<Vec<AfterCommit>>,
}

/// What is done once a write is stored.
type AfterCommit = Box<dyn FnOnce(&App) + Send>;

/// What is written, with what it is given; it captures nothing (see [`write_transaction`]).
///
/// [`write_transaction`]: crate::database::Database::write_transaction
pub type Work<C, T> = for<'w> fn(&'w Write<'w>, &'w C) -> BoxFuture<'w, Result<T, Error>>;

/// Something that happened to a care request.
pub struct Happening<'a> {
    /// What.
    pub kind: EventKind,
    /// The request, with the caretaker that is concerned.
    pub request: &'a care_request::Model,
    /// Who did it; `None` where time did.
    pub actor: Option<UserId>,
    /// Whom it concerns besides the owner and the caretaker.
    pub others: &'a [UserId],
    /// The plant it is about.
    pub plant: Option<PlantId>,
    /// The row it tells of.
    pub subject: Option<Uuid>,
    /// When it happened by the client's clock, if not now.
    pub occurred_at: Option<DateTime<Utc>>,
}

impl<'a> Happening<'a> {
    /// Something about the request itself.
    pub fn new(kind: EventKind, request: &'a care_request::Model, actor: Option<UserId>) -> Self {
        Self {
            kind,
            request,
            actor,
            others: &[],
            plant: None,
            subject: None,
            occurred_at: None,
        }
    }
}

impl Write<'_> {
    /// A new id.
    pub fn new_id(&self) -> Uuid {
        self.clock.new_id()
    }

    /// Inserts a row.
    pub async fn insert<R>(&self, row: impl IntoActiveModel<R>) -> Result<(), DbErr>
    where
        R: ActiveModelTrait,
    {
        // What was given is what is stored: nothing is asked back.
        let inserted = R::Entity::insert(row.into_active_model())
            .exec_without_returning(self.transaction)
            .await?;
        if inserted == 1 {
            Ok(())
        } else {
            Err(DbErr::RecordNotInserted)
        }
    }

    /// Has the write end with this row, together with its events: nothing that comes before reads it, and that it cannot
    /// be stored would be nobody's mistake.
    pub fn store<R>(&self, row: impl IntoActiveModel<R>)
    where
        R: ActiveModelTrait,
    {
        let insert = R::Entity::insert(row.into_active_model()).into_query();
        self.ending().rows.push(insert);
    }

    /// Has the write end with this event. It goes to the request's timeline, unless it is about an
    /// offer, to the board if it opens the request or ends that it is open, and to the feeds of all it
    /// concerns but the one who did it.
    pub fn record(&self, happening: &Happening<'_>) -> EventId {
        let id = EventId(self.new_id());
        let request = happening.request;
        let (level, in_timeline) = loudness(happening.kind);
        let concerned = [Some(request.owner_id), request.caretaker_id]
            .into_iter()
            .flatten();
        let mut feeds: Vec<_> = concerned
            .chain(happening.others.iter().copied())
            .filter(|user| Some(*user) != happening.actor)
            .map(Stream::User)
            .collect();
        feeds.sort_unstable();
        feeds.dedup();
        let timeline = in_timeline.then_some(Stream::Care(request.id));
        let board = is_on_board(happening.kind, request.status).then_some(Stream::Board);
        let event = NewEvent {
            id,
            kind: happening.kind,
            care_request: Some(request.id),
            plant: happening.plant,
            actor: happening.actor,
            subject: happening.subject,
            occurred_at: happening.occurred_at,
            traceparent: traces::current_traceparent(),
            places: timeline
                .into_iter()
                .chain(board)
                .chain(feeds)
                .map(|stream| (stream, level))
                .collect(),
        };
        self.append(event);
        if changes_access(happening.kind) {
            self.change_access([Stream::Care(request.id)]);
        }
        id
    }

    /// Has the write end with this event, in the streams that it names itself.
    pub fn append(&self, event: NewEvent) {
        self.ending().events.push(event);
    }

    /// Says that other members than before may read these streams: whoever follows one is authorised anew
    /// before she gets what comes from now on.
    pub fn change_access(&self, streams: impl IntoIterator<Item = Stream>) {
        self.ending().access_changed.extend(streams);
    }

    /// Has something done once the write is stored, and not otherwise, whoever still waits for it.
    pub fn after_commit(&self, act: impl FnOnce(&App) + Send + 'static) {
        let mut after = self.after.lock().unwrap_or_else(PoisonError::into_inner);
        after.push(Box::new(act));
    }

    fn ending(&self) -> std::sync::MutexGuard<'_, Ending> {
        self.ending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether an event is told on the board: it opens its request, or the request was open until now.
fn is_on_board(kind: EventKind, before: CareRequestStatus) -> bool {
    match kind {
        EventKind::RequestPublished
        | EventKind::RequestAccepted
        | EventKind::RequestExpired
        | EventKind::RequestReopened
        | EventKind::CaretakerWithdrew => true,
        EventKind::RequestCancelled => before == CareRequestStatus::Open,
        _ => false,
    }
}

/// Whether an event gives a request another caretaker, or none.
fn changes_access(kind: EventKind) -> bool {
    matches!(
        kind,
        EventKind::RequestAccepted | EventKind::RequestReopened | EventKind::CaretakerWithdrew
    )
}

/// How loud an event is, and whether it is in the request's timeline: what all its parties may know.
fn loudness(kind: EventKind) -> (Level, bool) {
    match kind {
        EventKind::RequestPublished | EventKind::CareRecorded => (Level::Info, true),
        EventKind::RequestAccepted
        | EventKind::CareStarted
        | EventKind::CareEnded
        | EventKind::CareConfirmed
        | EventKind::EndedEarly
        | EventKind::CommentAdded => (Level::Notice, true),
        EventKind::RequestCancelled | EventKind::RequestExpired | EventKind::RequestReopened => {
            (Level::Warning, true)
        }
        EventKind::CaretakerWithdrew => (Level::Critical, true),
        EventKind::OfferReceived | EventKind::OfferDeclined => (Level::Notice, false),
        EventKind::OfferWithdrawn | EventKind::SessionEnded | EventKind::MemberChanged => {
            (Level::Info, false)
        }
    }
}

impl App {
    /// Runs `work` in a write transaction, appends the events it recorded, commits, and wakes whoever
    /// follows their streams. All of it is done, whether the caller waits for its end or not.
    pub async fn write<C, T>(
        &self,
        name: &'static str,
        input: C,
        work: Work<C, T>,
    ) -> Result<(T, Vec<Appended>), Error>
    where
        C: Send + Sync + 'static,
        T: Send + 'static,
    {
        self.write_repeatably(name, false, input, work).await
    }

    /// [Writes](Self::write) what may be done again if nobody knows whether it was stored: it finds out by itself.
    pub(super) async fn write_repeatably<C, T>(
        &self,
        name: &'static str,
        is_repeatable: bool,
        input: C,
        work: Work<C, T>,
    ) -> Result<(T, Vec<Appended>), Error>
    where
        C: Send + Sync + 'static,
        T: Send + 'static,
    {
        let app = self.clone();
        let write = async move {
            let input = (app.clock.clone(), input, work);
            let (value, appended, after) = app
                .database
                .transact(
                    name,
                    is_repeatable,
                    &input,
                    |transaction, (clock, input, work)| {
                        Box::pin(async move {
                            let write = Write {
                                transaction,
                                now: clock.now(),
                                clock,
                                ending: Mutex::default(),
                                after: Mutex::default(),
                            };
                            let value = work(&write, input).await?;
                            let Write { ending, after, .. } = write;
                            let ending = ending.into_inner().unwrap_or_else(PoisonError::into_inner);
                            let after = after.into_inner().unwrap_or_else(PoisonError::into_inner);
                            let appended = log::append(transaction, clock, ending).await?;
                            Ok::<_, Error>((value, appended, after))
                        })
                    },
                )
                .await?;
            app.committed(&appended, after);
            Ok((value, appended))
        };
        self.database.in_task(write).await
    }

    /// Does what follows from a write that is stored.
    fn committed(&self, appended: &[Appended], after: Vec<AfterCommit>) {
        let mut counted = HashSet::new();
        for one in appended {
            // In several streams it still happened once.
            if counted.insert(one.entry.event.id) {
                self.telemetry.metrics.business.happened(one.entry.event.kind);
            }
        }
        self.hub.publish(appended);
        for one in appended {
            self.bus.tell(Wake::Moved(one.stream, one.entry.seq));
        }
        for act in after {
            act(self);
        }
    }

    /// Wakes the subscribers of this process and of all others.
    pub fn wake(&self, wake: Wake) {
        wake.tell(&self.hub);
        self.bus.tell(wake);
    }
}
