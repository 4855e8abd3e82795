//! What a request must be to be looked at: one that every server on its way reads in the same way.
//!
//! Where two of them differ on where a request ends, or for whom it is, one of them can be told to do what the other
//! refuses. So what could be read in two ways is refused.

use axum::extract::Request;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version, header};
use axum::middleware::Next;
use axum::response::Response;

use super::negotiate::Accepted;
use super::respond::Refusal;

/// What is there once or not at all: of two, nobody knows which counts.
const ONCE: [HeaderName; 6] = [
    header::HOST,
    header::AUTHORIZATION,
    header::CONTENT_TYPE,
    header::CONTENT_LENGTH,
    header::ORIGIN,
    HeaderName::from_static("last-event-id"),
];

/// Refuses a request that could be read in two ways.
pub async fn guard(request: Request, next: Next) -> Response {
    match complaint(&request) {
        None => next.run(request).await,
        Some(complaint) => {
            let accepted = Accepted::of(request.headers());
            let mut response = Refusal::bad(StatusCode::BAD_REQUEST, complaint).respond(accepted);
            if request.version() <= Version::HTTP_11 {
                // What follows on the connection may be part of it, and must not be read as another one.
                let close = HeaderValue::from_static("close");
                response.headers_mut().insert(header::CONNECTION, close);
            }
            response
        }
    }
}

fn complaint(request: &Request) -> Option<&'static str> {
    let headers = request.headers();
    if ONCE
        .iter()
        .any(|name| headers.get_all(name).iter().nth(1).is_some())
    {
        return Some("A header is there twice of which there can be one.");
    }
    if !host_is_clear(request) {
        return Some("Host must name the server, once and as the address does.");
    }
    if !is_framed_plainly(headers) {
        return Some("Transfer-Encoding can be chunked and nothing else.");
    }
    None
}

/// Whether it is said once for which host a request is (RFC 9112, section 3.2; RFC 9113, section 8.3.1).
fn host_is_clear(request: &Request) -> bool {
    let authority = request.uri().authority();
    let Some(host) = request.headers().get(header::HOST) else {
        return match request.version() {
            // It has it in the address.
            Version::HTTP_2 | Version::HTTP_3 => authority.is_some(),
            // It need not say.
            version => version < Version::HTTP_11,
        };
    };
    let Some(host) = host.to_str().ok().and_then(|host| host.parse::<Authority>().ok()) else {
        return false;
    };
    !host.as_str().contains('@')
        && authority.is_none_or(|authority| authority.as_str().eq_ignore_ascii_case(host.as_str()))
}

/// Whether the body is framed in the one way that everybody knows.
fn is_framed_plainly(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    codings.all(|coding| coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked"))
        && headers.get_all(header::TRANSFER_ENCODING).iter().nth(1).is_none()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn asked(uri: &str, version: Version, headers: &[(&str, &str)]) -> Option<&'static str> {
        let mut request = axum::http::Request::builder().uri(uri).version(version);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        complaint(&request.body(Body::empty()).unwrap())
    }

    #[test]
    fn a_request_is_for_one_host() {
        let path = "/graphql";
        assert_eq!(
            asked(path, Version::HTTP_11, &[("host", "care.example.org:8000")]),
            None
        );
        assert_eq!(asked(path, Version::HTTP_11, &[("host", "[::1]:8000")]), None);
        assert_eq!(asked(path, Version::HTTP_10, &[]), None);
        assert_eq!(
            asked("http://care.example.org/graphql", Version::HTTP_2, &[]),
            None
        );
        let absolute = "http://Care.example.org/graphql";
        assert_eq!(
            asked(absolute, Version::HTTP_11, &[("host", "care.example.org")]),
            None
        );
        for wrong in [
            asked(path, Version::HTTP_11, &[]),
            asked(path, Version::HTTP_2, &[]),
            asked("http://care.example.org/graphql", Version::HTTP_11, &[]),
            asked(path, Version::HTTP_11, &[("host", "")]),
            asked(path, Version::HTTP_11, &[("host", "a b")]),
            asked(path, Version::HTTP_11, &[("host", "a@b")]),
            asked(path, Version::HTTP_11, &[("host", "a/b")]),
            asked(path, Version::HTTP_11, &[("host", "a"), ("host", "a")]),
            asked(path, Version::HTTP_10, &[("host", "a"), ("host", "b")]),
            asked(absolute, Version::HTTP_11, &[("host", "evil.example")]),
        ] {
            assert!(wrong.is_some());
        }
    }

    #[test]
    fn a_body_ends_where_everybody_thinks() {
        let host = ("host", "a");
        let with =
            |more: &[(&'static str, &'static str)]| asked("/", Version::HTTP_11, &[&[host], more].concat());
        assert_eq!(with(&[("transfer-encoding", "Chunked ")]), None);
        assert_eq!(with(&[("te", "trailers")]), None);
        for wrong in [
            [("transfer-encoding", "gzip, chunked")].as_slice(),
            &[("transfer-encoding", "chunked, chunked")],
            &[("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")],
            &[("transfer-encoding", "identity")],
            &[("transfer-encoding", "xchunked")],
            &[("content-length", "1"), ("content-length", "1")],
            &[("authorization", "Bearer a"), ("authorization", "Bearer b")],
            &[("origin", "http://a"), ("origin", "http://b")],
        ] {
            assert!(with(wrong).is_some(), "{wrong:?}");
        }
    }
}
