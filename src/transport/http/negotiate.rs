//! What a client is answered with: the media type by its `Accept`, and the status. The one place for both.

use std::cmp::Ordering;

use async_graphql::{Response as Answer, Value};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::graphql::busy::{is_busy, is_timed_out};
use crate::graphql::document::Document;
use crate::graphql::error::ApiError;
use crate::graphql::persisted::asks_for_text;

/// A media type of one answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MediaType {
    /// `application/graphql-response+json`: the status tells whether the request could be run.
    GraphqlResponse,
    /// `application/json`: a request that could be understood as one is answered with 200, whatever came of it.
    #[default]
    Json,
}

/// What a client takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The media type of one answer; none if it takes none of ours.
    pub single: Option<MediaType>,
    /// Whether it takes `application/json`, however little it likes it.
    pub json: bool,
    /// Whether it names `text/event-stream`: answers one after another, as server-sent events.
    pub event_stream: bool,
    /// Whether it names `text/html`: it is a browser.
    pub html: bool,
}

impl Accepted {
    /// Reads the `Accept` of a request; without one a client takes everything.
    pub fn of(headers: &HeaderMap) -> Self {
        let lines = headers.get_all(header::ACCEPT).iter();
        let lines: Vec<_> = lines.filter_map(|line| line.to_str().ok()).collect();
        let list = lines.join(",");
        let ranges: Vec<_> = list.split(',').filter_map(Range::read).collect();
        let named = |media_type| {
            ranges
                .iter()
                .any(|range| range.name == media_type && range.weight > 0.0)
        };
        Self {
            single: single(&list, &ranges),
            json: list.trim().is_empty() || best(&ranges, "application/json").is_some(),
            event_stream: named("text/event-stream"),
            html: named("text/html"),
        }
    }

    /// The media type of a refusal before there was an operation. What has a client send a document's text is no failure,
    /// and the status of `application/json` does not make it one.
    pub fn of_refusal(self, refusal: &Answer) -> MediaType {
        if self.json && asks_for_text(refusal) {
            return MediaType::Json;
        }
        // Who takes nothing of ours is told so in the plainest way.
        self.single.unwrap_or_default()
    }

    /// Whether an operation is to be answered by server-sent events: to who takes nothing else, or takes them
    /// too and follows a subscription. Known before anything runs.
    pub fn wants_events(self, document: &Document) -> bool {
        self.event_stream && (self.single.is_none() || document.is_subscription())
    }
}

impl MediaType {
    /// As `Content-Type`.
    pub fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::GraphqlResponse => "application/graphql-response+json; charset=utf-8",
            Self::Json => "application/json; charset=utf-8",
        })
    }

    /// The status of an answer to a request that could be understood.
    pub fn status(self, answer: &Answer) -> StatusCode {
        if answer.data != Value::Null {
            StatusCode::OK
        } else if is_busy(answer) || is_timed_out(answer) {
            StatusCode::SERVICE_UNAVAILABLE
        } else if has_run(answer) || self == Self::Json {
            StatusCode::OK
        } else {
            StatusCode::BAD_REQUEST
        }
    }
}

/// Whether anything was run. If not, an answer has no `data` at all; if so and a field that must not be null
/// failed, it is null. What fails in a field says in which, and what is wrong with a document does not.
pub fn has_run(answer: &Answer) -> bool {
    answer.errors.is_empty() || answer.errors.iter().any(|error| !error.path.is_empty())
}

/// The status of a refusal before there was an operation to run.
pub fn status_of(error: &ApiError) -> StatusCode {
    match error {
        ApiError::Unauthenticated => StatusCode::UNAUTHORIZED,
        ApiError::NotFound | ApiError::NoSuchAddress => StatusCode::NOT_FOUND,
        ApiError::ServerBusy | ApiError::Unconfirmed | ApiError::TimedOut { .. } => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        ApiError::Internal { .. } => StatusCode::INTERNAL_SERVER_ERROR,
        ApiError::BadRequest(_)
        | ApiError::InvalidId
        | ApiError::InvalidCursor(_)
        | ApiError::PersistedQueryNotFound
        | ApiError::PersistedQueryNotSupported
        | ApiError::LimitExceeded(_) => StatusCode::BAD_REQUEST,
    }
}

/// The media type that a client likes best of those it takes; of equals the one that it named and, of those,
/// the newer one. Who does not say gets `application/json`, as clients that do not know the other expect.
fn single(list: &str, ranges: &[Range]) -> Option<MediaType> {
    if list.trim().is_empty() {
        return Some(MediaType::Json);
    }
    let newer = best(ranges, "application/graphql-response+json");
    let json = best(ranges, "application/json");
    match (newer, json) {
        (None, None) => None,
        (Some(_), None) => Some(MediaType::GraphqlResponse),
        (None, Some(_)) => Some(MediaType::Json),
        (Some((weight, precise)), Some((json_weight, json_precise))) => {
            let newer_wins = match weight.total_cmp(&json_weight) {
                Ordering::Equal => precise == 2 && precise >= json_precise,
                order => order.is_gt(),
            };
            Some(if newer_wins {
                MediaType::GraphqlResponse
            } else {
                MediaType::Json
            })
        }
    }
}

/// How much a client likes a media type, by the range that names it most precisely (RFC 9110, 12.5.1), and
/// how precise that one is; none if it does not take it.
fn best(ranges: &[Range], media_type: &str) -> Option<(f32, u8)> {
    let precise = |range: &Range| match range.name.as_str() {
        name if name == media_type => Some(2),
        "application/*" => Some(1),
        "*/*" => Some(0),
        _ => None,
    };
    ranges
        .iter()
        .filter_map(|range| Some((range.weight, precise(range)?)))
        .reduce(|best, next| if next.1 > best.1 { next } else { best })
        .filter(|(weight, _)| *weight > 0.0)
}

/// One of the media ranges of `Accept`; its parameters but `q` do not matter here.
struct Range {
    name: String,
    weight: f32,
}

impl Range {
    fn read(text: &str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let name = parts.next()?.to_ascii_lowercase();
        name.contains('/').then_some(())?;
        let weight = parts
            .filter_map(|parameter| parameter.split_once('='))
            .find(|(name, _)| name.trim().eq_ignore_ascii_case("q"))
            .map_or(1.0, |(_, weight)| weight.trim().parse().unwrap_or(0.0));
        Some(Self { name, weight })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(lines: &[&str]) -> Accepted {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::ACCEPT, line.parse().unwrap());
        }
        Accepted::of(&headers)
    }

    fn single(list: &str) -> Option<MediaType> {
        accepted(&[list]).single
    }

    #[test]
    fn who_does_not_say_gets_json() {
        assert_eq!(accepted(&[]).single, Some(MediaType::Json));
        for list in [
            "",
            "*/*",
            "application/*",
            "text/html, */*;q=0.8",
            "application/*, */*",
        ] {
            assert_eq!(single(list), Some(MediaType::Json), "{list}");
        }
    }

    #[test]
    fn what_is_named_is_answered_by_weight() {
        for newer in [
            "application/graphql-response+json",
            "Application/GraphQL-Response+JSON; charset=utf-8",
            "application/graphql-response+json, application/json;q=0.9",
            "application/json, application/graphql-response+json",
            "application/graphql-response+json, */*",
            "application/json;q=0.1, */*;q=0.2",
            "application/json;q=0, */*",
        ] {
            assert_eq!(single(newer), Some(MediaType::GraphqlResponse), "{newer}");
        }
        for json in [
            "application/json",
            "application/json;charset=utf-8",
            "application/graphql-response+json;q=0.5, application/json",
            "application/graphql-response+json; q=0, */*;q=0.1",
            "application/json, */*",
        ] {
            assert_eq!(single(json), Some(MediaType::Json), "{json}");
        }
        assert_eq!(
            accepted(&["text/html", "application/graphql-response+json"]).single,
            Some(MediaType::GraphqlResponse)
        );
    }

    #[test]
    fn what_is_not_taken_is_not_answered() {
        for list in [
            "text/html",
            "image/*",
            "application/json;q=0",
            "*/*;q=0",
            "application/xml, nonsense",
        ] {
            assert_eq!(single(list), None, "{list}");
        }
    }

    #[test]
    fn event_streams_are_only_wanted_by_name() {
        assert!(accepted(&["application/json, text/event-stream"]).event_stream);
        assert!(!accepted(&["*/*"]).event_stream);
        assert!(!accepted(&["text/event-stream;q=0"]).event_stream);
        assert_eq!(single("text/event-stream"), None);
    }
}
