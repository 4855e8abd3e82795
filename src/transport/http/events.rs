//! Requests that are answered with events: who may open the stream.

use std::time::Duration;

use async_graphql::{Request, Response as Answer};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};

use super::Asking;
use super::respond::Refusal;
use crate::auth;
use crate::crypto;
use crate::domain::{Viewer, stream_ticket};
use crate::graphql::Api;
use crate::graphql::document::Document;
use crate::graphql::error::ApiError;
use crate::graphql::scope::Caller;
use crate::transport::sse::{self, Audience};

/// What a ticket is bound to: the query, the operation's name and the variables.
pub(super) fn fingerprint(request: &Request) -> [u8; 32] {
    let mut variables: Vec<_> = request.variables.iter().collect();
    variables.sort_by(|one, other| one.0.cmp(other.0));
    let variables = serde_json::to_vec(&variables).unwrap_or_default();
    let name = request.operation_name.as_deref().unwrap_or_default();
    crypto::sha256_of(&[request.query.as_bytes(), &[0], name.as_bytes(), &[0], &variables])
}

/// An answer to a request that could not be understood, as events.
pub(super) fn refused(answer: &Answer) -> Response {
    sse::only(answer)
}

/// Opens the stream, if the caller is who she says, and the process has room.
pub(super) async fn answer(
    api: &Api,
    asking: Asking,
    document: Document,
    bound_to: Option<[u8; 32]>,
) -> Result<Response, Refusal> {
    let mut audience = match Audience::join(api) {
        Ok(audience) => audience,
        Err(refusal) => return Ok(*refusal),
    };
    let caller = match (&asking.ticket, bound_to) {
        (Some(ticket), Some(request)) => {
            match by_ticket(api, &asking, &mut audience, ticket, request).await? {
                Some(caller) => caller,
                // What makes an `EventSource` stop coming back.
                None => return Ok(StatusCode::NO_CONTENT.into_response()),
            }
        }
        _ => by_token(api, &asking, &mut audience).await?,
    };
    Ok(sse::respond(
        api.clone(),
        audience,
        caller,
        document,
        asking.last_event_id,
    ))
}

async fn by_token(api: &Api, asking: &Asking, audience: &mut Audience) -> Result<Caller, ApiError> {
    let app = api.app();
    let authorization = asking.session.authorization.as_deref();
    if let Some(claims) = authorization.and_then(|authorization| auth::claims(app, authorization)) {
        let left = claims.expires_at - app.clock.now().timestamp();
        let left = Duration::from_secs(u64::try_from(left).unwrap_or(0));
        // Before it is checked: what ends the session after that ends the stream.
        audience.listen(api, claims.user, claims.session, Some(left));
    }
    api.caller(&asking.session).await
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
    let Some(ticket) = stream_ticket::redeem(app, ticket, request).await? else {
        return Ok(None);
    };
    audience.listen(api, ticket.user_id, ticket.family, None);
    let member = stream_ticket::member(app, &ticket).await?;
    Ok(member.map(|member| Caller {
        viewer: Viewer::Member(member),
        accepts: asking.session.accepts,
        address: asking.session.address,
    }))
}
