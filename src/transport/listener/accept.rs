//! Accepting connections, as long as there is any way to.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::to_bytes;
use axum::http::StatusCode;
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::attend::{Tasks, attend, builder, too_many};
use super::connection::Connection;
use super::doors::{Full, Place};
use super::peer::{House, Peer};
use super::spares::Spares;
use crate::graphql::error::ApiError;
use crate::telemetry::metrics::Refused;
use crate::telemetry::outage::Outage;
use crate::transport::address::speaks_for_others;
use crate::transport::http::refused;

/// How long it is waited before the next try, where the system lets nobody in.
const BREATH: Duration = Duration::from_millis(50);
/// Without an error for so long, an outage is over: while descriptors are short, every other try may succeed.
const QUIET: Duration = Duration::from_secs(5);
/// Of those who are refused, so many at a time are told so; the others are closed without a word.
const TOLD: usize = 32;
/// How long one who is refused may take to hear it.
const FAREWELL: Duration = Duration::from_secs(1);
/// A refusal's body is far smaller.
const REFUSAL_BYTES: usize = 4096;

/// What is done with the descriptors that are kept for when there are no others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reserve {
    /// Whoever comes then is let in all the same, so many at a time.
    ToServe(usize),
    /// Whoever comes then is closed at once, and does not wait for nothing.
    ToRefuse,
}

/// A listener and what it lets in.
pub struct Accepting {
    listener: TcpListener,
    house: Arc<House>,
    router: Router,
    serve: bool,
    spares: Spares,
    builder: Arc<Builder<Tasks>>,
    /// Every connection and what it does.
    open: TaskTracker,
    told: Arc<Semaphore>,
    refusals: Refusals,
    outage: Outage,
    failed_at: Option<Instant>,
}

/// What those are told, ready to be sent, who are not let in.
struct Refusals {
    all: Arc<[u8]>,
    address: Arc<[u8]>,
}

impl Accepting {
    /// Accepts from a listener, for a router. An outage is logged under the name of the `part`: several listen.
    pub async fn new(
        part: &'static str,
        listener: TcpListener,
        house: Arc<House>,
        router: Router,
        reserve: Reserve,
    ) -> Self {
        let open = TaskTracker::new();
        let (serve, spares) = match reserve {
            Reserve::ToServe(spares) => (true, spares),
            Reserve::ToRefuse => (false, 1),
        };
        let all = refused(StatusCode::SERVICE_UNAVAILABLE, ApiError::ServerBusy);
        let refusals = Refusals {
            all: written(all).await,
            address: written(too_many(house.doors.per_address())).await,
        };
        Self {
            listener,
            house,
            router,
            serve,
            spares: Spares::keep(spares),
            builder: Arc::new(builder(open.clone())),
            open,
            told: Arc::new(Semaphore::new(TOLD)),
            refusals,
            outage: Outage::of(part),
            failed_at: None,
        }
    }

    /// Lets in who comes until `stop`, and waits until all that was asked for is answered; from `cut` on nobody is
    /// waited for who keeps us waiting.
    pub async fn run(mut self, stop: CancellationToken, cut: CancellationToken) {
        loop {
            self.spares.refill();
            let accepted = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, address)) => {
                    self.note_success();
                    self.let_in(stream, address, (&stop, &cut));
                }
                Err(error) if is_its_own(&error) => {}
                Err(error) => self.without_room(error, (&stop, &cut)).await,
            }
        }
        // Nobody waits for a listener that is gone.
        drop(self.listener);
        self.open.close();
        self.open.wait().await;
    }

    fn note_success(&mut self) {
        if self.failed_at.is_some_and(|at| at.elapsed() >= QUIET) {
            self.failed_at = None;
            self.outage.note(&Ok::<_, io::Error>(()));
        }
    }

    /// The system has no room for another.
    async fn without_room(&mut self, error: io::Error, ends: (&CancellationToken, &CancellationToken)) {
        self.failed_at = Some(Instant::now());
        self.outage.note(&Err::<(), _>(error));
        self.house.metrics.refused(Refused::System);
        if self.spares.give() {
            let waiting = tokio::time::timeout(BREATH, self.listener.accept());
            if let Ok(Ok((stream, address))) = waiting.await {
                if self.serve {
                    self.let_in(stream, address, ends);
                }
                return;
            }
        }
        tokio::time::sleep(BREATH).await;
    }

    fn let_in(
        &self,
        stream: TcpStream,
        address: SocketAddr,
        (stop, cut): (&CancellationToken, &CancellationToken),
    ) {
        let place = match self.place(address.ip()) {
            Ok(place) => place,
            Err(full) => return self.refuse(stream, full),
        };
        self.house.metrics.accepted.inc();
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection may wait before it sends");
        }
        let peer = Peer::new(Arc::clone(&self.house), address, place);
        let connection = Connection::new(stream, Arc::clone(&peer));
        let ends = (stop.clone(), cut.clone());
        let (builder, router) = (Arc::clone(&self.builder), self.router.clone());
        self.open.spawn(attend(builder, connection, peer, router, ends));
    }

    /// A proxy's connections are its clients', who are counted when it has named them.
    fn place(&self, address: IpAddr) -> Result<Place, Full> {
        let house = &self.house;
        let is_own = !speaks_for_others(&house.config, address);
        house.doors.enter(is_own.then_some(address))
    }

    fn refuse(&self, mut stream: TcpStream, full: Full) {
        let (why, words) = match full {
            Full::All => (Refused::All, &self.refusals.all),
            Full::Address => (Refused::Address, &self.refusals.address),
        };
        self.house.metrics.refused(why);
        let Ok(told) = Arc::clone(&self.told).try_acquire_owned() else {
            return;
        };
        let words = Arc::clone(words);
        self.open.spawn(async move {
            let telling = async {
                stream.write_all(&words).await?;
                stream.shutdown().await?;
                // What it sent meanwhile is read away: closing over it would cut off what we said.
                let mut away = [0; 1024];
                while stream.read(&mut away).await? > 0 {}
                Ok::<_, io::Error>(())
            };
            let heard = tokio::time::timeout(FAREWELL, telling).await;
            tracing::trace!(heard = heard.is_ok(), "a connection was refused");
            drop(told);
        });
    }
}

/// Whether an error is the connection's that was to be accepted, and says nothing of the next.
fn is_its_own(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}

/// An answer as HTTP/1.1 has it, after which the connection is closed.
async fn written(answer: axum::response::Response) -> Arc<[u8]> {
    let (head, body) = answer.into_parts();
    let body = to_bytes(body, REFUSAL_BYTES).await.unwrap_or_default();
    let mut bytes = format!("HTTP/1.1 {}\r\nconnection: close\r\n", head.status).into_bytes();
    for (name, value) in &head.headers {
        bytes.extend_from_slice(name.as_str().as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
    bytes.extend_from_slice(&body);
    bytes.into()
}
