//! A proxy before a bus that can hold a wake-up back.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::failure::Result;
use crate::processes::free_address;

/// Bytes of a chunk's end that are looked at again with the next chunk.
const OVERLAP: usize = 16;

/// How a wake-up is known.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wire {
    /// By its connection: the one that has ever called NOTIFY sends nothing else. A statement that was prepared
    /// earlier is run without its text.
    Postgres,
    /// By its text.
    Nats,
}

impl Wire {
    fn marks(self) -> &'static [&'static [u8]] {
        match self {
            Self::Postgres => &[b"pg_notify", b"NOTIFY "],
            Self::Nats => &[b"PUB "],
        }
    }
}

/// A proxy before one address.
#[derive(Debug)]
pub(super) struct Proxy {
    address: SocketAddr,
    held: Arc<Held>,
    _tasks: JoinSet<Result<()>>,
}

#[derive(Debug)]
struct Held {
    armed: AtomicBool,
    caught: watch::Sender<Option<Instant>>,
}

/// The next wake-up that is held back.
pub(super) struct Caught(watch::Receiver<Option<Instant>>);

impl Caught {
    /// Waits for it: the moment.
    pub(super) async fn wait(&self) -> Instant {
        let mut caught = self.0.clone();
        match caught.wait_for(Option::is_some).await {
            Ok(moment) => moment.unwrap_or_else(Instant::now),
            Err(_) => std::future::pending().await,
        }
    }
}

impl Proxy {
    /// Starts it.
    pub(super) async fn start(target: &str, wire: Wire) -> Result<Self> {
        let address = free_address().await?;
        let listener = TcpListener::bind(address).await?;
        let held = Arc::new(Held {
            armed: AtomicBool::new(false),
            caught: watch::channel(None).0,
        });
        let mut tasks = JoinSet::new();
        let (target, shared) = (target.to_owned(), Arc::clone(&held));
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (client, _) = listener.accept().await?;
                let server = tokio::net::TcpStream::connect(&target).await?;
                client.set_nodelay(true)?;
                server.set_nodelay(true)?;
                let ((from, mut to), (mut back, there)) = (client.into_split(), server.into_split());
                connections.spawn(pass(from, there, wire, Arc::clone(&shared)));
                connections.spawn(async move { Ok(tokio::io::copy(&mut back, &mut to).await.map(|_| ())?) });
                while connections.try_join_next().is_some() {}
            }
        });
        Ok(Self {
            address,
            held,
            _tasks: tasks,
        })
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Holds back the next wake-up, and all that comes after it on its connection.
    pub(super) fn arm(&self) -> Caught {
        self.held.caught.send_replace(None);
        self.held.armed.store(true, Ordering::SeqCst);
        Caught(self.held.caught.subscribe())
    }
}

/// Passes on what a client sends, until it is to be held back.
async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, wire: Wire, held: Arc<Held>) -> Result<()> {
    let mut wakes = false;
    let mut seen: Vec<u8> = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = from.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        seen.drain(..seen.len().saturating_sub(OVERLAP));
        seen.extend_from_slice(&buffer[..count]);
        let marked = wire
            .marks()
            .iter()
            .any(|mark| seen.windows(mark.len()).any(|bytes| bytes == *mark));
        wakes = marked || wakes && matches!(wire, Wire::Postgres);
        if wakes && held.armed.swap(false, Ordering::SeqCst) {
            held.caught.send_replace(Some(Instant::now()));
            // Until the process that sends is dead, whose end closes this connection, too.
            while from.read(&mut buffer).await? > 0 {}
            return Ok(());
        }
        to.write_all(&buffer[..count]).await?;
    }
}
