//! What fan-out is measured against: a server that does nothing but broadcast ready bytes.
//!
//! It speaks just enough of the protocol that the same client can be used: it acknowledges, tells each subscriber that
//! it has caught up, and sends what one client publishes to all who subscribed.

use std::net::SocketAddr;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
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

/// Serves until the process ends.
pub async fn serve(address: SocketAddr) -> Result<()> {
    let listener = TcpListener::bind(address).await?;
    let (sender, _) = broadcast::channel(BEHIND);
    let mut tasks = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await?;
        tasks.spawn(client(stream, sender.clone()));
        while tasks.try_join_next().is_some() {}
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

async fn client(stream: TcpStream, sender: broadcast::Sender<Utf8Bytes>) -> Result<()> {
    stream.set_nodelay(true)?;
    let config = WebSocketConfig::default()
        .read_buffer_size(2048)
        .write_buffer_size(0);
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
                    receiver = Some(sender.subscribe());
                    let caught_up = json!({ "__typename": "StreamCaughtUp", "cursor": "" });
                    let payload = json!({ "data": { "careEvents": caught_up } });
                    let message = json!({ "type": "next", "id": "1", "payload": payload });
                    socket.send(Message::text(message.to_string())).await?;
                }
                // Nobody may listen yet.
                Some(Ok(Message::Text(text))) => drop(sender.send(text)),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Ok(()),
            },
        }
    }
}
