//! Requests as bytes: what could be read in two ways, and what is broken, is refused, and nobody waits for it.

use serde_json::json;

use super::PRODUCTION;
use crate::support::TestApp;
use crate::support::raw::exchange;

const QUERY: &str = r#"{"query":"{ __typename }"}"#;
const ANSWER: &str = r#"{"data":{"__typename":"Query"}}"#;

/// A POST of the query with other headers, and a body that may differ.
fn post(headers: &str, body: &str) -> Vec<u8> {
    format!(
        "POST /graphql HTTP/1.1\r\nContent-Type: application/json\r\nConnection: close\r\n{headers}\r\n{body}"
    )
    .into_bytes()
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}

#[tokio::test]
async fn a_request_says_once_for_which_host_it_is() {
    let app = TestApp::start().await;
    let length = format!("Content-Length: {}\r\n", QUERY.len());
    for (headers, expected) in [
        ("Host: a\r\n", "200"),
        ("", "400"),
        ("Host:\r\n", "400"),
        ("Host: a\r\nHost: a\r\n", "400"),
        ("Host: a\r\nHost: b\r\n", "400"),
        ("Host: a b\r\n", "400"),
        ("Host: user@a\r\n", "400"),
        (
            "Host: a\r\nAuthorization: Bearer a\r\nAuthorization: Bearer b\r\n",
            "400",
        ),
        ("Host: a\r\nOrigin: http://a\r\nOrigin: http://b\r\n", "400"),
        ("Host: a\r\nContent-Type: text/plain\r\n", "400"),
        ("Host : a\r\n", "400"),
        (" Host: a\r\n", "400"),
        ("Host: a\r\n folded: b\r\n", "400"),
    ] {
        let answer = exchange(&app.url, &post(&format!("{headers}{length}"), QUERY)).await;
        assert_eq!(status(&answer), expected, "{headers:?}: {answer}");
        assert_eq!(
            answer.contains(ANSWER),
            expected == "200",
            "{headers:?}: {answer}"
        );
    }
    // As proxies and old programs ask.
    for (line, headers, expected) in [
        ("GET /graphql?query={__typename} HTTP/1.0", "", "200"),
        (
            "GET http://a/graphql?query={__typename} HTTP/1.1",
            "Host: a\r\n",
            "200",
        ),
        (
            "GET http://b/graphql?query={__typename} HTTP/1.1",
            "Host: a\r\n",
            "400",
        ),
        ("GET http://a/graphql?query={__typename} HTTP/1.1", "", "400"),
        ("HEAD /graphql?query={__typename} HTTP/1.1", "Host: a\r\n", "200"),
        ("GET /%67raphql?query={__typename} HTTP/1.1", "Host: a\r\n", "404"),
        ("GET //graphql?query={__typename} HTTP/1.1", "Host: a\r\n", "404"),
        (
            "GET /graphql/../graphql?query={__typename} HTTP/1.1",
            "Host: a\r\n",
            "404",
        ),
        (
            "GET /graphql%00?query={__typename} HTTP/1.1",
            "Host: a\r\n",
            "404",
        ),
        (
            "GET /graphql?query={__typename}%00 HTTP/1.1",
            "Host: a\r\n",
            "200",
        ),
        ("DELETE /graphql HTTP/1.1", "Host: a\r\n", "405"),
        ("CONNECT a:443 HTTP/1.1", "Host: a:443\r\n", "404"),
        ("OPTIONS * HTTP/1.1", "Host: a\r\n", "404"),
        ("TRACE /graphql HTTP/1.1", "Host: a\r\n", "405"),
        ("GET /graphql HTTP/3.0", "Host: a\r\n", "400"),
        ("GET /graphql", "", "400"),
    ] {
        let request = format!("{line}\r\n{headers}Connection: close\r\n\r\n");
        let answer = exchange(&app.url, request.as_bytes()).await;
        assert_eq!(status(&answer), expected, "{line}: {answer}");
    }
}

#[tokio::test]
async fn a_body_that_is_framed_in_two_ways_hides_no_second_request() {
    let app = TestApp::start().await;
    let hidden = "GET /schema.graphql HTTP/1.1\r\nHost: a\r\n\r\n";
    let chunk = format!("{:x}\r\n{QUERY}\r\n0\r\n\r\n", QUERY.len());
    let host = "Host: a\r\n";
    for (headers, body) in [
        (
            format!(
                "Content-Length: {}\r\nTransfer-Encoding: chunked\r\n",
                chunk.len()
            ),
            chunk.clone(),
        ),
        (
            format!(
                "Transfer-Encoding: chunked\r\nContent-Length: {}\r\n",
                QUERY.len()
            ),
            chunk.clone(),
        ),
        (
            "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n".to_owned(),
            chunk.clone(),
        ),
        (
            "Transfer-Encoding: chunked, identity\r\n".to_owned(),
            chunk.clone(),
        ),
        ("Transfer-Encoding: xchunked\r\n".to_owned(), chunk.clone()),
        ("Transfer-Encoding: gzip, chunked\r\n".to_owned(), chunk.clone()),
        (
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n".to_owned(),
            chunk.clone(),
        ),
        ("Transfer-Encoding:\u{b}chunked\r\n".to_owned(), chunk.clone()),
        (
            format!("Content-Length: {}\r\nContent-Length: 5\r\n", QUERY.len()),
            QUERY.to_owned(),
        ),
        (format!("Content-Length: +{}\r\n", QUERY.len()), QUERY.to_owned()),
        (
            format!("Content-Length: {}, {}\r\n", QUERY.len(), QUERY.len()),
            QUERY.to_owned(),
        ),
    ] {
        // Kept alive, so that what follows would be answered.
        let request = format!(
            "POST /graphql HTTP/1.1\r\nContent-Type: application/json\r\n{host}{headers}\r\n{body}{hidden}"
        );
        let answer = exchange(&app.url, request.as_bytes()).await;
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{headers:?}: {answer}");
        assert!(!answer.contains("type Query"), "{headers:?}: {answer}");
    }
}

#[tokio::test]
async fn a_broken_body_is_told_as_broken_and_a_large_one_as_large() {
    let app = TestApp::start().await;
    let chunked = "Host: a\r\nTransfer-Encoding: chunked\r\n";
    for body in [
        "zz\r\nabc\r\n0\r\n\r\n",
        "3\r\nabcd\r\n0\r\n\r\n",
        "3;x\nabc",
        "ffffffffffffffffff\r\nabc\r\n0\r\n\r\n",
        "-1\r\n\r\n",
    ] {
        let answer = exchange(&app.url, &post(chunked, body)).await;
        assert_eq!(status(&answer), "400", "{body:?}: {answer}");
        assert!(
            answer.contains("BAD_REQUEST") && !answer.contains("\"data\""),
            "{body:?}: {answer}"
        );
    }
    let piece = format!("{:x}\r\n{}\r\n", 64 * 1024, " ".repeat(64 * 1024));
    let large = exchange(&app.url, &post(chunked, &piece.repeat(5))).await;
    assert_eq!(status(&large), "413", "{large}");
    let pieces = format!("1\r\n{{\r\n{:x}\r\n{}\r\n0\r\n\r\n", QUERY.len() - 1, &QUERY[1..]);
    assert!(exchange(&app.url, &post(chunked, &pieces)).await.contains(ANSWER));

    // Nothing of it is waited for: not a byte of the body was sent.
    for announced in ["10000000000", "262145", "9223372036854775807"] {
        let headers = format!("Host: a\r\nContent-Length: {announced}\r\n");
        let answer = exchange(&app.url, &post(&headers, "")).await;
        assert_eq!(status(&answer), "413", "{announced}: {answer}");
        assert!(answer.contains("\"BODY_BYTES\""), "{answer}");
        let expecting = exchange(&app.url, &post(&format!("{headers}Expect: 100-continue\r\n"), "")).await;
        assert_eq!(status(&expecting), "413", "{expecting}");
    }
}

#[tokio::test]
async fn a_body_comes_as_it_is() {
    let app = TestApp::start().await;
    let with = |coding: &str| {
        let headers = format!(
            "Host: a\r\nContent-Encoding: {coding}\r\nContent-Length: {}\r\n",
            QUERY.len()
        );
        post(&headers, QUERY)
    };
    for coding in ["gzip", "GZIP", "deflate", "br", "zstd", "identity, gzip", "x"] {
        let answer = exchange(&app.url, &with(coding)).await;
        assert_eq!(status(&answer), "415", "{coding}: {answer}");
        assert!(answer.contains("\r\naccept-encoding: identity\r\n"), "{answer}");
    }
    for coding in ["identity", "Identity", ""] {
        assert!(
            exchange(&app.url, &with(coding)).await.contains(ANSWER),
            "{coding}"
        );
    }
}

#[tokio::test]
async fn long_heads_are_refused_and_odd_ones_answered() {
    let app = TestApp::start().await;
    let body = format!("Host: a\r\nContent-Length: {}\r\n", QUERY.len());
    let many = "X-Many: y\r\n".repeat(200);
    assert_eq!(
        status(&exchange(&app.url, &post(&format!("{body}{many}"), QUERY)).await),
        "431"
    );
    let long = format!("X-Long: {}\r\n", "y".repeat(1_000_000));
    assert_eq!(
        status(&exchange(&app.url, &post(&format!("{body}{long}"), QUERY)).await),
        "431"
    );
    for odd in [
        "TE: trailers, gzip\r\n",
        "Expect: 100-continue\r\n",
        "Accept: */*\r\nAccept: \u{e9}\r\n",
        "X-Empty:\r\n",
    ] {
        let answer = exchange(&app.url, &post(&format!("{body}{odd}"), QUERY)).await;
        assert!(answer.contains(ANSWER), "{odd}: {answer}");
    }
}

#[tokio::test]
async fn no_cache_may_keep_an_answer() {
    let app = TestApp::start_with(&PRODUCTION).await;
    let member = app.member("Olga").await;
    let url = format!("/graphql?{}", "query=%7B__typename%7D");
    let get = app.request(reqwest::Method::GET, &url);
    let login = json!({ "query": "mutation { createStreamTicket { ticket } }" });
    let post = app.request(reqwest::Method::POST, "/graphql").json(&login);
    let events = post.try_clone().unwrap().header("accept", "text/event-stream");
    for request in [get, post, events] {
        let answer = request.bearer_auth(&member.token).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert!(
            answer.headers()["cache-control"]
                .to_str()
                .unwrap()
                .starts_with("no-store")
        );
    }
}
