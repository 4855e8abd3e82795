//! A connection whose peer is given up when it does not take what it is owed.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::pace::Pace;
use super::peer::Peer;

/// A connection that fails when its peer takes nothing for [`GRACE`](super::GRACE), or too little for longer.
pub struct Connection {
    stream: TcpStream,
    peer: Arc<Peer>,
    /// While a write waits for the peer, or did a moment ago.
    waiting: Option<Box<Waiting>>,
    /// Whether HTTP is spoken: what is read is then of requests.
    is_http: bool,
}

struct Waiting {
    pace: Pace,
    /// Until what `pace` said when it was begun.
    timer: Option<BoxFuture<'static, ()>>,
}

impl Connection {
    pub(super) fn new(stream: TcpStream, peer: Arc<Peer>) -> Self {
        Self {
            stream,
            peer,
            waiting: None,
            is_http: true,
        }
    }

    /// It is spoken over in another way from here on, and HTTP's deadlines are over.
    pub fn leave_http(&mut self) {
        self.is_http = false;
    }

    /// How many bytes the system keeps for a peer that does not read; it takes twice as many.
    pub fn set_send_buffer(&self, bytes: usize) {
        if let Err(error) = SockRef::from(&self.stream).set_send_buffer_size(bytes) {
            tracing::debug!(%error, "a connection's send buffer stays as it is");
        }
    }

    /// Whether the peer was given up because it did not take what it is owed.
    pub fn gave_up(&self) -> bool {
        self.peer.gave_up()
    }

    fn within_deadline(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match &written {
            Poll::Ready(done) => {
                if let Some(waiting) = &mut self.waiting {
                    let house = self.peer.house();
                    let (bytes, rate) = (
                        *done.as_ref().unwrap_or(&0),
                        house.config.limits.body_bytes_per_second,
                    );
                    let keeps_up = waiting.pace.went_on(bytes, rate, house.clock.elapsed());
                    waiting.timer = None;
                    self.peer.is_blocked(false);
                    if keeps_up {
                        self.waiting = None;
                    }
                }
                written
            }
            Poll::Pending => {
                let clock = &self.peer.house().clock;
                let waiting = self.waiting.get_or_insert_with(|| {
                    Box::new(Waiting {
                        pace: Pace::begin(clock.elapsed()),
                        timer: None,
                    })
                });
                let peer = &self.peer;
                let timer = waiting.timer.get_or_insert_with(|| {
                    peer.is_blocked(true);
                    let (clock, until) = (clock.clone(), waiting.pace.until());
                    Box::pin(async move { clock.reach(until).await })
                });
                if timer.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                // What is written after this fails in the same way.
                if !self.peer.gave_up() {
                    self.peer.give_up();
                }
                waiting.timer = None;
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, into);
        if self.is_http && into.filled().len() > before {
            self.peer.was_heard(&into.filled()[before..]);
        }
        read
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.within_deadline(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, pieces);
        self.within_deadline(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
