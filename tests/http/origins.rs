//! Which pages may call: their own, and those of `ALLOWED_ORIGINS`.

use reqwest::header::{HeaderMap, ORIGIN};
use reqwest::{Method, Response};

use super::{PRODUCTION, get};
use crate::support::{Socket, TestApp};

#[tokio::test]
async fn pages_of_allowed_origins_may_read_answers_and_others_may_not() {
    let settings: Vec<_> = PRODUCTION
        .into_iter()
        .chain([("ALLOWED_ORIGINS", "https://app.example.org")])
        .collect();
    let app = TestApp::start_with(&settings).await;
    let preflight = async |origin: &str| -> Response {
        let request = app.request(Method::OPTIONS, "/graphql").header(ORIGIN, origin);
        let asked = request
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization,content-type");
        asked.send().await.unwrap()
    };
    let allowed = |headers: &HeaderMap| headers.get("access-control-allow-origin").cloned();
    let friend = preflight("https://app.example.org").await;
    assert_eq!(allowed(friend.headers()).unwrap(), "https://app.example.org");
    let told = |headers: &HeaderMap, name: &str| headers[name].to_str().unwrap().to_ascii_lowercase();
    assert_eq!(told(friend.headers(), "access-control-max-age"), "7200");
    let taken = told(friend.headers(), "access-control-allow-headers");
    for header in [
        "accept-language",
        "authorization",
        "content-type",
        "traceparent",
        "apollo-require-preflight",
        "x-requested-with",
        "graphql-preflight",
    ] {
        assert!(
            taken.split(',').any(|taken| taken.trim() == header),
            "{header}: {taken}"
        );
    }
    assert!(!friend.headers().contains_key("access-control-allow-credentials"));
    let stranger = preflight("https://evil.example").await;
    assert_eq!(allowed(stranger.headers()), None);
    let simple = get(&app, &[("query", "{ viewer { id } }")]);
    let foreign = simple.try_clone().unwrap().header(ORIGIN, "https://evil.example");
    let foreign = foreign.send().await.unwrap();
    assert_eq!(allowed(foreign.headers()), None);
    // What is answered differs by who asks, also where nobody of another origin does.
    for answer in [foreign, simple.try_clone().unwrap().send().await.unwrap()] {
        let vary: Vec<_> = answer
            .headers()
            .get_all("vary")
            .iter()
            .map(|line| line.to_str().unwrap())
            .collect();
        assert!(vary.join(",").to_ascii_lowercase().contains("origin"), "{vary:?}");
    }
    let own = simple
        .header(ORIGIN, "https://app.example.org")
        .send()
        .await
        .unwrap();
    assert_eq!(
        told(own.headers(), "access-control-expose-headers"),
        "retry-after"
    );
}

#[tokio::test]
async fn a_websocket_is_not_opened_for_foreign_pages() {
    let app = TestApp::start_with(&[("ALLOWED_ORIGINS", "https://app.example.org")]).await;
    for foreign in [
        "https://evil.example",
        "null",
        "https://app.example.org.evil.example",
    ] {
        assert_eq!(
            Socket::refused_to(&app.url, &[("Origin", foreign)]).await,
            403,
            "{foreign}"
        );
    }
    for friend in [
        app.url.as_str(),
        "https://app.example.org",
        "http://localhost:5173",
    ] {
        Socket::connect_with(&app.url, &[("Origin", friend)])
            .await
            .unwrap();
    }
    let member = app.member("Olga").await;
    app.socket(&member).await;
}
