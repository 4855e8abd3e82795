//! One connection, from its first byte to its last.

use std::convert::Infallible;
use std::error::Error;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, Response, StatusCode, Version};
use futures_util::future::BoxFuture;
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper::service::Service;
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::body::{Answer, Asked};
use super::connection::Connection;
use super::doors::Place;
use super::peer::{Due, Open, Peer};
use crate::telemetry::metrics::Refused;
use crate::transport::address;
use crate::transport::http::full;

/// A request's line and headers: an address may hold a whole document with its variables, escaped.
const HEAD_BYTES: u32 = 64 * 1024;
/// Requests of one connection at the same time: what RFC 9113 (section 6.5.2) has as the least.
const STREAMS: u32 = 100;
/// Streams that a peer opens and resets before they were looked at.
const RESETS: usize = 20;
/// What a peer may send of one request's body, and of all its requests', before that is read.
const WINDOWS: (u32, u32) = (64 * 1024, 256 * 1024);
/// What is kept of one answer for a peer that shares its connection among many.
const SEND_BYTES: usize = 64 * 1024;
/// How often a peer that shares its connection is asked whether it is there, and how long it may take to say so.
const KEEP_ALIVE: (Duration, Duration) = (Duration::from_secs(20), Duration::from_secs(20));

/// Runs what a connection does beside itself: the requests that share it.
#[derive(Clone)]
pub(super) struct Tasks(pub(super) TaskTracker);

impl<F> Executor<F> for Tasks
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, task: F) {
        self.0.spawn(task);
    }
}

/// How connections are served: HTTP/1.1, or HTTP/2 by those who begin with its preface.
pub(super) fn builder(tasks: TaskTracker) -> Builder<Tasks> {
    let mut builder = Builder::new(Tasks(tasks));
    builder
        .http1()
        // Its deadlines are of the process's clock.
        .header_read_timeout(None)
        .max_buf_size(HEAD_BYTES as usize);
    builder
        .http2()
        .max_concurrent_streams(STREAMS)
        .max_pending_accept_reset_streams(RESETS)
        .max_header_list_size(HEAD_BYTES)
        .initial_stream_window_size(WINDOWS.0)
        .initial_connection_window_size(WINDOWS.1)
        .max_send_buf_size(SEND_BYTES)
        .timer(hyper_util::rt::TokioTimer::new())
        .keep_alive_interval(KEEP_ALIVE.0)
        .keep_alive_timeout(KEEP_ALIVE.1);
    builder
}

/// Serves a connection until its peer leaves, has to end, or the process stops: at once if nothing is open that was
/// asked for, and when `cut` is set also if it is the peer that is waited for.
pub(super) async fn attend(
    builder: Arc<Builder<Tasks>>,
    connection: Connection,
    peer: Arc<Peer>,
    router: Router,
    (stop, cut): (CancellationToken, CancellationToken),
) {
    let entrance = Entrance::new(router, Arc::clone(&peer));
    let mut serving = pin!(builder.serve_connection_with_upgrades(TokioIo::new(connection), entrance));
    let (mut stopped, mut was_cut) = (pin!(stop.cancelled()), pin!(cut.cancelled()));
    let (mut stops, mut is_cut) = (false, false);
    let mut watch = Watch { armed: None };
    poll_fn(|cx| {
        if !stops && stopped.as_mut().poll(cx).is_ready() {
            stops = true;
            serving.as_mut().graceful_shutdown();
        }
        if let Poll::Ready(served) = serving.as_mut().poll(cx) {
            if let Err(error) = served {
                if !is_its_lines(&*error) {
                    peer.is_not_understood();
                }
                tracing::debug!(%error, "a connection ended before its time");
            }
            return Poll::Ready(());
        }
        if stops {
            is_cut = is_cut || was_cut.as_mut().poll(cx).is_ready();
            if peer.has_nothing_open() || is_cut && peer.is_waited_for() {
                return Poll::Ready(());
            }
        }
        watch.poll(&peer, cx)
    })
    .await;
}

/// Whether a connection failed because it broke off, and not by what was said over it.
fn is_its_lines(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        let broke_off = |error: &hyper::Error| error.is_incomplete_message() || error.is_canceled();
        if error.is::<io::Error>() || error.downcast_ref().is_some_and(broke_off) {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Wakes a connection when its peer is due.
struct Watch {
    /// The next time at which it is looked, which may be before it is due: so that a timer is not set for each request.
    armed: Option<(Duration, BoxFuture<'static, ()>)>,
}

impl Watch {
    /// Ready when the peer has to end.
    fn poll(&mut self, peer: &Peer, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let at = match peer.due() {
                Due::Never => return Poll::Pending,
                Due::Now(late) => {
                    tracing::debug!(?late, peer = %peer.address(), "a connection was given up");
                    return Poll::Ready(());
                }
                Due::At(at) => at,
            };
            match &mut self.armed {
                Some((armed, timer)) if *armed <= at => match timer.as_mut().poll(cx) {
                    Poll::Ready(()) => self.armed = None,
                    Poll::Pending => return Poll::Pending,
                },
                armed => {
                    let clock = peer.house().clock.clone();
                    *armed = Some((at, Box::pin(async move { clock.reach(at).await })));
                }
            }
        }
    }
}

/// The way from a connection to the router: tells it whose a request is, and its connection when it is open.
struct Entrance {
    router: TowerToHyperService<Router>,
    peer: Arc<Peer>,
}

impl Entrance {
    fn new(router: Router, peer: Arc<Peer>) -> Self {
        Self {
            router: TowerToHyperService::new(router),
            peer,
        }
    }

    /// The answer to a request that would have to wait too long.
    fn turned_away(&self, request: &Request<Incoming>) -> Option<Response<Body>> {
        let shed = self.peer.house().shed.as_ref()?;
        shed(request, self.peer.address())
    }

    /// A place for whoever a proxy names, if one is needed.
    fn behind(&self, request: &Request<Incoming>) -> Result<Option<Place>, Box<Response<Body>>> {
        let peer = &self.peer;
        if !peer.speaks_for_others() {
            return Ok(None);
        }
        let house = peer.house();
        let Some(address) = address::named(&house.config, request.headers()) else {
            return Ok(None);
        };
        house.doors.enter_behind(address).map(Some).map_err(|_| {
            house.metrics.refused(Refused::Address);
            Box::new(too_many(house.doors.per_address()))
        })
    }
}

/// What one is answered whose address has too many connections.
pub(super) fn too_many(maximum: usize) -> Response<Body> {
    full("CONNECTIONS_PER_ADDRESS", maximum)
}

impl Service<Request<Incoming>> for Entrance {
    type Response = Response<Answer>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Answer>, Infallible>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let shares = request.version() == Version::HTTP_2;
        let (behind, refusal) = match self.turned_away(&request) {
            Some(refusal) => (None, Some(refusal)),
            None => match self.behind(&request) {
                Ok(behind) => (behind, None),
                Err(refusal) => (None, Some(*refusal)),
            },
        };
        let open = Open::begin(&self.peer, behind);
        if let Some(refusal) = refusal {
            let answer = refusal.map(|body| Answer::new(body, open, shares));
            return Box::pin(async move { Ok(answer) });
        }
        let address: SocketAddr = self.peer.address();
        request.extensions_mut().insert(ConnectInfo(address));
        request.extensions_mut().insert(Arc::clone(&self.peer));
        let request = request.map(|body| Body::new(Asked::new(body, Arc::clone(&self.peer))));
        let answering = self.router.call(request);
        Box::pin(async move {
            let answer = answering.await?;
            if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
                let (head, body) = answer.into_parts();
                return Ok(Response::from_parts(head, Answer::of_upgrade(body, open)));
            }
            Ok(answer.map(|body| Answer::new(body, open, shares)))
        })
    }
}
