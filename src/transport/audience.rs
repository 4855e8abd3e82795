//! Who is told live things over one connection, a websocket or a stream of events: counted, woken, and ended
//! with her session and her token.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use super::http::refused;
use crate::auth;
use crate::entity::{FamilyId, UserId};
use crate::graphql::Api;
use crate::graphql::error::{ApiError, Exceeded};
use crate::live::Mailbox;
use crate::live::listeners::{Connection, Listener};
use crate::telemetry::metrics::Counted;

/// A connection that is counted, and that ends with its session.
pub struct Audience {
    /// How it is woken.
    pub mailbox: Arc<Mailbox>,
    _counted: (Connection, Counted),
    listener: Option<Listener>,
    /// When the token expires that it was opened with, by the process's clock.
    pub expires: Option<Duration>,
}

impl Audience {
    /// Counts a connection in, unless there are too many or the process stops.
    pub fn join(api: &Api, transport: &'static str) -> Result<Self, Box<Response>> {
        let app = api.app();
        let mailbox = Arc::new(Mailbox::default());
        let maximum = app.config.limits.connections;
        if app.stop.is_cancelled() {
            let refusal = refused(StatusCode::SERVICE_UNAVAILABLE, ApiError::ServerBusy);
            return Err(Box::new(refusal));
        }
        let counted = app.hub.control.listeners.connect(&mailbox, maximum);
        let counted = counted.ok_or_else(|| {
            let exceeded = Exceeded {
                limit: "CONNECTIONS",
                value: maximum + 1,
                maximum,
            };
            let refusal = refused(StatusCode::SERVICE_UNAVAILABLE, ApiError::LimitExceeded(exceeded));
            Box::new(([(header::RETRY_AFTER, "1")], refusal).into_response())
        })?;
        Ok(Self {
            mailbox,
            _counted: (counted, app.telemetry.metrics.live.connection(transport)),
            listener: None,
            expires: None,
        })
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
