//! Subscribers who are told the same: an event is resolved once for all of them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_graphql::{Request, Response, Variables};
use futures_util::future::BoxFuture;
use tokio::sync::OnceCell;

use super::charges::{Charge, Charges};
use super::interned::Interned;
use super::lately::Lately;
use super::prepared::Prepared;
use super::{Board, Plan, Stage, ToTell, Told};
use crate::crypto;
use crate::entity::CareRequestId;
use crate::graphql::Api;
use crate::graphql::error::{ApiError, Exceeded, is_limited};
use crate::graphql::request::canonical;
use crate::graphql::scope::Caller;
use crate::live::{Message, Seat, Stream, Teller};

/// The operations and groups that are in use.
#[derive(Default)]
pub struct Groups {
    pub(super) operations: Interned<Prepared>,
    in_use: Interned<Group>,
    charges: Arc<Charges>,
}

/// One operation on behalf of one reader, or of all readers where it is the same for all.
pub(super) struct Group {
    pub api: Api,
    pub board: Option<Board>,
    pub field: &'static str,
    prepared: Arc<Prepared>,
    variables: Variables,
    caller: Caller,
    /// What one message costs, at most, and by whom that is counted.
    cost: usize,
    _charge: Option<Charge>,
    answers: Lately<Question, Cell>,
}

/// An answer, or the wait for it.
#[derive(Default)]
struct Cell {
    body: OnceCell<Option<Arc<str>>>,
    /// Whether somebody was told it.
    told: AtomicBool,
    crowd: Mutex<Crowd>,
}

/// Who waits for an answer that somebody is about to give.
#[derive(Default)]
struct Crowd {
    resolving: usize,
    waiting: Vec<Arc<Seat>>,
}

/// Whether others have an answer.
pub(super) enum Shared {
    /// They have; nothing within if there is nothing to tell.
    Here(Option<Answered>),
    /// One of them is about to; the seat is woken then.
    Soon,
    /// They have not.
    No,
}

/// An answer, and whether it was told to nobody yet.
pub(super) struct Answered {
    pub body: Arc<str>,
    pub is_first: bool,
}

/// Wakes whoever waits, however the resolving ends.
struct Resolving<'c>(&'c Cell);

impl Cell {
    fn answered(&self, body: Option<&Arc<str>>) -> Option<Answered> {
        body.map(|body| Answered {
            body: Arc::clone(body),
            is_first: !self.told.load(Ordering::Relaxed) && !self.told.swap(true, Ordering::Relaxed),
        })
    }

    fn resolving(&self) -> Resolving<'_> {
        self.crowd().resolving += 1;
        Resolving(self)
    }

    fn crowd(&self) -> std::sync::MutexGuard<'_, Crowd> {
        self.crowd.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Resolving<'_> {
    fn drop(&mut self) {
        let waiting = {
            let mut crowd = self.0.crowd();
            crowd.resolving -= 1;
            std::mem::take(&mut crowd.waiting)
        };
        for seat in waiting {
            seat.wake();
        }
    }
}

/// What an answer answers, if others may get it too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Question {
    Entry { tail: [u8; 8], seq: i64, skipped: i32 },
    CaughtUp { tail: [u8; 8], seq: i64 },
    Listed(CareRequestId),
}

impl Question {
    fn of(told: &Told) -> Option<Self> {
        match told {
            Told::Live(Message::Entry { cursor, skipped, .. }) => Some(Self::Entry {
                tail: cursor.tail,
                seq: cursor.seq,
                skipped: *skipped,
            }),
            Told::Live(Message::CaughtUp(cursor)) => Some(Self::CaughtUp {
                tail: cursor.tail,
                seq: cursor.seq,
            }),
            Told::Live(_) => None,
            Told::Listed(request) => Some(Self::Listed(request.id)),
        }
    }
}

/// An answer with errors: told to the one who asked, and to nobody else.
pub(super) struct Erroneous(pub Arc<str>);

impl Groups {
    /// The group of a subscription whose messages cost so much. Only the first in a group adds to what a member's
    /// subscriptions cost.
    pub(super) fn join(
        &self,
        api: &Api,
        (prepared, cost): (Arc<Prepared>, usize),
        request: &Request,
        caller: Caller,
        plan: &Plan,
    ) -> Result<Arc<Group>, ApiError> {
        let key = key(&prepared, request, &caller, plan.stream);
        self.in_use.get_or_make(key, || {
            let maximum = api.app().config.limits.event_cost;
            let charge = caller.viewer.member().map(|member| {
                let charged = self.charges.charge((member.id, plan.stream), cost, maximum);
                charged.map_err(|value| {
                    ApiError::LimitExceeded(Exceeded {
                        limit: "EVENT_COST",
                        value,
                        maximum,
                    })
                })
            });
            Ok(Group {
                api: api.clone(),
                board: plan.board.clone(),
                // The control stream's, which nobody can subscribe to, would be none.
                field: plan.stream.field().unwrap_or_default(),
                prepared,
                variables: request.variables.clone(),
                caller,
                cost,
                _charge: charge.transpose()?,
                answers: Lately::default(),
            })
        })
    }

    /// Lets go of the answers that are too old to be shared.
    pub fn forget_old(&self) {
        for group in self.in_use.all() {
            group.answers.forget_old();
        }
    }
}

/// What makes two subscriptions the same.
fn key(prepared: &Prepared, request: &Request, caller: &Caller, stream: Stream) -> [u8; 32] {
    let reader = match caller.viewer.member() {
        Some(member) if !prepared.is_shareable => {
            format!("{} {:?} {:?}", member.id, member.role, member.locale)
        }
        _ => String::new(),
    };
    let variables = canonical(&request.variables, prepared.after.as_deref());
    crypto::sha256_of(&[
        &prepared.fingerprint,
        stream.to_string().as_bytes(),
        &[0],
        reader.as_bytes(),
        &[0],
        &variables,
    ])
}

impl Group {
    /// The answer, if another has it already. If one is about to have it, `seat` is woken then: a thousand
    /// subscribers who are told the same wait without anything that runs.
    pub(super) fn shared(&self, told: &Told, seat: &Arc<Seat>) -> Shared {
        let cell = Question::of(told).and_then(|question| self.answers.find(&question));
        let Some(cell) = cell else {
            return Shared::No;
        };
        let answered = || {
            let body = cell.body.get()?;
            Some(Shared::Here(cell.answered(body.as_ref())))
        };
        // Nearly always it is there, and that takes no lock.
        if let Some(here) = answered() {
            return here;
        }
        let mut crowd = cell.crowd();
        if let Some(here) = answered() {
            return here;
        }
        if crowd.resolving == 0 {
            return Shared::No;
        }
        crowd.waiting.push(Arc::clone(seat));
        Shared::Soon
    }

    /// Resolves what is told, unless another has or is about to. There may be nothing to tell: it is not
    /// about the part that was asked for.
    pub(super) async fn resolve(&self, told: Told) -> Result<Option<Answered>, Erroneous> {
        match Question::of(&told) {
            None => Ok(self
                .run(told)
                .await?
                .map(|body| Answered { body, is_first: true })),
            Some(question) => {
                let cell = self.resolve_for_all(question, told).await?;
                Ok(cell.body.get().and_then(|body| cell.answered(body.as_ref())))
            }
        }
    }

    /// Resolves what is told so that it can be shared.
    async fn resolve_for_all(&self, question: Question, told: Told) -> Result<Arc<Cell>, Erroneous> {
        let cell = self.answers.find_or_ask(question);
        let resolving = cell.resolving();
        cell.body.get_or_try_init(|| self.run(told)).await?;
        drop(resolving);
        Ok(cell)
    }

    /// Resolves what will be told, unless it is resolved for each by herself.
    pub(super) async fn make_ready(&self, told: Told) -> Result<(), Erroneous> {
        match Question::of(&told) {
            None => Ok(()),
            Some(question) => self.resolve_for_all(question, told).await.map(drop),
        }
    }

    async fn run(&self, told: Told) -> Result<Option<Arc<str>>, Erroneous> {
        let message = ToTell {
            field: self.field,
            prepared: &self.prepared,
            variables: &self.variables,
            caller: self.caller,
            cause: told.cause(),
            cost: self.cost,
            stage: Stage::tell(told),
        };
        let turn = self.api.app().admission.resolution().await;
        let response = self.api.tell(message).await;
        drop(turn);
        match response {
            None => Ok(None),
            Some(response) => {
                // What is too large is too large for all, however often it is resolved.
                let is_final = response.is_ok() || is_limited(&response);
                let body = bytes(&response);
                if is_final {
                    Ok(Some(body))
                } else {
                    Err(Erroneous(body))
                }
            }
        }
    }
}

impl Teller for Group {
    fn prepare(self: Arc<Self>, message: Message) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            // What comes out with errors is resolved by each for herself.
            drop(self.make_ready(Told::Live(message)).await);
        })
    }
}

fn bytes(response: &Response) -> Arc<str> {
    // What was resolved is made of JSON's own kinds of values.
    serde_json::to_string(response).unwrap_or_default().into()
}
