//! GraphQL over websockets: the protocol `graphql-transport-ws`.

mod close;
mod connection;
pub mod frame;
mod handshake;
pub mod message;
mod operations;
mod socket;

use std::net::IpAddr;

use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use self::connection::Connection;
pub use self::handshake::Handshake;
use super::audience::Audience;
use super::http::refused;
use super::{language, origin};
use crate::graphql::Api;
use crate::graphql::error::ApiError;
use crate::graphql::scope::Session;

const PROTOCOL: &str = "graphql-transport-ws";
/// What an idle connection keeps for reading; it grows with a message that is larger.
const READ_BUFFER: usize = 2 * 1024;
/// What the library may keep to write: its own answers, of which there is never more than one or two.
const WRITE_BUFFER: usize = 4 * 1024;
/// Messages of up to this many times the limit are read to their end, so that they can be refused in words.
const PATIENCE_WITH_LARGE: usize = 4;

/// Opens a websocket that speaks `graphql-transport-ws`.
pub fn upgrade(api: Api, headers: &HeaderMap, address: IpAddr, handshake: Handshake) -> Response {
    let config = &api.app().config;
    if !origin::allowed(config, headers) {
        let message = "Pages of this origin may not open a websocket here.".to_owned();
        return refused(StatusCode::FORBIDDEN, ApiError::BadRequest(message));
    }
    let audience = match Audience::join(&api, "websocket") {
        Ok(audience) => audience,
        Err(refusal) => return *refusal,
    };
    let session = Session {
        authorization: None,
        accepts: language::accepted(headers),
        address,
    };
    let largest = config.limits.websocket_message_bytes * PATIENCE_WITH_LARGE;
    let config = WebSocketConfig::default()
        .max_message_size(Some(largest))
        .max_frame_size(Some(largest))
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_write_buffer_size(WRITE_BUFFER);
    let (answer, speaks) = (handshake.answer(), handshake.speaks);
    let tasks = api.app().tasks.clone();
    tasks.clone().spawn(async move {
        if let Some(socket) = handshake.websocket(config).await {
            // On a task of its own: what only the handshake needs is not kept for as long as the connection.
            tasks.spawn(Connection::serve(api, socket, audience, session, speaks));
        }
    });
    answer
}
