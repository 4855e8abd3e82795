//! How an HTTP connection becomes a websocket (RFC 6455, section 4.2).

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto::upgrade::downcast;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::PROTOCOL;
use crate::transport::listener::Connection;

/// A client's wish to speak over a websocket from here on.
pub struct Handshake {
    accept: HeaderValue,
    /// Whether it offers the one protocol that is spoken here.
    pub speaks: bool,
    upgrade: OnUpgrade,
}

impl Handshake {
    /// The wish of a request, if it is one. `upgrade` will be the connection, where it can be had.
    pub fn of(method: &Method, headers: &HeaderMap, upgrade: Option<OnUpgrade>) -> Option<Self> {
        let wishes = *method == Method::GET
            && has(headers, &header::CONNECTION, "upgrade")
            && has(headers, &header::UPGRADE, "websocket")
            && has(headers, &header::SEC_WEBSOCKET_VERSION, "13");
        let key = headers.get(header::SEC_WEBSOCKET_KEY).filter(|_| wishes)?;
        Some(Self {
            accept: derive_accept_key(key.as_bytes()).parse().ok()?,
            speaks: has(headers, &header::SEC_WEBSOCKET_PROTOCOL, PROTOCOL),
            upgrade: upgrade?,
        })
    }

    /// What the client is answered.
    pub fn answer(&self) -> Response {
        let mut answer = Response::new(Body::empty());
        *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = answer.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, self.accept.clone());
        if self.speaks {
            headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(PROTOCOL));
        }
        answer
    }

    /// The websocket, once the client was answered.
    pub async fn websocket(self, config: WebSocketConfig) -> Option<WebSocketStream<Connection>> {
        let upgraded = self.upgrade.await;
        let upgraded =
            upgraded.inspect_err(|error| tracing::debug!(%error, "a client left before its websocket"));
        // Bare, as it was accepted: whatever is in between costs time with each message.
        let Ok(bare) = downcast::<TokioIo<Connection>>(upgraded.ok()?) else {
            tracing::error!("a connection is none that the listener has accepted");
            return None;
        };
        // Copied, because what HTTP had for reading would be kept with it.
        let (mut stream, read) = (bare.io.into_inner(), bare.read_buf.to_vec());
        stream.leave_http();
        let websocket = WebSocketStream::from_partially_read(stream, read, Role::Server, Some(config));
        Some(websocket.await)
    }
}

/// Whether a header names something, in any of its lines and in a list.
fn has(headers: &HeaderMap, name: &header::HeaderName, wanted: &str) -> bool {
    let lines = headers.get_all(name).into_iter();
    let mut named = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','));
    named.any(|part| part.trim().eq_ignore_ascii_case(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_names_each_of_its_parts() {
        let mut headers = HeaderMap::new();
        headers.append(
            header::CONNECTION,
            HeaderValue::from_static("keep-alive, Upgrade"),
        );
        headers.append(
            header::SEC_WEBSOCKET_PROTOCOL,
            HeaderValue::from_static("graphql-ws"),
        );
        headers.append(
            header::SEC_WEBSOCKET_PROTOCOL,
            HeaderValue::from_static("x,graphql-transport-ws"),
        );
        assert!(has(&headers, &header::CONNECTION, "upgrade"));
        assert!(has(&headers, &header::SEC_WEBSOCKET_PROTOCOL, PROTOCOL));
        assert!(!has(&headers, &header::SEC_WEBSOCKET_PROTOCOL, "graphql"));
        assert!(!has(&headers, &header::UPGRADE, "websocket"));
    }
}
