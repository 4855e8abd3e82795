//! GraphQL over HTTP: POST runs queries and mutations, GET queries only.

pub mod negotiate;
mod request;
mod respond;

use async_graphql::Request;
use axum::body::Body;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{RawQuery, State, WebSocketUpgrade};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;

use self::negotiate::Accepted;
use self::respond::{Refusal, respond};
pub use self::respond::{method_not_allowed, no_such_address, refused};
use super::address::ClientAddress;
use super::{graphiql, language, websocket};
use crate::graphql::Api;
use crate::graphql::scope::Session;

/// `POST /graphql`: queries and mutations.
pub async fn post(
    State(api): State<Api>,
    address: ClientAddress,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let accepted = Accepted::of(&headers);
    let answered = async {
        let maximum = api.app().config.limits.body_bytes;
        let request = request::of_body(&headers, body, maximum).await?;
        answer(&api, &session(&headers, address), accepted, request, false).await
    };
    answered.await.unwrap_or_else(|refusal| refusal.respond(accepted))
}

/// `GET /graphql`: a query, a page for browsers, or the way to a websocket.
pub async fn get(
    State(api): State<Api>,
    address: ClientAddress,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    if let Ok(upgrade) = upgrade {
        return websocket::upgrade(api, &headers, address.0, upgrade);
    }
    let accepted = Accepted::of(&headers);
    let query = query.unwrap_or_default();
    if accepted.html && !request::asks(&query) {
        return graphiql::page(&headers);
    }
    let answered = async {
        let request = request::of_address(&query)?;
        answer(&api, &session(&headers, address), accepted, request, true).await
    };
    answered.await.unwrap_or_else(|refusal| refusal.respond(accepted))
}

/// Who sends a request, by its headers.
fn session(headers: &HeaderMap, address: ClientAddress) -> Session {
    Session {
        authorization: headers
            .get(header::AUTHORIZATION)
            .map(|value| value.to_str().unwrap_or_default().to_owned()),
        accepts: language::accepted(headers),
        address: address.0,
    }
}

/// Runs a request. Everything that can be refused by how it came is, before anything of it runs.
async fn answer(
    api: &Api,
    session: &Session,
    accepted: Accepted,
    request: Request,
    only_queries: bool,
) -> Result<Response, Refusal> {
    let document = match api.document(request) {
        Ok(document) => document,
        Err(answer) => return Ok(respond(accepted.single.unwrap_or_default(), &answer)),
    };
    if only_queries && !document.has_only_queries() {
        // A link or an image must not be able to change anything.
        let message = "GET runs queries only: send everything else by POST.";
        return Err(Refusal::bad(StatusCode::METHOD_NOT_ALLOWED, message).allowing("POST"));
    }
    let Some(media_type) = accepted.single.filter(|_| !accepted.wants_events(&document)) else {
        let message =
            "The answer is application/graphql-response+json or application/json, and Accept takes neither.";
        return Err(Refusal::bad(StatusCode::NOT_ACCEPTABLE, message));
    };
    let caller = api.caller(session).await?;
    Ok(respond(media_type, &api.run(document, caller).await))
}
