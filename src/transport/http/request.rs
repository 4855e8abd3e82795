//! What a request over HTTP asks for, out of its body or its address. Nothing has run yet.

use async_graphql::Request;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, StatusCode, header};
use futures_util::StreamExt as _;
use serde_json::{Map, Value};
use url::form_urlencoded;

use super::respond::Refusal;
use crate::graphql::error::{ApiError, Exceeded};
use crate::graphql::request::read;

/// The body of a POST, which is not looked at yet. JSON only: a page of another origin can send a form or plain text
/// without asking, and would have a visitor's browser run what it likes.
pub(super) async fn body(headers: &HeaderMap, body: Body, maximum: usize) -> Result<Bytes, Refusal> {
    if !is_json(headers) {
        return Err(Refusal::bad(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "Send the request as application/json, in UTF-8.",
        ));
    }
    if !is_plain(headers) {
        return Err(Refusal::bad(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "Send the body as it is: a Content-Encoding is not taken.",
        ));
    }
    whole(headers, body, maximum).await
}

/// The request in the body of a POST.
pub(super) fn of_body(body: &[u8]) -> Result<Request, Refusal> {
    let request = serde_json::from_slice(body)
        .map_err(|_| Refusal::bad(StatusCode::BAD_REQUEST, "The body is not JSON."))?;
    Ok(read(request)?)
}

/// The whole body. One that is announced as too large is refused before any of it is read.
async fn whole(headers: &HeaderMap, body: Body, maximum: usize) -> Result<Bytes, Refusal> {
    let too_large = |value| {
        let exceeded = Exceeded {
            limit: "BODY_BYTES",
            value,
            maximum,
        };
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, ApiError::LimitExceeded(exceeded))
    };
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse().ok());
    if let Some(announced) = announced.filter(|announced| *announced > maximum) {
        return Err(too_large(announced));
    }
    let mut pieces = body.into_data_stream();
    let mut first = Bytes::new();
    let mut whole = Vec::new();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|_| {
            Refusal::bad(
                StatusCode::BAD_REQUEST,
                "The body did not come as it was announced.",
            )
        })?;
        let length = first.len() + whole.len() + piece.len();
        if length > maximum {
            return Err(too_large(length));
        }
        // Most come in one piece, which need not be copied.
        if first.is_empty() && whole.is_empty() {
            first = piece;
        } else {
            whole.extend_from_slice(&std::mem::take(&mut first));
            whole.extend_from_slice(&piece);
        }
    }
    Ok(if whole.is_empty() { first } else { whole.into() })
}

/// Whether a body comes as it is. Nobody needs to compress what is so small.
fn is_plain(headers: &HeaderMap) -> bool {
    let codings = headers.get_all(header::CONTENT_ENCODING).iter();
    codings
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .all(|coding| {
            let coding = coding.trim_ascii();
            coding.is_empty() || coding.eq_ignore_ascii_case(b"identity")
        })
}

/// Whether anything is asked for in an address's query string.
pub(super) fn asks(query: &str) -> bool {
    form_urlencoded::parse(query.as_bytes())
        .any(|(name, _)| matches!(&*name, "query" | "documentId" | "extensions"))
}

/// The ticket in an address.
pub(super) fn ticket(query: &str) -> Option<String> {
    let mut fields = form_urlencoded::parse(query.as_bytes());
    fields
        .find(|(name, _)| name == "ticket")
        .map(|(_, ticket)| ticket.into_owned())
}

/// The request in the address of a GET.
pub(super) fn of_address(query: &str) -> Result<Request, Refusal> {
    let mut fields = Map::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let value = match &*name {
            "query" | "documentId" | "operationName" => Value::String(value.into_owned()),
            "variables" | "extensions" => {
                serde_json::from_str(&value).map_err(|_| bad(&name, "is not JSON."))?
            }
            _ => continue,
        };
        if fields.insert(name.clone().into_owned(), value).is_some() {
            return Err(bad(&name, "is there twice."));
        }
    }
    Ok(read(Value::Object(fields))?)
}

fn bad(parameter: &str, complaint: &str) -> Refusal {
    Refusal::bad(StatusCode::BAD_REQUEST, &format!("{parameter} {complaint}"))
}

fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let mut parts = content_type.split(';').map(str::trim);
    let json = parts
        .next()
        .is_some_and(|essence| essence.eq_ignore_ascii_case("application/json"));
    json && parts.all(|parameter| match parameter.split_once('=') {
        Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
            value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        _ => true,
    })
}
