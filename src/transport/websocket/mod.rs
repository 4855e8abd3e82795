//! GraphQL over websockets: the protocol `graphql-transport-ws`.

mod close;
mod connection;
pub mod message;
mod operations;
mod socket;

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::ws::WebSocketUpgrade;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use self::connection::Connection;
use super::http::refused;
use super::{language, origin};
use crate::graphql::Api;
use crate::graphql::error::{ApiError, Exceeded};
use crate::graphql::scope::Session;
use crate::live::Mailbox;

const PROTOCOL: &str = "graphql-transport-ws";
/// What an idle connection keeps for reading; it grows with a message that is larger.
const READ_BUFFER: usize = 2 * 1024;
/// Messages of up to this many times the limit are read to their end, so that they can be refused in words.
const PATIENCE_WITH_LARGE: usize = 4;

/// Opens a websocket that speaks `graphql-transport-ws`.
pub fn upgrade(api: Api, headers: &HeaderMap, address: IpAddr, upgrade: WebSocketUpgrade) -> Response {
    let app = api.app();
    let config = &app.config;
    if !origin::allowed(config, headers) {
        let message = "Pages of this origin may not open a websocket here.".to_owned();
        return refused(StatusCode::FORBIDDEN, ApiError::BadRequest(message));
    }
    let mailbox = Arc::new(Mailbox::default());
    let maximum = config.limits.connections;
    if app.stop.is_cancelled() {
        return refused(StatusCode::SERVICE_UNAVAILABLE, ApiError::ServerBusy);
    }
    let Some(counted) = app.hub.control.listeners.connect(&mailbox, maximum) else {
        let exceeded = Exceeded {
            limit: "CONNECTIONS",
            value: maximum + 1,
            maximum,
        };
        let refusal = refused(StatusCode::SERVICE_UNAVAILABLE, ApiError::LimitExceeded(exceeded));
        return ([(header::RETRY_AFTER, "1")], refusal).into_response();
    };
    let session = Session {
        authorization: None,
        accepts: language::accepted(headers),
        address,
    };
    let largest = config.limits.websocket_message_bytes * PATIENCE_WITH_LARGE;
    let upgrade = upgrade
        .protocols([PROTOCOL])
        .max_message_size(largest)
        .max_frame_size(largest)
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0);
    let speaks = upgrade.selected_protocol().is_some();
    upgrade.on_upgrade(move |socket| Connection::serve(api, socket, mailbox, counted, session, speaks))
}
