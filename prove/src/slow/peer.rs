//! Peers that do not read as they should.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::tcp;
use crate::api::Care;
use crate::crowd::Sequence;
use crate::failure::{Result, fail};
use crate::message::{Kind, Message, Topic};
use crate::socket::Socket;

/// What the kernel may keep for a peer that does not read, in bytes.
const BUFFER: u32 = 4096;
/// How often the note is repeated in each entry: below the server's limit on aliases.
const TIMES: usize = 20;
const LOOK: Duration = Duration::from_millis(200);
/// How long it may take to get everything after a stop.
const PATIENCE: Duration = Duration::from_mins(1);

/// A peer that asks for a long log.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    server: SocketAddr,
    token: String,
    request: String,
    end: u64,
}

/// What became of one that stopped.
#[derive(Debug)]
pub(super) struct Stopped {
    /// Seconds from when the server could send no more until it had closed the connection, if it did.
    pub(super) closed_after: Option<f64>,
    /// Whether it then got the whole log, in order, coming back with its cursor.
    pub(super) whole: bool,
}

impl Peer {
    /// One that asks for this request's timeline, of so many entries.
    pub(super) fn new(server: SocketAddr, care: &Care, end: u64) -> Self {
        Self {
            server,
            token: care.owner.token.clone(),
            request: care.request.clone(),
            end,
        }
    }

    async fn ask(&self) -> Result<Socket> {
        let mut socket = Socket::open_with(self.server, &self.token, Some(BUFFER)).await?;
        let topic = Topic::Heavy(self.request.clone(), TIMES);
        socket.subscribe("1", &topic.payload(None)).await?;
        Ok(socket)
    }

    /// Does not read for a time, then reads what it was sent, and comes back for the rest.
    pub(super) async fn stop(self, time: Duration) -> Result<Stopped> {
        let mut socket = self.ask().await?;
        let until = Instant::now() + time;
        let closed_after = watch_close(self.server, socket.local_address()?, until).await?;
        tokio::time::sleep_until(until).await;
        let mut sequence = Sequence::default();
        let mut cursor = None;
        // What was on its way may come yet, up to the cut.
        let rest = self.read(&mut socket, &mut sequence, &mut cursor);
        let cut = matches!(timeout(PATIENCE, rest).await, Ok(Err(_)));
        if cut && sequence.last < self.end {
            let mut socket = Socket::open(self.server, &self.token).await?;
            let topic = Topic::Care(self.request.clone());
            socket.subscribe("1", &topic.payload(cursor.as_deref())).await?;
            let rest = self.read(&mut socket, &mut sequence, &mut cursor);
            if let Ok(read) = timeout(PATIENCE, rest).await {
                read?;
            }
        }
        Ok(Stopped {
            closed_after,
            whole: sequence.is_whole() && sequence.last == self.end,
        })
    }

    /// Reads to the end of the log.
    async fn read(
        &self,
        socket: &mut Socket,
        sequence: &mut Sequence,
        cursor: &mut Option<String>,
    ) -> Result<()> {
        while sequence.last < self.end {
            let text = socket.text().await?;
            let message = Message::read(&text);
            match (message.kind, message.seq()) {
                (Kind::Event, Some(seq)) => sequence.saw(seq),
                (Kind::CaughtUp | Kind::Position, _) => {}
                _ => return fail(format!("unexpected: {text}")),
            }
            *cursor = message.cursor().map(ToOwned::to_owned);
        }
        Ok(())
    }

    /// Reads a byte a second until the round is over or the server has closed.
    pub(super) async fn byte_a_second(self, mut over: watch::Receiver<bool>) -> Result<()> {
        let mut stream = self.ask().await?.into_stream();
        let mut byte = [0];
        loop {
            tokio::select! {
                _ = over.wait_for(|over| *over) => return Ok(()),
                () = sleep(Duration::from_secs(1)) => {}
            }
            if !matches!(timeout(PATIENCE, stream.read(&mut byte)).await, Ok(Ok(1))) {
                return Ok(());
            }
        }
    }
}

/// Looks, without reading, for the server to close: how long after it could send no more, if it does in time.
async fn watch_close(server: SocketAddr, peer: SocketAddr, until: Instant) -> Result<Option<f64>> {
    let mut queued = 0;
    let mut stuck = Instant::now();
    while Instant::now() < until {
        match tcp::state(server, peer)? {
            Some((tcp::ESTABLISHED, bytes)) => {
                if bytes > queued {
                    queued = bytes;
                    stuck = Instant::now();
                }
            }
            _ => return Ok(Some(stuck.elapsed().as_secs_f64())),
        }
        sleep(LOOK).await;
    }
    Ok(None)
}
