//! What fan-out is measured against: a server that does nothing but broadcast ready bytes.
//!
//! It speaks just enough of the protocol that the same client can be used: it acknowledges, tells each subscriber that
//! it has caught up, and sends what one client publishes to all who subscribed. It can also keep what was published last,
//! ready, and send it to each subscriber at its beginning: what coming back is measured against.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::json;
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::task::JoinSet;
use tokio_tungstenite::accept_hdr_async_with_config;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::{HeaderMap, HeaderValue};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use crate::failure::{Result, fail};

/// Messages a client may be behind.
const BEHIND: usize = 4096;

/// Connections that may wait to be accepted.
const WAITING: u32 = 4096;
/// Bytes that are written at once: all that is kept for a subscriber who comes back.
const AT_ONCE: usize = 128 << 10;

/// Serves until the process ends. Of what is published the last `kept` messages are sent to whoever subscribes.
pub async fn serve(address: SocketAddr, kept: usize) -> Result<()> {
    // tokio's own `bind` lets 128 wait, and whoever comes then tries again after a second.
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    let listener = socket.listen(WAITING)?;
    let ring = Ring {
        sender: broadcast::channel(BEHIND).0,
        messages: Arc::default(),
        kept,
    };
    let mut tasks = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await?;
        tasks.spawn(client(stream, ring.clone()));
        while tasks.try_join_next().is_some() {}
    }
}

/// What is published, and the last of it.
#[derive(Clone)]
struct Ring {
    sender: broadcast::Sender<Utf8Bytes>,
    messages: Arc<Mutex<VecDeque<Utf8Bytes>>>,
    kept: usize,
}

impl Ring {
    fn publish(&self, text: Utf8Bytes) {
        let mut messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        messages.push_back(text.clone());
        if messages.len() > self.kept {
            messages.pop_front();
        }
        // Nobody may listen yet.
        drop(self.sender.send(text));
    }

    /// What was kept, and what comes from now on.
    fn follow(&self) -> (Vec<Utf8Bytes>, broadcast::Receiver<Utf8Bytes>) {
        let messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        (messages.iter().cloned().collect(), self.sender.subscribe())
    }
}

#[expect(
    clippy::result_large_err,
    clippy::unnecessary_wraps,
    reason = "the handshake's callback has this type"
)]
fn choose(_: &Request, mut response: Response) -> std::result::Result<Response, ErrorResponse> {
    let headers: &mut HeaderMap = response.headers_mut();
    headers.insert(
        "Sec-WebSocket-Protocol",
        HeaderValue::from_static("graphql-transport-ws"),
    );
    Ok(response)
}

async fn client(stream: TcpStream, ring: Ring) -> Result<()> {
    stream.set_nodelay(true)?;
    let config = WebSocketConfig::default()
        .read_buffer_size(2048)
        .write_buffer_size(if ring.kept > 0 { AT_ONCE } else { 0 });
    let mut socket = accept_hdr_async_with_config(stream, choose, Some(config)).await?;
    let mut receiver = None;
    loop {
        let published = async {
            match &mut receiver {
                Some(receiver) => broadcast::Receiver::recv(receiver).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            published = published => match published {
                Ok(text) => socket.send(Message::Text(text)).await?,
                Err(RecvError::Lagged(count)) => return fail(format!("{count} messages behind")),
                Err(RecvError::Closed) => return Ok(()),
            },
            message = socket.next() => match message {
                Some(Ok(Message::Text(text))) if text.contains("\"connection_init\"") => {
                    socket.send(Message::text(json!({ "type": "connection_ack" }).to_string())).await?;
                }
                Some(Ok(Message::Text(text))) if text.contains("\"subscribe\"") => {
                    let (kept, published) = ring.follow();
                    receiver = Some(published);
                    for text in kept {
                        socket.feed(Message::Text(text)).await?;
                    }
                    let caught_up = json!({ "__typename": "StreamCaughtUp", "cursor": "" });
                    let payload = json!({ "data": { "careEvents": caught_up } });
                    let message = json!({ "type": "next", "id": "1", "payload": payload });
                    socket.send(Message::text(message.to_string())).await?;
                }
                Some(Ok(Message::Text(text))) => ring.publish(text),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Ok(()),
            },
        }
    }
}
