//! A connection by hand: nothing is sent or read but what a test says.

use std::io::ErrorKind;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use super::TestApp;
use super::socket::PATIENCE;

/// What the system keeps for a peer that does not read; it takes the least it may.
const RECEIVE_BUFFER: u32 = 2 * 1024;
/// The first thing that one says who speaks HTTP/2: the preface, and that all settings are the usual ones.
pub(crate) const HTTP2: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// A connection.
pub(crate) struct Wire(TcpStream);

/// What became of a connection.
#[derive(Debug, PartialEq)]
pub(crate) struct Ended {
    /// After how many seconds of the server's clock.
    pub(crate) after: u32,
    /// What had come until then.
    pub(crate) heard: Vec<u8>,
}

impl Wire {
    /// Connects, and waits until the server has let it in.
    pub(crate) async fn connect(app: &TestApp) -> Self {
        let before = accepted(app);
        let wire = Self::knock(&app.url).await;
        super::until("it is let in", || accepted(app) > before).await;
        wire
    }

    /// Connects, whatever the server says to that.
    pub(crate) async fn knock(url: &str) -> Self {
        let address = url.strip_prefix("http://").unwrap().parse().unwrap();
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(RECEIVE_BUFFER).unwrap();
        Self(socket.connect(address).await.unwrap())
    }

    /// Sends bytes.
    pub(crate) async fn say(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Sends bytes, unless the connection has ended.
    pub(crate) async fn try_say(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.0.write_all(bytes.as_ref()).await.is_ok()
    }

    /// So many bytes of what comes.
    pub(crate) async fn hear(&mut self, count: usize) -> Vec<u8> {
        let mut heard = vec![0; count];
        let hearing = self.0.read_exact(&mut heard);
        tokio::time::timeout(PATIENCE, hearing)
            .await
            .expect("in time")
            .unwrap();
        heard
    }

    /// Hears until a text has come.
    pub(crate) async fn hear_until(&mut self, text: &str) {
        let mut heard = Vec::new();
        while !heard.ends_with(text.as_bytes()) {
            heard.extend(self.hear(1).await);
        }
    }

    /// An answer: its status, its headers, and its body.
    pub(crate) async fn answer(&mut self) -> (u16, String, Vec<u8>) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.extend(self.hear(1).await);
        }
        let head = String::from_utf8(head).unwrap().to_lowercase();
        let length = head.split("content-length: ").nth(1).expect("a length");
        let length = length.split("\r\n").next().unwrap().parse().unwrap();
        (head[9..12].parse().unwrap(), head, self.hear(length).await)
    }

    /// All that comes until the connection ends.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        let mut heard = Vec::new();
        let hearing = self.0.read_to_end(&mut heard);
        // Whether it ends with a word or without is the same to a peer like this one.
        let _ended = tokio::time::timeout(PATIENCE, hearing).await.expect("it ends");
        heard
    }

    /// Lets the server's clock run, second by second, until the connection has ended. Nothing is read meanwhile if the
    /// client does not read. Each second it does what it does.
    pub(crate) async fn ends(
        &mut self,
        app: &TestApp,
        at_most: u32,
        mut each: impl AsyncFnMut(&mut Self, u32),
    ) -> Ended {
        let mut heard = Vec::new();
        // By it is asked whether all is done that is due.
        let mut live = Self::connect(app).await;
        let before = given_up(app);
        for after in 1..=at_most {
            each(self, after).await;
            app.app.clock.advance(chrono::TimeDelta::seconds(1));
            live.say("GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n").await;
            assert_eq!(live.answer().await.0, 200);
            if given_up(app) > before {
                while self.read_some(&mut heard) {}
                return Ended { after, heard };
            }
        }
        panic!("it was kept for more than {at_most} s");
    }

    fn read_some(&self, into: &mut Vec<u8>) -> bool {
        let mut bytes = [0; 4096];
        match self.0.try_read(&mut bytes) {
            Ok(0) => false,
            Ok(count) => {
                into.extend(&bytes[..count]);
                true
            }
            Err(error) => error.kind() == ErrorKind::Interrupted,
        }
    }
}

/// How many connections the server has let in so far. Those that are open say less: a client's that is through with its
/// own is closed at any time after that.
pub(crate) fn accepted(app: &TestApp) -> u64 {
    app.app.telemetry.metrics.connections.accepted.get()
}

/// How many connections it has open.
pub(crate) fn open(app: &TestApp) -> i64 {
    app.app.telemetry.metrics.connections.open.get()
}

/// How many connections it has ended because their peers were too slow.
fn given_up(app: &TestApp) -> i64 {
    let reasons = ["head", "body", "idle", "write"];
    let count = |reason| {
        app.counted(&format!(
            "plant_care_connections_given_up_total{{reason=\"{reason}\"}}"
        ))
    };
    reasons.into_iter().map(count).sum()
}

/// A request of HTTP/1.1 that posts an operation.
pub(crate) fn post(token: Option<&str>, query: &str, accept: &str) -> String {
    let body = serde_json::json!({ "query": query }).to_string();
    let authorization = token.map_or_else(String::new, |token| format!("authorization: Bearer {token}\r\n"));
    format!(
        "POST /graphql HTTP/1.1\r\nhost: x\r\naccept: {accept}\r\n{authorization}content-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// A frame of HTTP/2 (RFC 9113, section 4.1).
pub(crate) fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags, 0, 0, 0, stream];
    frame.extend(payload);
    frame
}

/// Headers as HTTP/2 has them, none of them compressed (RFC 7541, section 6.2.2).
pub(crate) fn headers(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            match text.len() {
                length @ ..127 => block.push(u8::try_from(length).unwrap()),
                length => {
                    let mut rest = length - 127;
                    block.push(127);
                    while rest >= 128 {
                        block.push(u8::try_from(rest % 128).unwrap() | 128);
                        rest /= 128;
                    }
                    block.push(u8::try_from(rest).unwrap());
                }
            }
            block.extend(text.as_bytes());
        }
    }
    block
}
