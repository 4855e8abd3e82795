//! Requests that are answered with events: who may open the stream.

use async_graphql::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};

use super::Asking;
use super::respond::Refusal;
use crate::crypto;
use crate::domain::{Viewer, stream_ticket};
use crate::graphql::Api;
use crate::graphql::document::Document;
use crate::graphql::error::ApiError;
use crate::graphql::request::canonical;
use crate::graphql::scope::Caller;
use crate::transport::audience::Audience;
use crate::transport::sse;

/// What a ticket is bound to: the query, the operation's name and the variables.
pub(super) fn fingerprint(request: &Request) -> [u8; 32] {
    let variables = canonical(&request.variables, None);
    let name = request.operation_name.as_deref().unwrap_or_default();
    crypto::sha256_of(&[request.query.as_bytes(), &[0], name.as_bytes(), &[0], &variables])
}

/// Opens the stream, if the caller is who she says, and the process has room.
pub(super) async fn answer(
    api: &Api,
    asking: Asking,
    document: Document,
    bound_to: Option<[u8; 32]>,
) -> Result<Response, Refusal> {
    let mut audience = match Audience::join(api, "sse") {
        Ok(audience) => audience,
        Err(refusal) => return Ok(*refusal),
    };
    audience.over(asking.peer.clone());
    let caller = if let (Some(ticket), Some(request)) = (&asking.ticket, bound_to) {
        match by_ticket(api, &asking, &mut audience, ticket, request).await? {
            Some(caller) => caller,
            // What makes an `EventSource` stop coming back.
            None => return Ok(StatusCode::NO_CONTENT.into_response()),
        }
    } else {
        audience.listen_by_token(api, asking.session.authorization.as_deref());
        api.caller(&asking.session).await?
    };
    if let Err(refusal) = audience.belongs_to(api, &caller) {
        return Ok(*refusal);
    }
    Ok(sse::respond(
        api.clone(),
        audience,
        caller,
        document,
        asking.last_event_id,
    ))
}

/// Who comes with a ticket; nobody if it is not good, or not for this request.
async fn by_ticket(
    api: &Api,
    asking: &Asking,
    audience: &mut Audience,
    ticket: &str,
    request: [u8; 32],
) -> Result<Option<Caller>, ApiError> {
    let app = api.app();
    let Some(ticket) = stream_ticket::redeem(app, asking.session.address, ticket, request).await? else {
        return Ok(None);
    };
    audience.listen(api, ticket.user_id, ticket.family);
    let member = stream_ticket::member(app, &ticket).await?;
    Ok(member.map(|member| Caller {
        viewer: Viewer::Member(member),
        accepts: asking.session.accepts,
        address: asking.session.address,
    }))
}
