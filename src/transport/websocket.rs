//! GraphQL over websockets: the stock server of async-graphql, until our own takes its place.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::Data;
use async_graphql_axum::{GraphQLProtocol, GraphQLWebSocket};
use axum::extract::FromRequestParts as _;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::http::{HeaderMap, Request, StatusCode, header};
use axum::response::Response;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::sync::mpsc;

use super::http::refused;
use super::{language, origin};
use crate::entity::user::Locale;
use crate::graphql::Api;
use crate::graphql::error::ApiError;
use crate::graphql::scope::Session;

const PROTOCOL: &str = "graphql-transport-ws";
/// How long the last word to a client may take.
const FAREWELL: Duration = Duration::from_secs(1);
/// Messages that wait to be written.
const WAITING: usize = 16;

/// Opens a websocket that speaks `graphql-transport-ws`.
pub fn upgrade(api: Api, headers: &HeaderMap, address: IpAddr, upgrade: WebSocketUpgrade) -> Response {
    let config = &api.app().config;
    if !origin::allowed(config, headers) {
        let message = "Pages of this origin may not open a websocket here.".to_owned();
        return refused(StatusCode::FORBIDDEN, ApiError::BadRequest(message));
    }
    let offers = headers
        .get(header::SEC_WEBSOCKET_PROTOCOL)
        .and_then(|value| value.to_str().ok());
    if !offers.is_some_and(|offers| offers.split(',').any(|offer| offer.trim() == PROTOCOL)) {
        let message = format!("The websocket's subprotocol must be {PROTOCOL}.");
        return refused(StatusCode::BAD_REQUEST, ApiError::BadRequest(message));
    }
    let accepts = language::accepted(headers);
    upgrade
        .protocols([PROTOCOL])
        .max_message_size(config.limits.websocket_message_bytes)
        .read_buffer_size(4096)
        .on_upgrade(move |socket| serve(api, socket, accepts, address))
}

/// Serves one websocket until its client leaves or the process stops.
async fn serve(api: Api, socket: WebSocket, accepts: Locale, address: IpAddr) {
    // Held until the end, so that the process waits for the close frame when it stops.
    let _working = api.app().tasks.token();
    let stop = api.app().stop.clone();
    let Some(protocol) = protocol().await else { return };
    let (mut writer, reader) = socket.split();
    let (outgoing, mut waiting) = mpsc::channel(WAITING);
    let outgoing = futures_util::sink::unfold(outgoing, |outgoing, message| async move {
        outgoing.send(message).await.map(|()| outgoing)
    });
    let sessions = api.clone();
    let server = GraphQLWebSocket::new_with_pair(outgoing, reader, api, protocol)
        .on_connection_init(move |payload| async move {
            Ok(session(&sessions, &payload, accepts, address).await?)
        })
        .serve();
    tokio::pin!(server);
    let mut finished = false;
    loop {
        tokio::select! {
            // First, so that what ends because the process stops is not told as if it were complete.
            biased;
            () = stop.cancelled() => {
                // Not `complete`: the client must come back, to another process.
                let frame = CloseFrame { code: close_code::RESTART, reason: "the server restarts".into() };
                let told = tokio::time::timeout(FAREWELL, writer.send(Message::Close(Some(frame)))).await;
                tracing::debug!(told = told.is_ok(), "a websocket was closed: the process stops");
                return;
            }
            message = waiting.recv() => {
                let Some(message) = message else { return };
                tokio::select! {
                    // A client that does not read must not hold up the process when it stops.
                    () = stop.cancelled() => return,
                    sent = writer.send(message) => if sent.is_err() { return },
                }
            }
            () = &mut server, if !finished => finished = true,
        }
    }
}

/// The session of a socket, from the payload of `connection_init`; refused if its token is not valid.
async fn session(
    api: &Api,
    payload: &serde_json::Value,
    accepts: Locale,
    address: IpAddr,
) -> Result<Data, ApiError> {
    let field = |name| payload.get(name).and_then(serde_json::Value::as_str);
    let authorization = field("authorization")
        .or_else(|| field("Authorization"))
        .map(ToOwned::to_owned);
    let session = Session {
        authorization,
        accepts,
        address,
    };
    api.caller(&session).await?;
    let mut data = Data::default();
    data.insert(Arc::new(session));
    Ok(data)
}

/// The stock server's name for our protocol, which it only takes from a request's headers.
async fn protocol() -> Option<GraphQLProtocol> {
    let request = Request::builder()
        .header(header::SEC_WEBSOCKET_PROTOCOL, PROTOCOL)
        .body(())
        .ok()?;
    GraphQLProtocol::from_request_parts(&mut request.into_parts().0, &())
        .await
        .ok()
}
