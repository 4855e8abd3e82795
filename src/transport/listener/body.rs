//! Bodies that have to go on: what a request brings, and what it is answered with.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::BoxError;
use axum::body::{Body, Bytes, HttpBody};
use futures_util::future::BoxFuture;
use hyper::body::{Frame, Incoming, SizeHint};

use super::pace::Pace;
use super::peer::{Open, Peer};
use crate::telemetry::metrics::Late;

/// What is handed on at once of an answer where requests share a connection: so that it shows whether it is taken.
const PIECE: usize = 16 * 1024;

/// The body of a request did not come in time.
#[derive(Debug, thiserror::Error)]
#[error("the body came too slowly")]
pub struct TooSlow;

/// The body of a request, which has to come at some pace.
pub(super) struct Asked {
    body: Incoming,
    peer: Arc<Peer>,
    waiting: Option<Waiting>,
}

struct Waiting {
    pace: Pace,
    timer: Option<BoxFuture<'static, ()>>,
}

impl Asked {
    pub(super) fn new(body: Incoming, peer: Arc<Peer>) -> Self {
        Self {
            body,
            peer,
            waiting: None,
        }
    }
}

impl HttpBody for Asked {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        let house = this.peer.house();
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) {
            if let Some(waiting) = &mut this.waiting {
                let bytes = match &frame {
                    Some(Ok(frame)) => frame.data_ref().map_or(0, Bytes::len),
                    _ => 0,
                };
                waiting.pace.went_on(
                    bytes,
                    house.config.limits.body_bytes_per_second,
                    house.clock.elapsed(),
                );
                waiting.timer = None;
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let peer = &this.peer;
        let waiting = this.waiting.get_or_insert_with(|| {
            peer.is_awaited(true);
            Waiting {
                pace: Pace::begin(house.clock.elapsed()),
                timer: None,
            }
        });
        let timer = waiting.timer.get_or_insert_with(|| {
            let (clock, until) = (house.clock.clone(), waiting.pace.until());
            Box::pin(async move { clock.reach(until).await })
        });
        ready!(timer.as_mut().poll(cx));
        waiting.timer = None;
        house.metrics.gave_up(Late::Body);
        Poll::Ready(Some(Err(TooSlow.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        if self.waiting.is_some() {
            self.peer.is_awaited(false);
        }
    }
}

/// The body of an answer; its request is open until this is dropped.
pub(super) struct Answer {
    body: Body,
    open: Option<Open>,
    pieces: Option<Pieces>,
}

/// Where the connection alone does not tell whether an answer is taken.
#[derive(Default)]
struct Pieces {
    rest: Bytes,
}

impl Answer {
    pub(super) fn new(body: Body, open: Open, shares: bool) -> Self {
        Self {
            body,
            open: Some(open),
            pieces: shares.then(Pieces::default),
        }
    }

    /// The answer after which HTTP is left: whoever is behind a proxy is counted for as long as the connection is.
    pub(super) fn of_upgrade(body: Body, open: Open) -> Self {
        open.keep();
        Self {
            body,
            open: None,
            pieces: None,
        }
    }
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Self { body, open, pieces } = &mut *self;
        let Some(Pieces { rest }) = pieces else {
            return Pin::new(body).poll_frame(cx);
        };
        // It is asked for when the piece before has gone.
        if let Some(open) = open {
            open.was_taken();
        }
        if rest.is_empty() {
            match ready!(Pin::new(body).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => *rest = data,
                    Err(frame) => return Poll::Ready(Some(Ok(frame))),
                },
                end => return Poll::Ready(end),
            }
        }
        let piece = rest.split_to(rest.len().min(PIECE));
        if let Some(open) = open {
            open.owes();
        }
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.as_ref().is_none_or(|pieces| pieces.rest.is_empty()) && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = self.body.size_hint();
        if let Some(Pieces { rest }) = &self.pieces {
            let rest = rest.len() as u64;
            if let Some(upper) = hint.upper() {
                hint.set_upper(upper + rest);
            }
            hint.set_lower(hint.lower() + rest);
        }
        hint
    }
}
