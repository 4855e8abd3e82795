//! The socket itself: one writer with a deadline.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use futures_util::StreamExt as _;
use futures_util::future::{Either, select};

use super::close::Close;
use crate::app::App;
use crate::live::Mailbox;
use crate::live::reminders::Whom;
use crate::telemetry::metrics::EndedBy;
use crate::transport::listener::WRITE_DEADLINE;

/// How long a client may take to answer that the connection is closed.
const FAREWELL: Duration = Duration::from_secs(1);

/// A websocket, and what may interrupt writing to it.
pub(super) struct Socket {
    stream: WebSocket,
    mailbox: Arc<Mailbox>,
    app: App,
    /// When the reminders wake a writer that waits.
    reminded: Duration,
}

/// What was read from a client; `None` once it has left.
pub(super) type Read = Option<Result<Message, axum::Error>>;

/// The client is gone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gone;

impl Socket {
    pub(super) fn new(stream: WebSocket, mailbox: Arc<Mailbox>, app: App) -> Self {
        mailbox.begin_to_read();
        Self {
            stream,
            mailbox,
            app,
            reminded: Duration::ZERO,
        }
    }

    /// What there is to read, if there is something.
    pub(super) fn poll_read(&mut self) -> Option<Read> {
        let Self { stream, mailbox, .. } = self;
        mailbox.poll_read(|cx| stream.poll_next_unpin(cx))
    }

    /// Writes a message, unless the client does not take it in time, or the connection has to end while it
    /// does not.
    pub(super) async fn write(&mut self, message: Message) -> Result<(), Gone> {
        let Self {
            stream,
            mailbox,
            app,
            reminded,
        } = self;
        let mut sending = pin!(stream.send(message));
        // Nearly always the system takes it at once.
        if let Some(sent) = futures_util::future::poll_immediate(&mut sending).await {
            return sent.map_err(|_| Gone);
        }
        let reminders = &app.hub.reminders;
        let mut now = reminders.clock().elapsed();
        let deadline = now + WRITE_DEADLINE;
        loop {
            // One reminder at a time: that of a message before does as well.
            if *reminded <= now {
                *reminded = deadline;
                reminders.add(deadline, Whom::Mailbox(Arc::downgrade(mailbox)));
            }
            match select(&mut sending, pin!(mailbox.wait())).await {
                Either::Left((sent, _)) => {
                    // What woke meanwhile is looked at now.
                    mailbox.wake();
                    return sent.map_err(|_| Gone);
                }
                Either::Right(_) => {
                    now = reminders.clock().elapsed();
                    if now >= deadline {
                        mailbox.ends_by(EndedBy::WriteDeadline);
                        return Err(Gone);
                    }
                    if mailbox.ending().is_some() {
                        return Err(Gone);
                    }
                }
            }
        }
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
            Ok::<_, axum::Error>(())
        };
        let told = tokio::time::timeout(FAREWELL, told).await;
        tracing::debug!(?why, told = told.is_ok(), "a websocket was closed");
    }
}
