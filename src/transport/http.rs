//! GraphQL over HTTP.

use async_graphql::parser::types::OperationType;
use async_graphql::{Request, Response as Answer};
use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{Query, State, WebSocketUpgrade};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::{graphiql, language, websocket};
use crate::auth::{self, AuthError};
use crate::graphql::Api;
use crate::graphql::error::{ApiError, Exceeded, with_codes};
use crate::graphql::scope::Caller;

/// `POST /graphql`: queries and mutations.
pub async fn post(State(api): State<Api>, headers: HeaderMap, body: Body) -> Response {
    if !is_json(&headers) {
        // Not taken from a form or as plain text: a foreign page could send those without being asked.
        let message = "Send the request as application/json.".to_owned();
        return refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, ApiError::BadRequest(message));
    }
    let maximum = api.app().config.limits.body_bytes;
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse().ok());
    let Ok(body) = to_bytes(body, maximum).await else {
        let exceeded = Exceeded {
            limit: "BODY_BYTES",
            value: announced.unwrap_or(maximum + 1),
            maximum,
        };
        return refused(StatusCode::PAYLOAD_TOO_LARGE, ApiError::LimitExceeded(exceeded));
    };
    match read(&body) {
        Ok(request) => answer(&api, &headers, request).await,
        Err(message) => refused(StatusCode::BAD_REQUEST, ApiError::BadRequest(message)),
    }
}

/// `GET /graphql`: a query, a page for browsers, or the way to a websocket.
pub async fn get(
    State(api): State<Api>,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    if let Ok(upgrade) = upgrade {
        return websocket::upgrade(api, &headers, upgrade);
    }
    let Some(query) = asked.query else {
        if accepts_html(&headers) {
            return graphiql::page(&headers);
        }
        return refused(
            StatusCode::BAD_REQUEST,
            ApiError::BadRequest("There is no query.".to_owned()),
        );
    };
    let mut request = Request::new(query);
    request.operation_name = asked.operation_name;
    if let Some(variables) = asked.variables {
        let Ok(variables) = serde_json::from_str(&variables) else {
            let message = "The variables are not a JSON object.".to_owned();
            return refused(StatusCode::BAD_REQUEST, ApiError::BadRequest(message));
        };
        request.variables = variables;
    }
    if !only_queries(&api, &mut request) {
        // A link or an image must not be able to change anything.
        let message = "GET runs queries only: send mutations by POST.".to_owned();
        return refused(StatusCode::METHOD_NOT_ALLOWED, ApiError::BadRequest(message));
    }
    answer(&api, &headers, request).await
}

/// The query string of `GET /graphql`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Asked {
    query: Option<String>,
    operation_name: Option<String>,
    variables: Option<String>,
}

/// Who sends a request, by its headers.
pub async fn caller(api: &Api, headers: &HeaderMap) -> Result<Caller, Box<Response>> {
    let authorization = headers
        .get(header::AUTHORIZATION)
        .map(|value| value.to_str().unwrap_or_default());
    match auth::authenticate(api.app(), authorization).await {
        Ok(viewer) => Ok(Caller {
            viewer,
            accepts: language::accepted(headers),
        }),
        Err(AuthError::Invalid) => {
            let challenge = [(header::WWW_AUTHENTICATE, "Bearer error=\"invalid_token\"")];
            Err(Box::new(
                (
                    challenge,
                    refused(StatusCode::UNAUTHORIZED, ApiError::Unauthenticated),
                )
                    .into_response(),
            ))
        }
        Err(AuthError::Unavailable(error)) => Err(Box::new(refused(
            StatusCode::SERVICE_UNAVAILABLE,
            ApiError::internal(&error),
        ))),
    }
}

async fn answer(api: &Api, headers: &HeaderMap, request: Request) -> Response {
    match caller(api, headers).await {
        Ok(caller) => Json(api.run(request, caller).await).into_response(),
        Err(response) => *response,
    }
}

/// A refusal as a GraphQL answer.
pub fn refused(status: StatusCode, error: ApiError) -> Response {
    (
        status,
        Json(with_codes(Answer::from_errors(vec![error.into_server_error()]))),
    )
        .into_response()
}

fn read(body: &[u8]) -> Result<Request, String> {
    let value: serde_json::Value =
        serde_json::from_slice(body).map_err(|_| "The body is not JSON.".to_owned())?;
    match &value {
        serde_json::Value::Array(_) => {
            return Err("Send one request at a time: batches are not taken.".to_owned());
        }
        serde_json::Value::Object(fields)
            if fields.get("query").is_some_and(serde_json::Value::is_string) => {}
        serde_json::Value::Object(_) => return Err("There is no query.".to_owned()),
        _ => return Err("The body is not a JSON object.".to_owned()),
    }
    serde_json::from_value(value).map_err(|_| "The body is not a GraphQL request.".to_owned())
}

fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    content_type
        .split(';')
        .next()
        .is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}

fn accepts_html(headers: &HeaderMap) -> bool {
    headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.contains("text/html"))
}

/// Whether nothing of a document would change anything. One that cannot be parsed changes nothing either;
/// what is wrong with it is told when it is run.
fn only_queries(api: &Api, request: &mut Request) -> bool {
    match api.parse(request) {
        Ok(document) => document
            .operations
            .iter()
            .all(|(_, operation)| operation.node.ty == OperationType::Query),
        Err(_) => true,
    }
}
