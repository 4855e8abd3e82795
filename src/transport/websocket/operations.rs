//! The operations of one connection.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use async_graphql::Request;
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use opentelemetry::Context as TraceContext;
use opentelemetry::context::FutureExt as _;
use opentelemetry::trace::{SpanKind, TraceContextExt as _};
use slab::Slab;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::AbortOnDropHandle;

use super::message::{self, Id};
use crate::graphql::Api;
use crate::graphql::error::{ApiError, Exceeded};
use crate::graphql::live::{Following, Payload, Step};
use crate::graphql::scope::Caller;
use crate::live::Mailbox;
use crate::telemetry::traces::NewSpan;
use crate::transport::http::negotiate::has_run;

/// Queries and mutations of one connection that run at the same time, or whose answers wait to be written: what is kept for a
/// client that does not read is no more than so many answers.
const ANSWERS: usize = 8;

/// The operations of one connection, and the work that is under way for them.
///
/// At most one step of each subscription is under way, and nothing of it waits to be written: so a hot
/// one takes turns with all others, and one that is behind takes no memory for it.
pub(super) struct Operations {
    mailbox: Arc<Mailbox>,
    running: Slab<Operation>,
    work: FuturesUnordered<BoxFuture<'static, Done>>,
    started: u64,
    /// Those that the client has left before they were answered: they still count.
    left: usize,
    /// Places for answers; there are none before something is asked for.
    answering: Option<Arc<Semaphore>>,
}

struct Operation {
    /// Never given to another of this connection, unlike its place.
    serial: u64,
    id: Id,
    state: State,
}

enum State {
    /// A query or mutation that runs, or a subscription that is being opened.
    Working,
    /// A subscription; `None` while a step of it is under way.
    Following {
        following: Option<Box<Following>>,
        woken: bool,
    },
}

/// What came of a piece of work, and for which operation.
pub(super) struct Done {
    number: usize,
    serial: u64,
    outcome: Outcome,
}

enum Outcome {
    Answered(String, OwnedSemaphorePermit),
    Refused(Box<async_graphql::Response>),
    Opened(Box<Following>),
    Stepped(Box<Following>, Step),
}

/// A message to write.
pub(super) enum Outgoing {
    /// As it is.
    Text(String),
    /// An answer, which has a place among those that may wait to be written until it is dropped.
    Answer {
        text: String,
        _place: OwnedSemaphorePermit,
    },
    /// What a subscription is told, and by which number it is known.
    Next(usize, Payload),
}

impl Operations {
    pub(super) fn new(mailbox: Arc<Mailbox>) -> Self {
        Self {
            mailbox,
            running: Slab::new(),
            work: FuturesUnordered::new(),
            started: 0,
            left: 0,
            answering: None,
        }
    }

    /// Whether an id is in use.
    pub(super) fn has(&self, id: &Id) -> bool {
        self.number(id).is_some()
    }

    /// Starts an operation.
    pub(super) fn start(
        &mut self,
        api: &Api,
        id: Id,
        request: Request,
        caller: Caller,
        parent: TraceContext,
    ) -> Option<Outgoing> {
        let maximum = api.app().config.limits.subscriptions_per_connection;
        let busy = self.running.len() + self.left;
        if busy >= maximum {
            let error = ApiError::LimitExceeded(Exceeded {
                limit: "SUBSCRIPTIONS_PER_CONNECTION",
                value: busy + 1,
                maximum,
            });
            return Some(Outgoing::Text(message::error(&id, &error.into_response())));
        }
        self.started += 1;
        let serial = self.started;
        let state = State::Working;
        let number = self.running.insert(Operation { serial, id, state });
        let places = || Arc::new(Semaphore::new(ANSWERS));
        let answering = Arc::clone(self.answering.get_or_insert_with(places));
        let seat = (Arc::clone(&self.mailbox), number);
        let work = work(api.clone(), seat, request, caller, answering);
        let work = work.with_context(parent);
        self.work.push(Box::pin(async move {
            Done {
                number,
                serial,
                outcome: work.await,
            }
        }));
        None
    }

    /// Ends an operation, if there is one under the id.
    pub(super) fn stop(&mut self, id: &Id) {
        if let Some(number) = self.number(id) {
            let operation = self.running.remove(number);
            if matches!(operation.state, State::Working) {
                self.left += 1;
            }
        }
    }

    /// A piece of work that is done, if there is one.
    pub(super) fn poll_done(&mut self, cx: &mut Context<'_>) -> Option<Done> {
        if self.work.is_empty() {
            return None;
        }
        match self.work.poll_next_unpin(cx) {
            Poll::Ready(done) => done,
            Poll::Pending => None,
        }
    }

    /// Takes what came of a piece of work.
    pub(super) fn finish(&mut self, done: Done) -> Vec<Outgoing> {
        let number = done.number;
        let operation = match self.running.get_mut(number) {
            Some(operation) if operation.serial == done.serial => operation,
            // The client has stopped it meanwhile.
            _ => {
                if !matches!(done.outcome, Outcome::Stepped(..)) {
                    self.left -= 1;
                }
                return Vec::new();
            }
        };
        match done.outcome {
            Outcome::Answered(body, place) => {
                let operation = self.running.remove(number);
                let answer = message::next(&operation.id, &body).concat();
                let complete = message::complete(&operation.id);
                let answer = Outgoing::Answer {
                    text: answer,
                    _place: place,
                };
                vec![answer, Outgoing::Text(complete)]
            }
            Outcome::Refused(response) => {
                let operation = self.running.remove(number);
                vec![Outgoing::Text(message::error(&operation.id, &response))]
            }
            Outcome::Opened(following) => {
                following.wake();
                operation.state = State::Following {
                    following: Some(following),
                    woken: false,
                };
                Vec::new()
            }
            Outcome::Stepped(stepped, step) => {
                if let State::Following { following, woken } = &mut operation.state {
                    if std::mem::take(woken) {
                        stepped.wake();
                    }
                    *following = Some(stepped);
                }
                self.take(number, step).into_iter().collect()
            }
        }
    }

    /// Has the subscription look that was woken, at this time of the process's clock.
    pub(super) fn look(&mut self, number: usize, now: Duration) -> Option<Outgoing> {
        let operation = self.running.get_mut(number)?;
        let State::Following { following, woken } = &mut operation.state else {
            return None;
        };
        let Some(looking) = following else {
            *woken = true;
            return None;
        };
        if let Some(step) = looking.ready(now) {
            return self.take(number, step);
        }
        if let Some(following) = following.take() {
            let serial = operation.serial;
            self.work.push(Box::pin(async move {
                let (following, step) = following.step().await;
                Done {
                    number,
                    serial,
                    outcome: Outcome::Stepped(following, step),
                }
            }));
        }
        None
    }

    /// The id of the subscription that is known by a number.
    pub(super) fn id(&self, number: usize) -> Option<&Id> {
        self.running.get(number).map(|operation| &operation.id)
    }

    fn take(&mut self, number: usize, step: Step) -> Option<Outgoing> {
        match step {
            Step::Waiting => None,
            Step::Ended => {
                let operation = self.running.remove(number);
                Some(Outgoing::Text(message::complete(&operation.id)))
            }
            Step::Told(payload) => {
                let operation = &self.running[number];
                if payload.more
                    && let State::Following {
                        following: Some(following),
                        ..
                    } = &operation.state
                {
                    // There may be more; those that were woken before it come first.
                    following.wake();
                }
                Some(Outgoing::Next(number, payload))
            }
        }
    }

    fn number(&self, id: &Id) -> Option<usize> {
        let mut running = self.running.iter();
        running
            .find(|(_, operation)| operation.id == *id)
            .map(|(number, _)| number)
    }
}

/// Runs a query or mutation, or opens a subscription.
async fn work(
    api: Api,
    seat: (Arc<Mailbox>, usize),
    request: Request,
    caller: Caller,
    answering: Arc<Semaphore>,
) -> Outcome {
    let telemetry = Arc::clone(&api.app().telemetry);
    let span = telemetry.traces.begin(
        &TraceContext::current(),
        NewSpan::of(SpanKind::Server, "websocket operation", Vec::new()),
    );
    let outcome = carry_out(api, seat, request, caller, answering)
        .with_context(span.clone())
        .await;
    span.span().end();
    outcome
}

async fn carry_out(
    api: Api,
    (mailbox, number): (Arc<Mailbox>, usize),
    request: Request,
    caller: Caller,
    answering: Arc<Semaphore>,
) -> Outcome {
    match api.document(request) {
        Err(refusal) => Outcome::Refused(refusal),
        Ok(document) if document.is_subscription() => {
            let number = u32::try_from(number).unwrap_or(u32::MAX);
            match api.open(document, caller, &mailbox, number, None).await {
                Ok(following) => Outcome::Opened(following),
                Err(refusal) => Outcome::Refused(refusal),
            }
        }
        Ok(document) => {
            let Ok(place) = answering.acquire_owned().await else {
                return Outcome::Refused(Box::new(ApiError::ServerBusy.into_response()));
            };
            let changes = document.is_mutation();
            let tasks = api.app().tasks.clone();
            // On a task of its own: it must not keep this connection's streams waiting.
            let run = async move { api.run_in_turn(document, caller).await };
            let running = tasks.spawn(run.with_current_context());
            let answer = if changes {
                // Whoever starts a mutation and leaves has still started it.
                running.await
            } else {
                AbortOnDropHandle::new(running).await
            };
            match answer {
                Ok(response) if !has_run(&response) => Outcome::Refused(Box::new(response)),
                Ok(response) => {
                    Outcome::Answered(serde_json::to_string(&response).unwrap_or_default(), place)
                }
                Err(ended) => Outcome::Refused(Box::new(ApiError::internal(&ended).into_response())),
            }
        }
    }
}
