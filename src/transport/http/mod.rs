//! GraphQL over HTTP: POST runs queries and mutations, GET queries only, and either what is answered with events.

mod events;
pub mod guard;
pub mod negotiate;
mod request;
mod respond;
pub mod shed;

use std::sync::Arc;

use async_graphql::Request;
use axum::Extension;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use hyper::upgrade::OnUpgrade;

use self::negotiate::Accepted;
use self::respond::{Refusal, respond};
pub use self::respond::{full, method_not_allowed, no_such_address, refused};
use super::address::ClientAddress;
use super::listener::Peer;
use super::websocket::Handshake;
use super::{graphiql, language, sse, websocket};
use crate::admission::{Key, Turn};
use crate::auth::Bearer;
use crate::graphql::Api;
use crate::graphql::scope::Session;

/// `POST /graphql`: queries and mutations.
pub async fn post(
    State(api): State<Api>,
    address: ClientAddress,
    peer: Option<Extension<Arc<Peer>>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let accepted = Accepted::of(&headers);
    let answered = async {
        let maximum = api.app().config.limits.body_bytes;
        let body = request::body(&headers, body, maximum).await?;
        let mut asking = Asking::of(&api, &headers, address, accepted);
        asking.peer = peer.map(|Extension(peer)| peer);
        let turn = asking.turn(&api).await?;
        answer(&api, asking, request::of_body(&body)?, turn).await
    };
    answered.await.unwrap_or_else(|refusal| refusal.respond(accepted))
}

/// `GET /graphql`: a query, a page for browsers, or the way to a websocket.
pub async fn get(
    State(api): State<Api>,
    address: ClientAddress,
    peer: Option<Extension<Arc<Peer>>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    method: Method,
    upgrade: Option<Extension<OnUpgrade>>,
) -> Response {
    let upgrade = upgrade.map(|Extension(upgrade)| upgrade);
    if let Some(handshake) = Handshake::of(&method, &headers, upgrade) {
        return websocket::upgrade(api, &headers, address.0, handshake);
    }
    let accepted = Accepted::of(&headers);
    let query = query.unwrap_or_default();
    if accepted.html && !request::asks(&query) {
        return graphiql::page(&headers);
    }
    let answered = async {
        let mut asking = Asking::of(&api, &headers, address, accepted);
        asking.by_get = true;
        asking.peer = peer.map(|Extension(peer)| peer);
        asking.ticket = request::ticket(&query);
        let turn = asking.turn(&api).await?;
        answer(&api, asking, request::of_address(&query)?, turn).await
    };
    answered.await.unwrap_or_else(|refusal| refusal.respond(accepted))
}

/// Who sends a request, and how.
struct Asking {
    session: Session,
    /// Who she says she is.
    bearer: Bearer,
    accepted: Accepted,
    /// Over what it came, where that is known.
    peer: Option<Arc<Peer>>,
    by_get: bool,
    /// What an event stream is opened with in place of a token.
    ticket: Option<String>,
    /// The last event that a client had that comes back.
    last_event_id: Option<String>,
}

impl Asking {
    fn of(api: &Api, headers: &HeaderMap, address: ClientAddress, accepted: Accepted) -> Self {
        let text = |name| {
            let value: Option<&HeaderValue> = headers.get(name);
            value.map(|value| value.to_str().unwrap_or_default().to_owned())
        };
        let session = Session {
            authorization: text(header::AUTHORIZATION),
            accepts: language::accepted(headers),
            address: address.0,
        };
        Self {
            bearer: session.bearer(api.app()),
            session,
            accepted,
            peer: None,
            by_get: false,
            ticket: None,
            last_event_id: text(header::HeaderName::from_static("last-event-id")).filter(|id| !id.is_empty()),
        }
    }

    /// Waits until the request may be answered, before anything of it is read. What may be answered with events is
    /// read first: a subscription that opens waits elsewhere.
    async fn turn(&self, api: &Api) -> Result<Option<Turn>, Refusal> {
        if self.accepted.event_stream {
            return Ok(None);
        }
        let key = Key::of(self.bearer, self.session.address);
        Ok(Some(api.turn(key).await?))
    }
}

/// Runs a request. Everything that can be refused by how it came is, before anything of it runs.
async fn answer(
    api: &Api,
    asking: Asking,
    request: Request,
    turn: Option<Turn>,
) -> Result<Response, Refusal> {
    let accepted = asking.accepted;
    let document = match api.document(request) {
        Ok(document) => document,
        // One who can only be answered with events is told so there.
        Err(answer) if accepted.single.is_none() && accepted.event_stream => {
            return Ok(sse::only(&answer));
        }
        Err(answer) => return Ok(respond(accepted.of_refusal(&answer), &answer)),
    };
    let bound_to = asking
        .ticket
        .is_some()
        .then(|| events::fingerprint(document.request()));
    let events = accepted.wants_events(&document);
    if asking.by_get && (document.has_mutations() || !(events || document.has_only_queries())) {
        // A link or an image must not be able to change anything.
        let message = "GET runs queries only, and subscriptions for events: send everything else by POST.";
        return Err(Refusal::bad(StatusCode::METHOD_NOT_ALLOWED, message).allowing("POST"));
    }
    if events {
        // By itself: what waits for its turn is not to be as large as what few ask for.
        return Box::pin(events::answer(api, asking, document, bound_to)).await;
    }
    if asking.ticket.is_some() {
        let message = "A ticket opens event streams only: Accept must name text/event-stream.";
        return Err(Refusal::bad(StatusCode::BAD_REQUEST, message));
    }
    let Some(media_type) = accepted.single else {
        let message = "The answer is application/graphql-response+json, application/json or text/event-stream, and \
                       Accept takes none of them.";
        return Err(Refusal::bad(StatusCode::NOT_ACCEPTABLE, message));
    };
    let caller = api.caller_of(&asking.session, asking.bearer).await?;
    let turn = match turn {
        Some(turn) => turn,
        None => api.turn(caller.key()).await?,
    };
    Ok(respond(media_type, &api.run_in(turn, document, caller).await))
}
