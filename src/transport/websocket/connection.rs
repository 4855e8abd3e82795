//! One connection, from its first message to its close.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use opentelemetry::Context as TraceContext;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::{self, Message};

use super::close::{Close, TOKEN_EXPIRED};
use super::message::{self, FromClient};
use super::operations::{Done, Operations, Outgoing};
use super::socket::{Gone, Read, Socket};
use crate::graphql::Api;
use crate::graphql::error::ApiError;
use crate::graphql::scope::{Caller, Session};
use crate::live::mailbox::Ending;
use crate::live::reminders::Whom;
use crate::telemetry::metrics::EndedBy;
use crate::telemetry::traces;
use crate::transport::audience::Audience;
use crate::transport::listener;

/// How long a client may take to say who it is.
const INIT_DEADLINE: Duration = Duration::from_secs(3);
/// How often the server asks whether the client is still there.
const PING_EVERY: Duration = Duration::from_secs(20);
/// Pings in a row that a client may leave unanswered.
const PINGS: u32 = 2;
/// Subscriptions that look before the client is heard again.
const TURNS: usize = 16;

/// A websocket and what its client does over it.
pub(super) struct Connection {
    api: Api,
    /// Ends the connection with its session and its token.
    audience: Audience,
    session: Session,
    /// Who is asking, once that is known.
    caller: Option<Caller>,
    operations: Operations,
    /// The client's place in a trace, as it says in `connection_init`: its operations belong to it.
    trace: TraceContext,
    deadlines: Deadlines,
}

/// Times of the process's clock at which something is to be done.
struct Deadlines {
    /// The client must have said who it is.
    init: Option<Duration>,
    /// It is asked whether it is there.
    ping: Duration,
    unanswered: u32,
    /// The next that the reminders know of.
    reminded: Option<Duration>,
}

/// A piece of work that is done and what was read from the client, one of them at least. It is seldom that there is any:
/// of what is told to subscribers nothing is.
type Arrivals = Box<(Option<Done>, Option<Read>)>;

/// The connection ends.
enum End {
    /// By the server, which says why.
    Close(Close),
    /// There is nobody to say it to.
    Gone,
}

impl From<Gone> for End {
    fn from(_: Gone) -> Self {
        Self::Gone
    }
}

impl From<Close> for End {
    fn from(close: Close) -> Self {
        Self::Close(close)
    }
}

impl Connection {
    /// Serves a websocket until its client leaves or it has to end.
    pub(super) fn serve(
        api: Api,
        socket: WebSocketStream<listener::Connection>,
        audience: Audience,
        session: Session,
        speaks: bool,
    ) -> impl Future<Output = ()> + Send {
        let mut socket = Socket::new(socket, Arc::clone(&audience.mailbox));
        let now = api.app().clock.elapsed();
        let mut connection = Self {
            operations: Operations::new(Arc::clone(&audience.mailbox)),
            api,
            audience,
            session,
            trace: TraceContext::new(),
            caller: None,
            deadlines: Deadlines {
                init: Some(now + INIT_DEADLINE),
                ping: now + PING_EVERY,
                unanswered: 0,
                reminded: None,
            },
        };
        // They are part of what is run as they are; an async function would keep its arguments beside them.
        async move {
            let end = if speaks {
                connection.run(&mut socket).await
            } else {
                End::Close(Close::SubprotocolNotAcceptable)
            };
            Box::pin(connection.end(socket, end)).await;
        }
    }

    async fn end(self, socket: Socket, end: End) {
        if socket.gave_up() {
            self.audience.mailbox.ends_by(EndedBy::WriteDeadline);
        } else if let End::Close(why) = &end
            && let Some(why) = why.ends_streams_by()
        {
            self.audience.mailbox.ends_by(why);
        }
        // Its streams end before the last word is said; it is counted until after that.
        let Self {
            audience, operations, ..
        } = self;
        drop(operations);
        if let End::Close(why) = end {
            socket.close(&why).await;
        }
        drop(audience);
    }

    async fn run(&mut self, socket: &mut Socket) -> End {
        loop {
            if let Err(end) = self.turn(socket).await {
                return end;
            }
        }
    }

    /// Waits for something to do, and does it.
    async fn turn(&mut self, socket: &mut Socket) -> Result<(), End> {
        self.remind();
        if let Some(arrivals) = poll_fn(|cx| self.poll_turn(socket, cx)).await {
            // Apart: it would else be part of what every connection keeps.
            Box::pin(self.answer(socket, arrivals)).await?;
        }
        self.check_end()?;
        let now = self.keep_deadlines(socket).await?;
        for _ in 0..TURNS {
            let Some((number, is_last)) = self.audience.mailbox.next() else {
                return Ok(());
            };
            let number = usize::try_from(number).unwrap_or(usize::MAX);
            if let Some(outgoing) = self.operations.look(number, now) {
                self.write(socket, &outgoing).await?;
            }
            if is_last {
                return Ok(());
            }
        }
        // The rest after the client was heard.
        self.audience.mailbox.wake();
        Ok(())
    }

    /// Waits for a piece of work, for the client, or for the mailbox: whichever it is, the others have their turn, too.
    fn poll_turn(&mut self, socket: &mut Socket, cx: &mut Context<'_>) -> Poll<Option<Arrivals>> {
        let done = self.operations.poll_done(cx);
        let read = socket.poll_read();
        let stirred = self.audience.mailbox.poll_wait(cx).is_ready();
        if done.is_some() || read.is_some() {
            Poll::Ready(Some(Box::new((done, read))))
        } else if stirred {
            Poll::Ready(None)
        } else {
            Poll::Pending
        }
    }

    async fn answer(&mut self, socket: &mut Socket, arrivals: Arrivals) -> Result<(), End> {
        let (done, read) = *arrivals;
        if let Some(done) = done {
            for outgoing in self.operations.finish(done) {
                self.write(socket, &outgoing).await?;
            }
        }
        if let Some(read) = read {
            self.hear(socket, read).await?;
            // Whoever has sent a thousand messages at once must not keep others waiting until all are answered.
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    async fn write(&mut self, socket: &mut Socket, outgoing: &Outgoing) -> Result<(), End> {
        // Whoever's session has ended gets nothing more.
        self.check_end()?;
        match outgoing {
            Outgoing::Text(text) | Outgoing::Answer { text, .. } => socket.write(&[text]).await?,
            Outgoing::Next(number, payload) => {
                let Some(id) = self.operations.id(*number) else {
                    return Ok(());
                };
                socket.write(&message::next(id, &payload.body)).await?;
                if let Some(delivery) = &payload.delivery {
                    let app = self.api.app();
                    let live = &app.telemetry.metrics.live;
                    live.delivered(delivery, app.clock.unix_micros());
                }
            }
        }
        Ok(())
    }

    fn check_end(&self) -> Result<(), End> {
        match self.audience.mailbox.ending() {
            None => Ok(()),
            Some(Ending::Drained) => Err(Close::Restart.into()),
            Some(Ending::Displaced) => Err(Close::TryAgainLater.into()),
            Some(Ending::SessionEnded) => Err(Close::Forbidden("session ended").into()),
        }
    }

    async fn hear(&mut self, socket: &mut Socket, read: Read) -> Result<(), End> {
        self.deadlines.unanswered = 0;
        match read {
            Some(Ok(Message::Text(text))) => {
                let maximum = self.api.app().config.limits.websocket_message_bytes;
                if text.len() > maximum {
                    return Err(too_large(maximum));
                }
                let message = FromClient::read(&text).map_err(Close::BadRequest)?;
                self.obey(socket, message).await
            }
            Some(Ok(Message::Binary(_))) => {
                Err(Close::BadRequest("Messages are text, not binary.".to_owned()).into())
            }
            // The library answers pings by itself.
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Ok(()),
            Some(Ok(Message::Close(_))) => {
                socket.farewell().await;
                Err(End::Gone)
            }
            None => Err(End::Gone),
            Some(Err(error)) => {
                tracing::debug!(%error, "a websocket could not be read");
                Err(match &error {
                    tungstenite::Error::Capacity(_) => {
                        too_large(self.api.app().config.limits.websocket_message_bytes)
                    }
                    // It went away without a word.
                    tungstenite::Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => End::Gone,
                    error @ (tungstenite::Error::Protocol(_) | tungstenite::Error::Utf8(_)) => {
                        Close::BadRequest(format!("This is no message: {error}")).into()
                    }
                    _ => End::Gone,
                })
            }
        }
    }

    async fn obey(&mut self, socket: &mut Socket, message: FromClient) -> Result<(), End> {
        match message {
            FromClient::Ping(payload) => {
                let pong = message::pong(payload.as_deref());
                Ok(socket.write(&[&pong]).await?)
            }
            FromClient::Pong => Ok(()),
            FromClient::Init(_) if self.deadlines.init.is_none() => Err(Close::TooManyInits.into()),
            FromClient::Init(payload) => {
                self.deadlines.init = None;
                let caller = self.authenticate(&payload).await?;
                self.caller = Some(caller);
                self.check_end()?;
                if caller.viewer.member().is_some() {
                    socket.is_a_members();
                }
                Ok(socket.write(&[message::ACK]).await?)
            }
            FromClient::Subscribe(id, request) => {
                let Some(caller) = self.caller else {
                    return Err(Close::Unauthorized.into());
                };
                if self.operations.has(&id) {
                    return Err(Close::SubscriberExists(id.as_json().to_owned()).into());
                }
                let trace = self.trace.clone();
                match self.operations.start(&self.api, id, *request, caller, trace) {
                    Some(outgoing) => self.write(socket, &outgoing).await,
                    None => Ok(()),
                }
            }
            FromClient::Complete(id) => {
                self.operations.stop(&id);
                Ok(())
            }
        }
    }

    /// Who is asking, by the payload of `connection_init`.
    async fn authenticate(&mut self, payload: &serde_json::Value) -> Result<Caller, End> {
        let field = |name| payload.get(name).and_then(serde_json::Value::as_str);
        let authorization = field("authorization").or_else(|| field("Authorization"));
        self.trace = traces::remote(field("traceparent"));
        self.audience.listen_by_token(&self.api, authorization);
        self.session.authorization = authorization.map(ToOwned::to_owned);
        let caller = self
            .api
            .caller(&self.session)
            .await
            .map_err(|error| match error {
                ApiError::Unauthenticated => Close::Forbidden("the token is not valid"),
                _ => Close::TryAgainLater,
            })?;
        let place = self.audience.belongs_to(&self.api, &caller);
        place.map_err(|_| Close::TryAgainLater)?;
        Ok(caller)
    }

    /// Does what is due; says what time it is.
    async fn keep_deadlines(&mut self, socket: &mut Socket) -> Result<Duration, End> {
        let now = self.api.app().clock.elapsed();
        if self.deadlines.init.is_some_and(|deadline| now >= deadline) {
            return Err(Close::InitTimeout.into());
        }
        if self.audience.expires.is_some_and(|deadline| now >= deadline) {
            return Err(Close::Forbidden(TOKEN_EXPIRED).into());
        }
        if now >= self.deadlines.ping {
            if self.deadlines.unanswered == PINGS {
                return Err(Close::Gone.into());
            }
            self.deadlines.unanswered += 1;
            self.deadlines.ping = now + PING_EVERY;
            socket.ping().await?;
        }
        Ok(now)
    }

    /// Has the connection woken for its next deadline.
    fn remind(&mut self) {
        let deadlines = &mut self.deadlines;
        let next = [deadlines.init, self.audience.expires]
            .into_iter()
            .flatten()
            .fold(deadlines.ping, Duration::min);
        if deadlines.reminded != Some(next) {
            deadlines.reminded = Some(next);
            let whom = Whom::Mailbox(Arc::downgrade(&self.audience.mailbox));
            self.api.app().hub.reminders.add(next, whom);
        }
    }
}

fn too_large(maximum: usize) -> End {
    Close::BadRequest(format!("A message is larger than {maximum} bytes.")).into()
}
