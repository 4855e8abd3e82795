//! The socket itself: one writer, for whom a client is not read that does not read.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::future::{Either, select};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::AsyncWrite;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{self, Message};

use super::close::Close;
use super::frame;
use crate::live::Mailbox;
use crate::transport::listener::{Connection, SEND_BUFFER};

/// How long a client may take to answer that the connection is closed.
const FAREWELL: Duration = Duration::from_secs(1);
/// What the system keeps of what a client is owed who does not read, as long as nothing is known of her: what she can have us
/// do is little, and small.
const SEND_BUFFER_OF_STRANGERS: usize = 4 * 1024;
/// What a thread keeps at most to put frames together in.
const SCRATCH_BYTES: usize = 64 * 1024;

thread_local! {
    /// Where a frame is put together that the system takes at once, as nearly all are: connections keep nothing for it.
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// A websocket, and what may interrupt writing to it.
pub(super) struct Socket {
    stream: WebSocketStream<Connection>,
    /// Whether the library may have something to write: it answers by itself what it reads.
    answers: bool,
    mailbox: Arc<Mailbox>,
}

/// What was read from a client; `None` once it has left.
pub(super) type Read = Option<Result<Message, tungstenite::Error>>;

/// The client is gone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gone;

impl Socket {
    pub(super) fn new(stream: WebSocketStream<Connection>, mailbox: Arc<Mailbox>) -> Self {
        mailbox.begin_to_read();
        stream.get_ref().set_send_buffer(SEND_BUFFER_OF_STRANGERS);
        Self {
            stream,
            answers: false,
            mailbox,
        }
    }

    /// A member has opened it, who may be owed as much as anybody.
    pub(super) fn is_a_members(&self) {
        self.stream.get_ref().set_send_buffer(SEND_BUFFER);
    }

    /// Whether the client was given up because it did not take what it is owed.
    pub(super) fn gave_up(&self) -> bool {
        self.stream.get_ref().gave_up()
    }

    /// What there is to read, if there is something. Nothing is read of a client that has not taken what it was answered
    /// before: else it could have us keep as much as it likes, only by asking whether we are there.
    pub(super) fn poll_read(&mut self) -> Option<Read> {
        let Self {
            stream,
            mailbox,
            answers,
            ..
        } = self;
        mailbox.poll_read(|cx| {
            if *answers && let Err(error) = ready!(stream.poll_flush_unpin(cx)) {
                return Poll::Ready(Some(Err(error)));
            }
            *answers = true;
            stream.poll_next_unpin(cx)
        })
    }

    /// Writes a text that comes in parts, unless the client does not take it in time, or the connection has to end
    /// while it does not.
    pub(super) async fn write(&mut self, parts: &[&str]) -> Result<(), Gone> {
        if self.answers {
            let Self { stream, mailbox, .. } = self;
            let flushing = async { stream.flush().await.map_err(|_| Gone) };
            unless_ended(flushing, mailbox).await?;
            self.answers = false;
        }
        let stream = self.stream.get_mut();
        let left = poll_fn(|cx| Poll::Ready(write_at_once(stream, parts, cx))).await?;
        if left.is_empty() {
            return Ok(());
        }
        let mut written = 0;
        let sending = poll_fn(|cx| poll_write(stream, &left, &mut written, cx));
        unless_ended(sending, &self.mailbox).await
    }

    /// Asks whether the client is there.
    pub(super) async fn ping(&mut self) -> Result<(), Gone> {
        let Self { stream, mailbox, .. } = self;
        let sending = async {
            let ping = Message::Ping(tungstenite::Bytes::new());
            stream.send(ping).await.map_err(|_| Gone)
        };
        unless_ended(sending, mailbox).await
    }

    /// Answers that the client closes the connection: reading on sends the library's answer.
    pub(super) async fn farewell(&mut self) {
        let read = async { while let Some(Ok(_)) = self.stream.next().await {} };
        let answered = tokio::time::timeout(FAREWELL, read).await;
        tracing::trace!(answered = answered.is_ok(), "a client closed its websocket");
    }

    /// Says why the connection is closed, and waits a moment for the client to have read it.
    pub(super) async fn close(mut self, why: &Close) {
        let told = async {
            self.stream.send(Message::Close(Some(why.frame()))).await?;
            // What the client sent meanwhile is read away: closing over it would cut off what we said.
            while let Some(Ok(_)) = self.stream.next().await {}
            Ok::<_, tungstenite::Error>(())
        };
        let told = tokio::time::timeout(FAREWELL, told).await;
        tracing::debug!(?why, told = told.is_ok(), "a websocket was closed");
    }
}

/// Writes what the system takes of a frame; gives what is left of it.
fn write_at_once(stream: &mut Connection, parts: &[&str], cx: &mut Context<'_>) -> Result<Box<[u8]>, Gone> {
    SCRATCH.with_borrow_mut(|frame| {
        frame.clear();
        frame::text(parts, frame);
        let mut written = 0;
        let left = match poll_write(stream, frame, &mut written, cx) {
            Poll::Ready(done) => done.map(|()| Box::default()),
            Poll::Pending => Ok(frame[written..].into()),
        };
        frame.shrink_to(SCRATCH_BYTES);
        left
    })
}

fn poll_write(
    stream: &mut Connection,
    bytes: &[u8],
    written: &mut usize,
    cx: &mut Context<'_>,
) -> Poll<Result<(), Gone>> {
    while *written < bytes.len() {
        match ready!(Pin::new(&mut *stream).poll_write(cx, &bytes[*written..])) {
            Ok(0) | Err(_) => return Poll::Ready(Err(Gone)),
            Ok(more) => *written += more,
        }
    }
    Poll::Ready(Ok(()))
}

/// Waits for something to be written, unless the connection has to end. How long the client may take is the
/// connection's to say.
async fn unless_ended(
    sending: impl Future<Output = Result<(), Gone>>,
    mailbox: &Arc<Mailbox>,
) -> Result<(), Gone> {
    let mut sending = pin!(sending);
    if let Some(sent) = futures_util::future::poll_immediate(&mut sending).await {
        return sent;
    }
    loop {
        match select(&mut sending, pin!(mailbox.wait())).await {
            Either::Left((sent, _)) => {
                // What woke meanwhile is looked at now.
                mailbox.wake();
                return sent;
            }
            Either::Right(_) if mailbox.ending().is_some() => return Err(Gone),
            Either::Right(_) => {}
        }
    }
}
