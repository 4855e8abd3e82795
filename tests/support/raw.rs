//! A websocket by hand: nothing is read, written or answered but what a test says.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use super::socket::PATIENCE;

/// The kinds of frames (RFC 6455, section 5.2).
pub(crate) const TEXT: u8 = 1;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;

/// What the system keeps for a client that does not read; it takes the least it may.
const RECEIVE_BUFFER: u32 = 2 * 1024;

/// A connection whose handshake is done.
pub(crate) struct Raw(TcpStream);

impl Raw {
    /// Shakes hands for a subprotocol, or for none.
    pub(crate) async fn connect(url: &str, protocol: Option<&str>) -> Self {
        let host = url.strip_prefix("http://").unwrap();
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(RECEIVE_BUFFER).unwrap();
        let mut stream = socket.connect(host.parse().unwrap()).await.unwrap();
        let protocol =
            protocol.map_or_else(String::new, |name| format!("Sec-WebSocket-Protocol: {name}\r\n"));
        let hello = format!(
            "GET /graphql HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{protocol}\r\n"
        );
        stream.write_all(hello.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(stream.read_u8().await.unwrap());
        }
        assert!(
            answer.starts_with(b"HTTP/1.1 101 "),
            "{}",
            String::from_utf8_lossy(&answer)
        );
        Self(stream)
    }

    /// Connects and initialises with a token.
    pub(crate) async fn open(url: &str, token: &str) -> Self {
        let mut raw = Self::connect(url, Some("graphql-transport-ws")).await;
        let payload = json!({ "authorization": format!("Bearer {token}") });
        raw.say(json!({ "type": "connection_init", "payload": payload }))
            .await;
        assert_eq!(
            raw.frame().await,
            Some((TEXT, br#"{"type":"connection_ack"}"#.to_vec()))
        );
        raw
    }

    /// Sends a message.
    pub(crate) async fn say(&mut self, message: Value) {
        self.send(TEXT, message.to_string().as_bytes()).await;
    }

    /// Sends a frame, masked with zeros.
    pub(crate) async fn send(&mut self, kind: u8, payload: &[u8]) {
        let mut frame = vec![0x80 | kind];
        match u16::try_from(payload.len()).unwrap() {
            length @ ..126 => frame.push(0x80 | u8::try_from(length).unwrap()),
            length => {
                frame.push(0xfe);
                frame.extend(length.to_be_bytes());
            }
        }
        frame.extend([0; 4]);
        frame.extend(payload);
        self.0.write_all(&frame).await.unwrap();
    }

    /// Sends the same empty frame many times at once.
    pub(crate) async fn flood(&mut self, kind: u8, times: usize) {
        let frames = [0x80 | kind, 0x80, 0, 0, 0, 0].repeat(times);
        self.0.write_all(&frames).await.unwrap();
    }

    /// How many empty frames have come that were not taken yet, which are taken.
    pub(crate) fn empty_frames(&self) -> usize {
        let mut bytes = [0; 4096];
        let read = self.0.try_read(&mut bytes).unwrap_or_default();
        read / 2
    }

    /// Sends a frame of at most 125 bytes, unless the connection has ended.
    pub(crate) async fn try_send(&mut self, kind: u8, payload: &[u8]) -> bool {
        let mut frame = vec![
            0x80 | kind,
            0x80 | u8::try_from(payload.len()).unwrap(),
            0,
            0,
            0,
            0,
        ];
        frame.extend(payload);
        self.0.write_all(&frame).await.is_ok()
    }

    /// The next frame; none if the connection ended, before it or within.
    pub(crate) async fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        tokio::time::timeout(PATIENCE, self.read())
            .await
            .expect("a frame in time")
            .ok()
    }

    async fn read(&mut self) -> std::io::Result<(u8, Vec<u8>)> {
        let kind = self.0.read_u8().await? & 0x0f;
        let length = match self.0.read_u8().await? {
            126 => usize::from(self.0.read_u16().await?),
            127 => usize::try_from(self.0.read_u64().await?).unwrap(),
            length => usize::from(length),
        };
        let mut payload = vec![0; length];
        self.0.read_exact(&mut payload).await?;
        Ok((kind, payload))
    }

    /// Why the server closed the connection: the code and the reason of the next frame.
    pub(crate) async fn closed(&mut self) -> (u16, String) {
        let (kind, payload) = self.frame().await.expect("a frame");
        assert_eq!(kind, CLOSE);
        let (code, reason) = payload.split_first_chunk().expect("a code");
        (
            u16::from_be_bytes(*code),
            String::from_utf8(reason.to_vec()).unwrap(),
        )
    }
}

/// Sends bytes over a connection of their own, and gives all that comes back until the server closes it.
pub(crate) async fn exchange(url: &str, request: &[u8]) -> String {
    let host = url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(host).await.unwrap();
    // A server that refuses closes before it has read everything.
    drop(stream.write_all(request).await);
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    let reading = async {
        while let Ok(read @ 1..) = stream.read(&mut piece).await {
            answer.extend_from_slice(&piece[..read]);
        }
    };
    tokio::time::timeout(PATIENCE, reading)
        .await
        .expect("an end in time");
    String::from_utf8_lossy(&answer).into_owned()
}
