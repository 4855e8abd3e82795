//! The peers: each keeps a connection of one hostile kind, and another when that was taken from it.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::failure::{Failure, Result};
use crate::processes::get;

/// What the kernel may keep for a peer that does not read, in bytes.
const BUFFER: u32 = 4096;
/// What a peer waits before it comes again: all of them together are not to be a flood of connections.
const PAUSE: Duration = Duration::from_secs(1);
/// How many pings are sent at once, and how long it is waited between: far more than a server that keeps its answers could bear,
/// 30 MB a second of all who do so.
const PINGS: (usize, Duration) = (200, Duration::from_millis(25));
/// Who speaks HTTP/2 begins with this, and with settings: the usual ones.
const HTTP2: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// What a peer does.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// Pings, and does not read.
    Pings,
    /// Asks as the protocol does whether the server is there, and does not read.
    Messages,
    /// Says nothing.
    Silent,
    /// Says half of what it wants.
    HalfHead,
    /// Says it line by line.
    Lines,
    /// Sends half of a body.
    HalfBody,
    /// Is answered once, and stays.
    Idle,
    /// The same over HTTP/2.
    IdleHttp2,
    /// Takes a large answer by the byte.
    SlowReader,
}

const KINDS: [Kind; 9] = [
    Kind::Pings,
    Kind::Messages,
    Kind::Silent,
    Kind::HalfHead,
    Kind::Lines,
    Kind::HalfBody,
    Kind::Idle,
    Kind::IdleHttp2,
    Kind::SlowReader,
];

/// Besieges a server until the process ends.
pub async fn besiege(server: SocketAddr, count: usize) -> Result<()> {
    let mut peers = all(server, count).await?;
    while peers.join_next().await.is_some() {}
    Ok(())
}

/// So many peers, of each kind as many.
pub(super) async fn all(server: SocketAddr, count: usize) -> Result<JoinSet<()>> {
    let large = large(server).await?;
    let mut peers = JoinSet::new();
    for kind in KINDS.iter().copied().cycle().take(count) {
        let large = large.clone();
        peers.spawn(async move {
            loop {
                // However it ends, it comes again.
                drop(keep(server, kind, &large).await);
                sleep(PAUSE).await;
            }
        });
    }
    Ok(peers)
}

/// The path of something large that is served to anybody.
async fn large(server: SocketAddr) -> Result<String> {
    let page = get(server, "/graphiql").await?;
    let path = page.split('"').find(|part| {
        part.starts_with("/graphiql/assets/index-") && part.split('.').next_back() == Some("js")
    });
    path.map(ToOwned::to_owned)
        .ok_or_else(|| Failure::new("the page has no script"))
}

async fn connect(server: SocketAddr) -> Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(BUFFER)?;
    Ok(socket.connect(server).await?)
}

/// Keeps one connection for as long as the server lets it.
async fn keep(server: SocketAddr, kind: Kind, large: &str) -> Result<()> {
    let mut stream = connect(server).await?;
    let live = format!("GET /health/live HTTP/1.1\r\nHost: {server}\r\n\r\n");
    match kind {
        Kind::Pings => {
            open_websocket(server, &mut stream).await?;
            let ping = [&[0x89, 0xfd, 0, 0, 0, 0], &[7; 125][..]].concat();
            return pour(stream, &ping.repeat(PINGS.0)).await;
        }
        Kind::Messages => {
            open_websocket(server, &mut stream).await?;
            let text = format!(
                "{{\"type\":\"ping\",\"payload\":{{\"x\":\"{}\"}}}}",
                "x".repeat(70)
            );
            let length = u8::try_from(text.len()).unwrap_or(125);
            let message = [&[0x81, 0x80 | length, 0, 0, 0, 0], text.as_bytes()].concat();
            return pour(stream, &message.repeat(PINGS.0)).await;
        }
        Kind::Silent => {}
        Kind::HalfHead => stream.write_all(&live.as_bytes()[..live.len() - 2]).await?,
        Kind::Lines => {
            stream.write_all(&live.as_bytes()[..live.len() - 2]).await?;
            loop {
                sleep(Duration::from_secs(6)).await;
                stream.write_all(b"X-More: 1\r\n").await?;
            }
        }
        Kind::HalfBody => {
            let head = format!(
                "POST /graphql HTTP/1.1\r\nHost: {server}\r\nContent-Type: application/json\r\nContent-Length: 200000\r\n\r\n"
            );
            stream.write_all(head.as_bytes()).await?;
            stream.write_all(&vec![b' '; 100_000]).await?;
        }
        Kind::Idle => stream.write_all(live.as_bytes()).await?,
        Kind::IdleHttp2 => stream.write_all(HTTP2).await?,
        Kind::SlowReader => {
            let asks = format!("GET {large} HTTP/1.1\r\nHost: {server}\r\nAccept-Encoding: gzip\r\n\r\n");
            stream.write_all(asks.as_bytes()).await?;
            loop {
                sleep(Duration::from_secs(1)).await;
                stream.read_u8().await?;
            }
        }
    }
    // Until the server ends it.
    let mut heard = [0; 512];
    while stream.read(&mut heard).await? > 0 {}
    Ok(())
}

/// Becomes a websocket of nobody knows whom, who has begun as the protocol has it.
async fn open_websocket(server: SocketAddr, stream: &mut TcpStream) -> Result<()> {
    let hello = format!(
        "GET /graphql HTTP/1.1\r\nHost: {server}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
    );
    stream.write_all(hello.as_bytes()).await?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(stream.read_u8().await?);
    }
    let begin = br#"{"type":"connection_init"}"#;
    let length = u8::try_from(begin.len()).unwrap_or(125);
    let message = [&[0x81, 0x80 | length, 0, 0, 0, 0], &begin[..]].concat();
    Ok(stream.write_all(&message).await?)
}

/// Sends the same again and again, and reads nothing.
async fn pour(mut stream: TcpStream, bytes: &[u8]) -> Result<()> {
    loop {
        stream.write_all(bytes).await?;
        sleep(PINGS.1).await;
    }
}
