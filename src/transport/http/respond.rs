//! Answers and refusals as HTTP: every one of them is a GraphQL response.

use async_graphql::Response as Answer;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use super::negotiate::{Accepted, MediaType, has_run, status_of};
use crate::graphql::error::{ApiError, Exceeded};
use crate::graphql::json;

/// After how many seconds who was told that the server is busy may try again.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("2");

/// A request that is not run.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    error: ApiError,
    /// The methods that would be taken.
    allow: Option<&'static str>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, error: ApiError) -> Self {
        Self {
            status,
            error,
            allow: None,
        }
    }

    pub(super) fn bad(status: StatusCode, message: &str) -> Self {
        Self::new(status, ApiError::BadRequest(message.to_owned()))
    }

    pub(super) fn allowing(self, methods: &'static str) -> Self {
        Self {
            allow: Some(methods),
            ..self
        }
    }

    pub(super) fn respond(self, accepted: Accepted) -> Response {
        // Who takes nothing of ours is told so in the plainest way.
        let media_type = accepted.single.unwrap_or_default();
        let mut response = write(media_type, self.status, &self.error.into_response());
        if let Some(methods) = self.allow {
            let methods = HeaderValue::from_static(methods);
            response.headers_mut().insert(header::ALLOW, methods);
        }
        response
    }
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        Self::new(status_of(&error), error)
    }
}

/// A refusal where there is nothing to negotiate.
pub fn refused(status: StatusCode, error: ApiError) -> Response {
    refused_as(MediaType::Json, status, error)
}

/// The refusal of one more where there are as many as there may be.
pub fn full(limit: &'static str, maximum: usize) -> Response {
    let exceeded = Exceeded {
        limit,
        value: maximum + 1,
        maximum,
    };
    refused(StatusCode::SERVICE_UNAVAILABLE, ApiError::LimitExceeded(exceeded))
}

/// A refusal of a media type.
pub(super) fn refused_as(media_type: MediaType, status: StatusCode, error: ApiError) -> Response {
    write(media_type, status, &error.into_response())
}

/// The answer to an address that is none.
pub async fn no_such_address(headers: HeaderMap) -> Response {
    Refusal::from(ApiError::NoSuchAddress).respond(Accepted::of(&headers))
}

/// The answer to a method that an address does not take; which it takes is added by the router.
pub async fn method_not_allowed(headers: HeaderMap) -> Response {
    Refusal::bad(
        StatusCode::METHOD_NOT_ALLOWED,
        "This address does not take this method.",
    )
    .respond(Accepted::of(&headers))
}

/// The answer to an operation.
pub(super) fn respond(media_type: MediaType, answer: &Answer) -> Response {
    write(media_type, media_type.status(answer), answer)
}

fn write(media_type: MediaType, status: StatusCode, answer: &Answer) -> Response {
    let mut response = (status, json::of_response(answer, has_run(answer))).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, media_type.content_type());
    headers.append(header::VARY, HeaderValue::from_static("accept"));
    // Tokens, tickets and what one member may see: no cache may have any of it.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    match status {
        StatusCode::UNAUTHORIZED => {
            let challenge = HeaderValue::from_static("Bearer error=\"invalid_token\"");
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
            headers.insert(header::RETRY_AFTER, RETRY_AFTER);
        }
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            // RFC 9110, section 15.5.16: so that it can be known what was wrong.
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        }
        _ => {}
    }
    response
}
