//! A subscription under way.

use std::sync::Arc;
use std::time::Duration;

use async_graphql::Response;
use async_graphql::futures_util::StreamExt as _;
use async_graphql::futures_util::future::{join, join_all};
use opentelemetry::trace::SpanContext;

use super::group::{Answered, Erroneous, Group, Shared};
use super::snapshot::Snapshot;
use super::{Stage, Told};
use crate::graphql::Api;
use crate::graphql::batches::with_batches;
use crate::graphql::discreet::discreet;
use crate::graphql::document::Document;
use crate::graphql::error::{ApiError, Exceeded, outcome, with_codes};
use crate::graphql::meter::Meter;
use crate::graphql::runnable::Ready;
use crate::graphql::scope::Caller;
use crate::graphql::timeline::cursor;
use crate::live::listeners::Subscription;
use crate::live::{Cursor, EndReason, Mailbox, Message, Next, Seat, Stream, Subscriber, Teller};
use crate::telemetry::metrics::{Counted, Delivery, EndedBy};
use crate::telemetry::operation::{Operation, Outcome};

/// How often a message is resolved that comes out with errors, before it is told with them.
const ATTEMPTS: u8 = 3;

/// Messages of a replay that are resolved together with the next: each waits for the database by itself.
const AHEAD: i64 = 8;

/// A subscription under way: a position, and what it shares with others who ask the same.
pub struct Following {
    subscriber: Subscriber,
    group: Arc<Group>,
    /// What is to be told and was not resolved yet.
    pending: Option<Box<Told>>,
    snapshot: Option<Box<Snapshot>>,
    attempts: u8,
    /// Why it has ended, if it has.
    ended: Option<EndedBy>,
    _counted: (Subscription, Counted),
}

impl Drop for Following {
    fn drop(&mut self) {
        let mailbox = self.subscriber.seat().mailbox();
        let why = self.ended.unwrap_or_else(|| mailbox.ended_by());
        let telemetry = &self.group.api.app().telemetry;
        telemetry.metrics.live.ended(self.group.field, why);
    }
}

/// What to send to a client.
#[derive(Clone, Debug)]
pub struct Payload {
    /// The GraphQL answer, as JSON.
    pub body: Arc<str>,
    /// The position after it, if it tells one.
    pub cursor: Option<Cursor>,
    /// The event that it tells of as it happens.
    pub delivery: Option<Delivery>,
    /// Whether there may be more at once; if not, its seat is woken when there is.
    pub more: bool,
}

/// What became of one step.
#[derive(Debug)]
pub enum Step {
    /// Send this; there may be more at once.
    Told(Payload),
    /// Nothing now; its seat is woken when there may be something.
    Waiting,
    /// There will be no more.
    Ended,
}

impl Api {
    /// Opens a subscription for a connection that knows it by `number`. Where a client was that comes back,
    /// if its transport says so, counts before what the operation asks for.
    pub async fn open(
        &self,
        document: Document,
        caller: Caller,
        mailbox: &Arc<Mailbox>,
        number: u32,
        last_event_id: Option<&str>,
    ) -> Result<Box<Following>, Box<Response>> {
        let operation = self.begin(&document, &caller);
        let turn = self.app().admission.subscription(caller.key()).await;
        let turn = match turn {
            Ok(turn) => turn,
            Err(busy) => {
                operation.end(Outcome::ServerError(ApiError::SERVER_BUSY));
                return Err(Box::new(ApiError::from(busy).into_response()));
            }
        };
        let meter = self.meter();
        let place = (mailbox, number);
        let opening = self.open_as((&operation, &meter), document, caller, place, last_event_id);
        let opening = with_batches(Box::pin(opening), &meter.loaded);
        let opened = operation.run.run(opening).await;
        drop(turn);
        operation.end(
            opened
                .as_ref()
                .map_or_else(|refusal| outcome(refusal), |_| Outcome::Ok),
        );
        opened
    }

    async fn open_as(
        &self,
        (operation, meter): (&Operation, &Arc<Meter>),
        mut document: Document,
        caller: Caller,
        (mailbox, number): (&Arc<Mailbox>, u32),
        last_event_id: Option<&str>,
    ) -> Result<Box<Following>, Box<Response>> {
        let refused = |error: ApiError| Box::new(error.into_response());
        let Ready { runnable, cost, .. } = self.ready(&mut document)?;
        let prepared = self.groups.operations.of(&runnable).map_err(refused)?;
        let written = self.kept_for_discretion(&document);
        let request = document.request;
        let stage = Stage::open();
        let opening = prepared.request(&request.variables);
        let opening = opening
            .data(self.scope(caller, operation.run.notes(), meter))
            .data(Arc::clone(&stage));
        let schema = if operation.run.is_looked_at_closely() {
            &self.observed
        } else {
            &self.schema
        };
        if let Some(response) = schema.execute_stream(opening).next().await {
            return Err(Box::new(with_codes(discreet(response, written.as_deref()))));
        }
        let Some(mut plan) = stage.plan() else {
            return Err(refused(ApiError::BadRequest("Nothing is selected.".to_owned())));
        };
        if let Some(id) = last_event_id {
            plan.begin_after(cursor(id, plan.stream).map_err(refused)?);
        }
        let Some(member) = caller.viewer.member() else {
            return Err(refused(ApiError::Unauthenticated));
        };
        let app = self.app();
        let maximum = app.config.limits.subscriptions_per_user;
        let counted = app.hub.control.listeners.subscribe(member.id, maximum);
        let counted = counted.map_err(|value| {
            refused(ApiError::LimitExceeded(Exceeded {
                limit: "SUBSCRIPTIONS_PER_USER",
                value: value + 1,
                maximum,
            }))
        })?;
        let group = self.groups.join(self, (prepared, cost), &request, caller, &plan);
        let group = group.map_err(refused)?;
        self.keep(&request, caller.address);
        let topic = app.hub.topic(plan.stream);
        let seat = Arc::new(Seat::new(Arc::clone(mailbox), number));
        let place = topic.sit(Arc::clone(&seat));
        let failed = |error| refused(ApiError::from(error));
        let control = &app.hub.control;
        let gate = topic
            .admit(member.id, plan.reader, control)
            .await
            .map_err(failed)?;
        if gate.is_closed() {
            return Err(refused(match plan.stream {
                Stream::Care(_) => ApiError::NotFound,
                _ => ApiError::Unauthenticated,
            }));
        }
        let hub = Arc::clone(&app.hub);
        let mut subscriber = Subscriber::begin(hub, place, seat, gate, plan.start)
            .await
            .map_err(failed)?;
        subscriber.at_least(plan.minimum);
        if let Some(per_second) = plan.latest {
            subscriber.latest(per_second);
        }
        let teller: Arc<dyn Teller> = Arc::<Group>::clone(&group);
        subscriber.join(&teller);
        let counted = (counted, app.telemetry.metrics.live.subscription(group.field));
        let from_snapshot = plan.board.is_some_and(|board| board.from_snapshot);
        Ok(Box::new(Following {
            subscriber,
            group,
            pending: None,
            snapshot: from_snapshot.then(Box::default),
            attempts: 0,
            ended: None,
            _counted: counted,
        }))
    }
}

impl Following {
    /// Has it look again, whatever became of a wake-up that came while it could not.
    pub fn wake(&self) {
        self.subscriber.seat().looking();
        self.subscriber.seat().wake();
    }

    /// The step that takes no waiting, if it is one, at this time of the process's clock.
    pub fn ready(&mut self, now: Duration) -> Option<Step> {
        self.subscriber.seat().looking();
        if self.snapshot.is_some() {
            return None;
        }
        loop {
            let (told, more) = match self.pending.take() {
                // What came since may have woken it already.
                Some(told) => (*told, true),
                None => match self.subscriber.look(now) {
                    Next::Tell(message) => (Told::Live(message), !self.subscriber.rests()),
                    Next::Wait => return Some(Step::Waiting),
                    Next::Over => return Some(Step::Ended),
                    Next::Load => return None,
                },
            };
            match self.group.shared(&told, self.subscriber.seat()) {
                Shared::Here(Some(answered)) => return Some(self.told(&told, answered, more)),
                Shared::Here(None) => self.subscriber.passed_over(),
                shared => {
                    self.pending = Some(Box::new(told));
                    return matches!(shared, Shared::Soon).then_some(Step::Waiting);
                }
            }
        }
    }

    /// The next step. What fails is tried again when the database answers again: nothing is left out.
    pub async fn step(mut self: Box<Self>) -> (Box<Self>, Step) {
        self.subscriber.seat().looking();
        let step = if let Ok(step) = self.try_step().await {
            step
        } else {
            let hub = &self.group.api.app().hub;
            hub.wake_with_database(self.subscriber.seat());
            Step::Waiting
        };
        (self, step)
    }

    async fn try_step(&mut self) -> Result<Step, Failed> {
        loop {
            if self.pending.is_none() && self.snapshot.is_some() {
                self.read_snapshot().await?;
            }
            let told = match self.pending.take() {
                Some(told) => told,
                None => match self.subscriber.look(self.group.api.app().clock.elapsed()) {
                    Next::Tell(message) => Box::new(Told::Live(message)),
                    Next::Wait => return Ok(Step::Waiting),
                    Next::Over => return Ok(Step::Ended),
                    Next::Load => {
                        self.subscriber.load().await.map_err(failed)?;
                        continue;
                    }
                },
            };
            let ahead = self.subscriber.ahead(AHEAD).into_iter();
            let ahead = join_all(ahead.map(|message| self.group.make_ready(Told::Live(message))));
            // What comes out of those with errors is resolved again when its turn comes.
            let (resolved, _) = join(self.group.resolve(copy(&told)), ahead).await;
            match resolved {
                Ok(Some(answered)) => return Ok(self.told(&told, answered, true)),
                Ok(None) => self.subscriber.passed_over(),
                Err(Erroneous(body)) => {
                    self.attempts += 1;
                    if self.attempts >= ATTEMPTS {
                        let is_first = true;
                        return Ok(self.told(&told, Answered { body, is_first }, true));
                    }
                    self.pending = Some(told);
                    return Err(Failed);
                }
            }
        }
    }

    /// Reads the next of what is open; at the end the log goes on.
    async fn read_snapshot(&mut self) -> Result<(), Failed> {
        let Some(snapshot) = &mut self.snapshot else {
            return Ok(());
        };
        if !std::mem::replace(&mut snapshot.begun, true) {
            // First the position, then what is open: what changes in between is told twice, and not lost.
            if let Err(error) = self.subscriber.skip_to_end().await {
                snapshot.begun = false;
                return Err(failed(error));
            }
        }
        let area = self.group.board.as_ref().and_then(|board| board.area.as_ref());
        let database = &self.group.api.app().database;
        match snapshot.next(database, area).await.map_err(failed)? {
            Some(request) => self.pending = Some(Box::new(Told::Listed(request))),
            None => self.snapshot = None,
        }
        Ok(())
    }

    /// What to send, and whether there may be more.
    fn told(&mut self, told: &Told, answered: Answered, more: bool) -> Step {
        let Answered { body, is_first } = answered;
        self.attempts = 0;
        let cursor = match told {
            Told::Live(message) => message.cursor().copied(),
            Told::Listed(_) => Some(Cursor::start(Stream::Board)),
        };
        if self.is_board_gap(told) {
            // What was missed is told as it is now.
            self.snapshot = Some(Box::default());
        }
        if let Told::Live(Message::Ended(reason)) = told {
            self.ended = Some(match reason {
                EndReason::AccessLost => EndedBy::AccessRevoked,
                EndReason::TrimmedAway => EndedBy::Complete,
            });
        }
        let delivery = told
            .event()
            .filter(|_| self.subscriber.is_live())
            .map(|event| Delivery {
                field: self.group.field,
                recorded_at: event.recorded_at.timestamp_micros(),
                // Of those who share an answer, one.
                trace: is_first
                    .then(|| told.cause().filter(SpanContext::is_sampled))
                    .flatten()
                    .map(|cause| cause.trace_id()),
            });
        Step::Told(Payload {
            body,
            cursor,
            delivery,
            more,
        })
    }

    fn is_board_gap(&self, told: &Told) -> bool {
        self.group.board.is_some() && matches!(told, Told::Live(Message::Gap { .. }))
    }
}

/// It could not be done now; why is in the log.
struct Failed;

#[expect(clippy::needless_pass_by_value, reason = "it maps errors")]
fn failed(error: sea_orm::DbErr) -> Failed {
    // Logged in full, and once for all streams, by whoever compares the hub with the database.
    tracing::debug!(%error, "a live stream waits for the database");
    Failed
}

fn copy(told: &Told) -> Told {
    match told {
        Told::Live(message) => Told::Live(message.clone()),
        Told::Listed(request) => Told::Listed(Arc::clone(request)),
    }
}
