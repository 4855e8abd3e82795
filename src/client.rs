//! A client of the public API, for the commands that speak to a running server.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use url::Url;

use crate::config::shown;

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(15);
/// After so much silence a server is asked whether it is still there; after as much again it is not.
const SILENCE: Duration = Duration::from_secs(20);

/// Why a server's answer cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// It cannot be reached.
    #[error("cannot reach {}: {reason}", shown::address(.url.as_str()))]
    Unreachable {
        /// Where.
        url: Url,
        /// Why.
        reason: String,
    },
    /// It answered with an HTTP error.
    #[error("{} answered {status}", shown::address(.url.as_str()))]
    Status {
        /// Where.
        url: Url,
        /// The status.
        status: u16,
    },
    /// It answered with GraphQL errors or user errors.
    #[error("the server refused: {0}")]
    Refused(String),
    /// Something answers there, but not a GraphQL server.
    #[error("{} does not answer as a GraphQL server does", shown::address(.url.as_str()))]
    NotGraphql {
        /// Where.
        url: Url,
    },
    /// The connection ended.
    #[error("the connection was closed: {reason}")]
    Closed {
        /// The websocket's close code, if the server gave one.
        code: Option<u16>,
        /// Why.
        reason: String,
    },
}

impl ClientError {
    fn closed(reason: &impl ToString) -> Self {
        Self::Closed {
            code: None,
            reason: reason.to_string(),
        }
    }
}

/// A client of one server, on behalf of one member or nobody.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    url: Url,
    token: Option<String>,
}

/// A websocket that one operation is followed over.
pub struct Subscription(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Client {
    /// A client of the GraphQL endpoint `url`.
    pub fn new(url: Url) -> Result<Self, ClientError> {
        Ok(Self {
            http: http(&url)?,
            url,
            token: None,
        })
    }

    /// The same client with a member's access token.
    #[must_use]
    pub fn with_token(&self, token: impl Into<String>) -> Self {
        Self {
            token: Some(token.into()),
            ..self.clone()
        }
    }

    /// Runs a query or mutation and gives its `data`; errors and user errors are errors.
    pub async fn run(&self, query: &str, variables: Value) -> Result<Value, ClientError> {
        let mut request = self
            .http
            .post(self.url.clone())
            .json(&json!({ "query": query, "variables": variables }));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        let failed = |error: reqwest::Error| {
            if error.is_decode() {
                ClientError::NotGraphql {
                    url: self.url.clone(),
                }
            } else {
                unreachable(&self.url, &error)
            }
        };
        let answer = request.send().await.map_err(failed)?;
        data(answer.json().await.map_err(failed)?)
    }

    /// Starts a subscription over a websocket of its own.
    pub async fn subscribe(&self, query: &str, variables: Value) -> Result<Subscription, ClientError> {
        let mut url = self.url.clone();
        let scheme = if url.scheme() == "https" { "wss" } else { "ws" };
        if url.set_scheme(scheme).is_err() {
            return Err(ClientError::Unreachable {
                url,
                reason: "it is not an http address".to_owned(),
            });
        }
        use_ring();
        let failed = |error: tungstenite::Error| ClientError::Unreachable {
            url: self.url.clone(),
            reason: error.to_string(),
        };
        let mut request = url.as_str().into_client_request().map_err(failed)?;
        request.headers_mut().insert(
            "Sec-WebSocket-Protocol",
            HeaderValue::from_static("graphql-transport-ws"),
        );
        let (socket, _) = tokio_tungstenite::connect_async(request).await.map_err(failed)?;
        let mut subscription = Subscription(socket);
        let payload = self.token.as_ref().map_or(
            json!({}),
            |token| json!({ "authorization": format!("Bearer {token}") }),
        );
        subscription
            .send(json!({ "type": "connection_init", "payload": payload }))
            .await?;
        let payload = json!({ "query": query, "variables": variables });
        subscription.receive("connection_ack").await?;
        subscription
            .send(json!({ "id": "1", "type": "subscribe", "payload": payload }))
            .await?;
        Ok(subscription)
    }
}

impl Subscription {
    /// The `data` of the next message; `None` once the server has completed the operation.
    pub async fn next(&mut self) -> Result<Option<Value>, ClientError> {
        self.receive("next").await?.map(data).transpose()
    }

    async fn send(&mut self, message: Value) -> Result<(), ClientError> {
        self.0
            .send(Message::text(message.to_string()))
            .await
            .map_err(|error| ClientError::closed(&error))
    }

    /// The payload of the next message of a type; pings are answered on the way.
    async fn receive(&mut self, wanted: &str) -> Result<Option<Value>, ClientError> {
        loop {
            let message = self.message().await?;
            match message["type"].as_str() {
                Some("ping") => self.send(json!({ "type": "pong" })).await?,
                Some("complete") => return Ok(None),
                Some("error") => {
                    let first = &message["payload"][0]["message"];
                    let text = first
                        .as_str()
                        .map_or_else(|| message["payload"].to_string(), str::to_owned);
                    return Err(ClientError::Refused(text));
                }
                Some(kind) if kind == wanted => return Ok(Some(message["payload"].clone())),
                _ => {}
            }
        }
    }

    /// The next message of any type. A network that went away says nothing: so silence is broken with a
    /// ping, and a server that leaves it unanswered is gone.
    async fn message(&mut self) -> Result<Value, ClientError> {
        let mut asked = false;
        loop {
            let Ok(frame) = tokio::time::timeout(SILENCE, self.0.next()).await else {
                if asked {
                    return Err(ClientError::closed(&"the server is silent"));
                }
                asked = true;
                self.send(json!({ "type": "ping" })).await?;
                continue;
            };
            match frame {
                Some(Ok(Message::Text(text))) => {
                    return serde_json::from_str(&text).map_err(|error| ClientError::closed(&error));
                }
                Some(Ok(Message::Close(frame))) => {
                    return Err(ClientError::Closed {
                        code: frame.as_ref().map(|frame| frame.code.into()),
                        reason: frame.map_or("no reason".to_owned(), |frame| {
                            format!("{} {}", frame.code, frame.reason)
                        }),
                    });
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(ClientError::closed(&error)),
                None => return Err(ClientError::closed(&"the server is gone")),
            }
        }
    }
}

/// Whether a URL answers with success.
pub async fn check(url: Url) -> Result<(), ClientError> {
    let answer = http(&url)?
        .get(url.clone())
        .send()
        .await
        .map_err(|error| unreachable(&url, &error))?;
    if answer.status().is_success() {
        Ok(())
    } else {
        Err(ClientError::Status {
            url,
            status: answer.status().as_u16(),
        })
    }
}

/// An HTTP client, for a server at `url`.
pub fn http(url: &Url) -> Result<reqwest::Client, ClientError> {
    use_ring();
    reqwest::Client::builder()
        .timeout(PATIENCE)
        .build()
        .map_err(|error| unreachable(url, &error))
}

/// Has all TLS of this process use ring. Whoever is first decides; a second time changes nothing.
fn use_ring() {
    if rustls::crypto::ring::default_provider()
        .install_default()
        .is_err()
    {
        tracing::trace!("a TLS provider had been chosen before");
    }
}

/// The error with its causes, without the URL that it repeats.
fn unreachable(url: &Url, error: &reqwest::Error) -> ClientError {
    let mut reason = String::new();
    let mut cause: Option<&dyn std::error::Error> = std::error::Error::source(error);
    while let Some(error) = cause {
        reason = error.to_string();
        cause = error.source();
    }
    if reason.is_empty() {
        reason = error.to_string();
    }
    ClientError::Unreachable {
        url: url.clone(),
        reason,
    }
}

/// The data of an answer; errors and user errors are errors.
fn data(mut answer: Value) -> Result<Value, ClientError> {
    if let Some(message) = answer["errors"][0]["message"].as_str() {
        return Err(ClientError::Refused(message.to_owned()));
    }
    let data = answer["data"].take();
    let refused = data
        .as_object()
        .into_iter()
        .flatten()
        .find_map(|(_, payload)| payload["userErrors"].get(0));
    if let Some(message) = refused.and_then(|error| error["message"].as_str()) {
        return Err(ClientError::Refused(message.to_owned()));
    }
    Ok(data)
}
