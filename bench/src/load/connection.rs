//! One connection that is kept.

use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use plant_care_prove::failure::{Failure, Result, fail};
use tokio::net::TcpStream;

use super::ask::{Ask, Asks};

/// A connection that asks.
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
}

impl Connection {
    /// Connects, and does some work with the connection.
    pub async fn with<T, W>(asks: &Asks, work: impl FnOnce(Self) -> W) -> Result<T>
    where
        W: Future<Output = Result<T>>,
    {
        let stream = TcpStream::connect(asks.address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        // One task does both: to wake another for every answer would be work that is not the server's.
        tokio::select! {
            done = work(Self { sender }) => done,
            ended = connection => match ended {
                Ok(()) => fail(format!("{} closed a connection", asks.address)),
                Err(error) => Err(Failure::from(error)),
            },
        }
    }

    /// Sends a request and reads its answer; a wrong answer is a failure.
    pub async fn send(&mut self, asks: &Asks, ask: &Ask) -> Result<Bytes> {
        let mut request = Request::new(Full::new(ask.body.clone()));
        *request.method_mut() = ask.method.clone();
        *request.uri_mut() = ask.path.parse()?;
        request.headers_mut().clone_from(&ask.headers);
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await?.to_bytes();
        asks.check(status, &body)?;
        Ok(body)
    }
}

/// The answers to so many requests, from the first on; to the first again where there are fewer.
pub async fn answers(asks: &Asks, count: usize) -> Result<Vec<Bytes>> {
    Connection::with(asks, async |mut connection| {
        let mut answers = Vec::new();
        for number in 0..count {
            answers.push(connection.send(asks, asks.number(number)).await?);
        }
        Ok(answers)
    })
    .await
}
