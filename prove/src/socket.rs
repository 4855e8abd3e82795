//! A light websocket client that speaks `graphql-transport-ws`: many thousands fit into one process.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Utf8Bytes};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::failure::{Failure, Result, fail};

/// How long a connection may take to be made and acknowledged.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// An open and acknowledged websocket.
#[derive(Debug)]
pub struct Socket(WebSocketStream<TcpStream>);

impl Socket {
    /// Connects and initialises.
    pub async fn open(server: SocketAddr, token: &str) -> Result<Self> {
        Self::open_with(server, token, None).await
    }

    /// The same with a receive buffer of so many bytes in the kernel, so that a peer that does not read is soon felt.
    pub async fn open_with(server: SocketAddr, token: &str, buffer: Option<u32>) -> Result<Self> {
        match timeout(PATIENCE, Self::connect(server, token, buffer)).await {
            Ok(opened) => opened,
            Err(_) => fail(format!("a websocket was not acknowledged within {PATIENCE:?}")),
        }
    }

    async fn connect(server: SocketAddr, token: &str, buffer: Option<u32>) -> Result<Self> {
        let socket = TcpSocket::new_v4()?;
        if let Some(bytes) = buffer {
            // Before the connection is made, or the window is wide already.
            socket.set_recv_buffer_size(bytes)?;
        }
        let stream = socket.connect(server).await?;
        stream.set_nodelay(true)?;
        let mut request = format!("ws://{server}/graphql").into_client_request()?;
        let protocol = HeaderValue::from_static("graphql-transport-ws");
        request.headers_mut().insert("Sec-WebSocket-Protocol", protocol);
        let config = WebSocketConfig::default()
            .read_buffer_size(2048)
            .write_buffer_size(0);
        let (stream, _) = client_async_with_config(request, stream, Some(config)).await?;
        let mut socket = Self(stream);
        let payload = json!({ "authorization": format!("Bearer {token}") });
        socket
            .send(&json!({ "type": "connection_init", "payload": payload }))
            .await?;
        match socket.text().await? {
            text if text.contains("\"connection_ack\"") => Ok(socket),
            text => fail(format!("not acknowledged but: {text}")),
        }
    }

    /// Starts an operation.
    pub async fn subscribe(&mut self, id: &str, payload: &Value) -> Result<()> {
        self.send(&json!({ "id": id, "type": "subscribe", "payload": payload }))
            .await
    }

    /// Sends a message.
    pub async fn send(&mut self, message: &Value) -> Result<()> {
        Ok(self
            .0
            .send(tungstenite::Message::text(message.to_string()))
            .await?)
    }

    /// The next message; pings are answered on the way.
    pub async fn text(&mut self) -> Result<Utf8Bytes> {
        loop {
            match self.0.next().await {
                Some(Ok(tungstenite::Message::Text(text))) => {
                    if text.len() < 256 && text.contains("\"type\":\"ping\"") {
                        self.send(&json!({ "type": "pong" })).await?;
                        continue;
                    }
                    return Ok(text);
                }
                Some(Ok(tungstenite::Message::Close(frame))) => {
                    let reason =
                        frame.map_or_else(String::new, |frame| format!("{} {}", frame.code, frame.reason));
                    return fail(format!("closed: {reason}"));
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(Failure::from(error)),
                None => return fail("closed"),
            }
        }
    }

    /// This side's address.
    pub fn local_address(&self) -> Result<SocketAddr> {
        Ok(self.0.get_ref().local_addr()?)
    }

    /// The connection below, for who reads otherwise.
    pub fn into_stream(self) -> TcpStream {
        self.0.into_inner()
    }
}
