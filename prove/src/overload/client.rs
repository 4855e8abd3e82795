//! A client that takes little of its core: requests as bytes, over connections that are kept.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::failure::{Failure, Result};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a request was answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// What it asked for.
    Good,
    /// 503, `Retry-After` and `SERVER_BUSY`.
    Busy,
    /// Something else.
    Bad,
}

/// Connections to a server.
#[derive(Clone, Debug)]
pub(super) struct Client {
    server: SocketAddr,
    resting: Arc<Mutex<Vec<TcpStream>>>,
}

impl Client {
    /// None yet.
    pub(super) fn new(server: SocketAddr) -> Self {
        Self {
            server,
            resting: Arc::default(),
        }
    }

    /// A POST of an operation, as bytes.
    pub(super) fn request(&self, token: Option<&str>, body: &Value) -> Arc<[u8]> {
        let body = body.to_string();
        let authorization =
            token.map_or_else(String::new, |token| format!("Authorization: Bearer {token}\r\n"));
        let head = format!(
            "POST /graphql HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n{authorization}Content-Length: {}\r\n\r\n",
            self.server,
            body.len()
        );
        (head + &body).into_bytes().into()
    }

    /// Sends a request over a connection that rests, or a new one. A good answer has this text in it.
    pub(super) async fn ask(&self, request: &[u8], good: &str) -> Result<Answer> {
        let resting = self.resting().pop();
        if let Some(stream) = resting
            && let Ok(answer) = self.ask_over(stream, request, good).await
        {
            return Ok(answer);
        }
        let stream = TcpStream::connect(self.server).await?;
        stream.set_nodelay(true)?;
        self.ask_over(stream, request, good).await
    }

    async fn ask_over(&self, mut stream: TcpStream, request: &[u8], good: &str) -> Result<Answer> {
        let answered = timeout(PATIENCE, async {
            stream.write_all(request).await?;
            read(&mut stream).await
        });
        let (head, body) = answered.await??;
        let answer = if head.starts_with("HTTP/1.1 200") && body.contains(good) {
            Answer::Good
        } else if head.starts_with("HTTP/1.1 503")
            && head.to_ascii_lowercase().contains("retry-after:")
            && body.contains("SERVER_BUSY")
        {
            Answer::Busy
        } else {
            Answer::Bad
        };
        self.resting().push(stream);
        Ok(answer)
    }

    fn resting(&self) -> std::sync::MutexGuard<'_, Vec<TcpStream>> {
        self.resting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads an answer whose length is told: its head and its body.
async fn read(stream: &mut TcpStream) -> Result<(String, String)> {
    let mut read = Vec::with_capacity(16 * 1024);
    let head = loop {
        if stream.read_buf(&mut read).await? == 0 {
            return Err(Failure::new("the connection was closed"));
        }
        if let Some(end) = read.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let text = String::from_utf8_lossy(&read[..head]).into_owned();
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse::<usize>().ok())?
    });
    let length = length.ok_or_else(|| Failure::new(format!("an answer without its length: {text}")))?;
    while read.len() < head + length {
        if stream.read_buf(&mut read).await? == 0 {
            return Err(Failure::new("the connection was closed in an answer"));
        }
    }
    let body = String::from_utf8_lossy(&read[head..head + length]).into_owned();
    Ok((text, body))
}
