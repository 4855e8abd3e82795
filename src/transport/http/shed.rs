//! Turning away what would wait too long, before anything is made for it. Where three times as much is asked for as can be
//! served, two of three requests are turned away, and whatever that takes is taken from the third.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use axum::response::Response;
use hyper::body::Incoming;
use tokio::time::Instant;

use super::negotiate::{Accepted, MediaType};
use super::respond::refused_as;
use crate::admission::Key;
use crate::auth::Bearer;
use crate::graphql::Api;
use crate::graphql::error::ApiError;
use crate::telemetry::operation::Outcome;
use crate::transport::address::ClientAddress;

/// What comes with its head, mostly. Of a longer body the rest would have to be read first, or its sender be cut off.
const BODY_BYTES: u64 = 16 * 1024;
/// The body of a refusal is far smaller.
const REFUSAL_BYTES: usize = 4096;

/// Looks at a request and who is connected: the answer, if it is turned away.
pub type Shed = Arc<dyn Fn(&Request<Incoming>, SocketAddr) -> Option<Response> + Send + Sync>;

/// A refusal that is ready to be sent.
struct Prepared {
    headers: HeaderMap,
    body: Bytes,
}

impl Prepared {
    async fn of(media_type: MediaType) -> Self {
        let refusal = refused_as(media_type, StatusCode::SERVICE_UNAVAILABLE, ApiError::ServerBusy);
        let (mut head, body) = refusal.into_parts();
        // As all answers say that a page of another origin could be told.
        head.headers
            .append(header::VARY, HeaderValue::from_static("origin"));
        Self {
            headers: head.headers,
            body: to_bytes(body, REFUSAL_BYTES).await.unwrap_or_default(),
        }
    }

    fn answer(&self) -> Response {
        let mut answer = Response::new(Body::from(self.body.clone()));
        *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        *answer.headers_mut() = self.headers.clone();
        answer
    }
}

/// Turns requests away that would have to wait too long, unless there is more to look at than who sends them: pages of
/// other origins, events, and what is large go the whole way, and are turned away there.
pub async fn shed(api: Api) -> Shed {
    let (newer, json) = (
        Prepared::of(MediaType::GraphqlResponse).await,
        Prepared::of(MediaType::Json).await,
    );
    Arc::new(move |request, connected| {
        let app = api.app();
        if !app.admission.is_crowded() {
            return None;
        }
        let began = Instant::now();
        let (key, accepted) = asked(&api, request, connected)?;
        app.admission.turns_away(key)?;
        let answer = match accepted {
            MediaType::GraphqlResponse => newer.answer(),
            MediaType::Json => json.answer(),
        };
        let outcome = Outcome::ServerError(ApiError::SERVER_BUSY);
        app.telemetry.turned_away(outcome, began.elapsed());
        Some(answer)
    })
}

/// Who asks, and for what she is to be answered with, where that is all that matters.
fn asked(api: &Api, request: &Request<Incoming>, connected: SocketAddr) -> Option<(Key, MediaType)> {
    if request.method() != Method::POST || request.uri().path() != "/graphql" {
        return None;
    }
    let headers = request.headers();
    let length: u64 = headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()?;
    let accepted = Accepted::of(headers);
    if length > BODY_BYTES || accepted.event_stream || headers.contains_key(header::ORIGIN) {
        return None;
    }
    let authorization = headers.get(header::AUTHORIZATION);
    let authorization = authorization.map(|value| value.to_str().unwrap_or_default());
    let bearer = Bearer::read(api.app(), authorization);
    let address = ClientAddress::of(connected.ip(), headers, &api.app().config);
    Some((Key::of(bearer, address.0), accepted.single.unwrap_or_default()))
}
