//! Server-sent events: any operation as `text/event-stream`, in the distinct connections mode of
//! `graphql-sse`, each event with its cursor as `id`, so that `Last-Event-ID` resumes.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use futures_util::future::{Either, select};
use opentelemetry::Context;
use opentelemetry::context::FutureExt as _;

use super::audience::Audience;
use super::http::negotiate::has_run;
use crate::graphql::Api;
use crate::graphql::document::Document;
use crate::graphql::json;
use crate::graphql::live::{Following, Step};
use crate::graphql::scope::Caller;
use crate::live::Mailbox;
use crate::live::reminders::Whom;
use crate::telemetry::metrics::{Delivery, EndedBy};

/// How often something is sent, so that no proxy takes the connection for dead.
const COMMENT_EVERY: Duration = Duration::from_secs(15);
/// The first thing sent: how long a browser waits before it comes back.
const OPENING: &str = "retry: 500\n: the stream is open\n\n";

/// Answers an operation with events. `last_event_id` is where a client was that comes back.
pub fn respond(
    api: Api,
    audience: Audience,
    caller: Caller,
    document: Document,
    last_event_id: Option<String>,
) -> Response {
    let comment_at = api.app().clock.elapsed() + COMMENT_EVERY;
    let events = Events {
        api,
        audience,
        comment_at,
        reminded: None,
        written: None,
        trace: Context::current(),
        state: State::Opening(Box::new((caller, document, last_event_id))),
    };
    stream(Body::from_stream(futures_util::stream::unfold(
        events,
        |events| {
            // It runs when the answer's body is written: in the trace of its request all the same.
            let trace = events.trace.clone();
            events.next().with_context(trace)
        },
    )))
}

/// A single answer, as events.
pub fn only(answer: &async_graphql::Response) -> Response {
    let told = written(answer, has_run(answer));
    stream(Body::from(event(&told, None) + &complete()))
}

fn stream(body: Body) -> Response {
    let fields = [
        (header::CONTENT_TYPE, "text/event-stream; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store, no-transform"),
        // Nginx would wait for more before it passes anything on.
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    (fields, body).into_response()
}

struct Events {
    api: Api,
    audience: Audience,
    comment_at: Duration,
    /// The next time that the reminders know of.
    reminded: Option<Duration>,
    /// What was given to be written last.
    written: Option<Delivery>,
    /// In which trace it is.
    trace: Context,
    state: State,
}

enum State {
    /// Nothing was sent yet.
    Opening(Box<(Caller, Document, Option<String>)>),
    /// The operation is to be run or opened.
    Starting(Box<(Caller, Document, Option<String>)>),
    Following(Box<Following>),
    /// Only the end is still to be told.
    Ending,
    Over,
}

impl Events {
    /// The next piece of the body. It is only asked for when the client has taken the one before, so that
    /// nothing piles up here.
    async fn next(mut self) -> Option<(Result<Bytes, Infallible>, Self)> {
        if let Some(delivery) = self.written.take() {
            // It was taken: only then the next is asked for.
            let app = self.api.app();
            let live = &app.telemetry.metrics.live;
            live.delivered(&delivery, app.clock.unix_micros());
        }
        loop {
            if self.has_to_end() {
                return None;
            }
            let (state, text) = match std::mem::replace(&mut self.state, State::Over) {
                State::Opening(start) => (State::Starting(start), OPENING.to_owned()),
                State::Starting(start) => self.start(*start).await,
                State::Following(following) => {
                    let mailbox = Arc::clone(&self.audience.mailbox);
                    let now = self.api.app().clock.elapsed();
                    match step(following, &mailbox, now).await {
                        None => return None,
                        Some((following, Step::Told(payload))) => {
                            let cursor = payload.cursor.map(|cursor| cursor.encode());
                            let text = event(&payload.body, cursor.as_deref());
                            self.written = payload.delivery;
                            following.wake();
                            (State::Following(following), text)
                        }
                        Some((following, Step::Waiting)) => {
                            self.state = State::Following(following);
                            if self.wait().await {
                                return Some((Ok(Bytes::from_static(b":\n\n")), self));
                            }
                            continue;
                        }
                        Some((_, Step::Ended)) => (State::Over, complete()),
                    }
                }
                State::Ending => (State::Over, complete()),
                State::Over => return None,
            };
            self.state = state;
            if !text.is_empty() {
                return Some((Ok(text.into()), self));
            }
        }
    }

    /// Runs a query or mutation, or opens a subscription.
    async fn start(&self, start: (Caller, Document, Option<String>)) -> (State, String) {
        let (caller, document, last_event_id) = start;
        let (answer, with_data) = if document.is_subscription() {
            let mailbox = &self.audience.mailbox;
            let opened = self
                .api
                .open(document, caller, mailbox, 0, last_event_id.as_deref());
            match opened.await {
                Ok(following) => return (State::Following(following), String::new()),
                // Even if it is a field that refuses it: no event has come, for which there could be data.
                Err(refusal) => (*refusal, false),
            }
        } else {
            let answer = self.api.run_in_turn(document, caller).await;
            let with_data = has_run(&answer);
            (answer, with_data)
        };
        (State::Ending, event(&written(&answer, with_data), None))
    }

    /// Waits until there is something to look at; says whether it is time for a comment.
    async fn wait(&mut self) -> bool {
        let app = self.api.app();
        let due = self
            .audience
            .expires
            .map_or(self.comment_at, |at| at.min(self.comment_at));
        if self.reminded != Some(due) {
            self.reminded = Some(due);
            let whom = Whom::Mailbox(Arc::downgrade(&self.audience.mailbox));
            app.hub.reminders.add(due, whom);
        }
        self.audience.mailbox.wait().await;
        while self.audience.mailbox.next().is_some() {}
        let now = app.clock.elapsed();
        if now < self.comment_at {
            return false;
        }
        self.comment_at = now + COMMENT_EVERY;
        true
    }

    /// Whether the stream breaks off, without `complete`: its client is to come back.
    fn has_to_end(&self) -> bool {
        let expired = self
            .audience
            .expires
            .is_some_and(|at| self.api.app().clock.elapsed() >= at);
        if expired {
            self.audience.mailbox.ends_by(EndedBy::TokenExpired);
        }
        expired || self.audience.mailbox.ending().is_some()
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.audience.note_end();
    }
}

/// One step of a subscription; nothing if the connection has to end before it is done.
async fn step(
    mut following: Box<Following>,
    mailbox: &Mailbox,
    now: Duration,
) -> Option<(Box<Following>, Step)> {
    if let Some(step) = following.ready(now) {
        return Some((following, step));
    }
    let mut stepping = pin!(following.step());
    loop {
        match select(stepping.as_mut(), pin!(mailbox.wait())).await {
            Either::Left((done, _)) => {
                // What woke meanwhile is looked at next.
                mailbox.wake();
                return Some(done);
            }
            Either::Right(_) if mailbox.ending().is_some() => return None,
            Either::Right(_) => {}
        }
    }
}

/// An answer as it is written everywhere: what has not run has no `data`.
fn written(answer: &async_graphql::Response, has_run: bool) -> String {
    String::from_utf8(json::of_response(answer, has_run)).unwrap_or_default()
}

/// An event with an answer. JSON as it is written here has no line breaks.
fn event(answer: &str, cursor: Option<&str>) -> String {
    match cursor {
        Some(cursor) => format!("event: next\nid: {cursor}\ndata: {answer}\n\n"),
        None => format!("event: next\ndata: {answer}\n\n"),
    }
}

/// The last event. Without data an `EventSource` would not tell of it.
fn complete() -> String {
    "event: complete\ndata:\n\n".to_owned()
}
