//! Who is told live things over one connection, a websocket or a stream of events: counted, woken, and ended
//! with her session and her token.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use super::http::{full, refused};
use super::listener::Peer;
use crate::auth;
use crate::entity::{FamilyId, UserId};
use crate::graphql::Api;
use crate::graphql::error::ApiError;
use crate::graphql::scope::Caller;
use crate::live::Mailbox;
use crate::live::listeners::{Connection, Full, Listener, Places};
use crate::telemetry::metrics::{Counted, EndedBy, Refused};

/// A connection that is counted, and that ends with its session.
pub struct Audience {
    /// How it is woken.
    pub mailbox: Arc<Mailbox>,
    connection: Connection,
    _counted: Counted,
    /// Over what it is, where the connection's end is not told otherwise.
    peer: Option<Arc<Peer>>,
    listener: Option<Listener>,
    /// When the token expires that it was opened with, by the process's clock.
    pub expires: Option<Duration>,
}

impl Audience {
    /// Counts a connection in, unless there are too many or the process stops.
    pub fn join(api: &Api, transport: &'static str) -> Result<Self, Box<Response>> {
        let app = api.app();
        let mailbox = Arc::new(Mailbox::default());
        if app.stop.is_cancelled() {
            let refusal = refused(StatusCode::SERVICE_UNAVAILABLE, ApiError::ServerBusy);
            return Err(Box::new(refusal));
        }
        let connection = app.hub.control.listeners.connect(&mailbox, places(api));
        let (connection, displaced) = connection.map_err(|Full| Box::new(refuse(api)))?;
        if displaced {
            app.telemetry.metrics.connections.refused(Refused::Anonymous);
        }
        Ok(Self {
            mailbox,
            connection,
            _counted: app.telemetry.metrics.live.connection(transport),
            peer: None,
            listener: None,
            expires: None,
        })
    }

    /// Has its end be told by what became of the connection.
    pub fn over(&mut self, peer: Option<Arc<Peer>>) {
        self.peer = peer;
    }

    /// Takes note of who it is: a member's connection has another place than one of nobody knows whom.
    pub fn belongs_to(&mut self, api: &Api, caller: &Caller) -> Result<(), Box<Response>> {
        if caller.viewer.member().is_none() {
            return Ok(());
        }
        let counted = self.connection.is_members(places(api));
        counted.map_err(|Full| Box::new(refuse(api)))
    }

    /// Says why it ends, if the connection ends it.
    pub fn note_end(&self) {
        let Some(peer) = &self.peer else {
            return;
        };
        if peer.gave_up() {
            self.mailbox.ends_by(EndedBy::WriteDeadline);
        } else if peer.broke_protocol() {
            self.mailbox.ends_by(EndedBy::Error);
        }
    }

    /// Has it end with the session of a token, and with the token. Before that is checked: what ends the
    /// session after the check is then told to us.
    pub fn listen_by_token(&mut self, api: &Api, authorization: Option<&str>) {
        let app = api.app();
        if let Some(claims) = authorization.and_then(|authorization| auth::claims(app, authorization)) {
            self.listen(api, claims.user, claims.session);
            let left = claims.expires_at - app.clock.now().timestamp();
            let left = Duration::from_secs(u64::try_from(left).unwrap_or(0));
            self.expires = Some(app.clock.elapsed() + left);
        }
    }

    /// Has it end with a session.
    pub fn listen(&mut self, api: &Api, member: UserId, session: FamilyId) {
        let listeners = &api.app().hub.control.listeners;
        self.listener = Some(listeners.listen(member, session, &self.mailbox));
    }
}

fn places(api: &Api) -> Places {
    let limits = &api.app().config.limits;
    Places {
        members: limits.connections,
        anonymous: limits.anonymous_sockets,
    }
}

/// What one is told for whom there is no place.
fn refuse(api: &Api) -> Response {
    let maximum = api.app().config.limits.connections;
    let refusal = full("CONNECTIONS", maximum);
    ([(header::RETRY_AFTER, "1")], refusal).into_response()
}
