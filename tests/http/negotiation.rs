//! Media types and statuses: what `Accept` decides.

use reqwest::header::{ACCEPT, ALLOW, CONTENT_TYPE};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use super::{get, post};
use crate::support::{TestApp, error_code};

const NEWER: &str = "application/graphql-response+json";
const JSON: &str = "application/json";

/// The status, the media type with its character set, and the JSON of a response.
async fn answer(request: RequestBuilder) -> (u16, String, Value) {
    let response = request.send().await.unwrap();
    let content_type = response.headers()[CONTENT_TYPE].to_str().unwrap().to_owned();
    (
        response.status().as_u16(),
        content_type,
        response.json().await.unwrap(),
    )
}

#[tokio::test]
async fn a_request_that_cannot_run_has_no_data_and_a_status_by_its_media_type() {
    let app = TestApp::start_with(&[("LIMIT_COST", "10")]).await;
    for (request, code) in [
        (json!({ "query": "{" }), "BAD_REQUEST"),
        (json!({ "query": "{ nothing }" }), "BAD_REQUEST"),
        (
            json!({ "query": "query A { __typename }", "operationName": "B" }),
            "BAD_REQUEST",
        ),
        (
            json!({ "query": "query($id: ID!) { plant(id: $id) { id } }", "variables": { "id": null } }),
            "BAD_REQUEST",
        ),
        (
            json!({ "query": "{ careRequests { totalCount } }" }),
            "LIMIT_EXCEEDED",
        ),
        (
            json!({ "query": "subscription { myFeed { __typename } }" }),
            "BAD_REQUEST",
        ),
        (json!({ "documentId": "1" }), "BAD_REQUEST"),
    ] {
        for (media_type, status) in [(NEWER, 400), (JSON, 200)] {
            let answered = answer(post(&app).header(ACCEPT, media_type).json(&request)).await;
            let (given, content_type, body) = answered;
            assert_eq!(given, status, "{media_type}: {request}");
            assert_eq!(content_type, format!("{media_type}; charset=utf-8"));
            assert_eq!(error_code(&body), code, "{request}");
            assert_eq!(body.get("data"), None, "{body}");
            for place in body["errors"][0]["locations"].as_array().into_iter().flatten() {
                assert!(place["line"].as_u64() > Some(0), "{body}");
            }
        }
    }
}

#[tokio::test]
async fn what_ran_has_data_even_if_that_is_null() {
    let app = TestApp::start().await;
    let query = json!({ "query": "{ careRequests { totalCount } }" });
    for media_type in [NEWER, JSON] {
        let (status, content_type, body) = answer(post(&app).header(ACCEPT, media_type).json(&query)).await;
        assert_eq!(
            (status, content_type),
            (200, format!("{media_type}; charset=utf-8"))
        );
        assert_eq!(error_code(&body), "UNAUTHENTICATED");
        assert_eq!(body.get("data"), Some(&Value::Null), "{body}");
    }
}

#[tokio::test]
async fn nothing_is_run_that_cannot_be_answered() {
    let app = TestApp::start().await;
    let member = app.member("Olga").await;
    let mutation = json!({ "query": "mutation { createPlant(input: { name: \"Fern\" }) { plant { id } } }" });
    for unheard_of in ["text/html", "application/xml, image/*;q=0.5", "*/*;q=0"] {
        let request = post(&app).header(ACCEPT, unheard_of).bearer_auth(&member.token);
        let (status, content_type, body) = answer(request.json(&mutation)).await;
        assert_eq!((status, error_code(&body)), (406, "BAD_REQUEST"), "{unheard_of}");
        assert_eq!(content_type, "application/json; charset=utf-8");
    }
    let asked = get(&app, &[("query", "{ __typename }")]).header(ACCEPT, "image/*");
    assert_eq!(answer(asked).await.0, 406);
    let plants = app
        .run(&member, "{ viewer { plants { totalCount } } }", json!({}))
        .await;
    assert_eq!(plants["viewer"]["plants"]["totalCount"], 0);
}

#[tokio::test]
async fn who_takes_event_streams_too_gets_one_answer_to_a_query() {
    let app = TestApp::start().await;
    let usual = "application/graphql-response+json, application/json, text/event-stream, multipart/mixed";
    let query = json!({ "query": "{ __typename }" });
    let (status, content_type, body) = answer(post(&app).header(ACCEPT, usual).json(&query)).await;
    assert_eq!(
        (status, content_type.as_str()),
        (200, "application/graphql-response+json; charset=utf-8")
    );
    assert_eq!(body, json!({ "data": { "__typename": "Query" } }));
}

#[tokio::test]
async fn a_subscription_is_told_where_it_can_be_followed() {
    let app = TestApp::start().await;
    let subscription = json!({ "query": "subscription { myFeed { __typename } }" });
    let (_, _, body) = answer(post(&app).json(&subscription)).await;
    let message = body["errors"][0]["message"].as_str().unwrap();
    assert!(
        message.contains("websocket") && message.contains("text/event-stream"),
        "{message}"
    );
}

#[tokio::test]
async fn every_refusal_is_a_graphql_answer() {
    let app = TestApp::start().await;
    let newer = |method: Method, path: &str| app.request(method, path).header(ACCEPT, NEWER);
    let large = "x".repeat(256 * 1024 + 1);
    for (request, status, code) in [
        (newer(Method::GET, "/nothing"), 404, "NOT_FOUND"),
        (newer(Method::GET, "/graphql/"), 404, "NOT_FOUND"),
        (newer(Method::PUT, "/graphql"), 405, "BAD_REQUEST"),
        (newer(Method::POST, "/schema.graphql"), 405, "BAD_REQUEST"),
        (newer(Method::POST, "/graphql").body("{}"), 415, "BAD_REQUEST"),
        (
            newer(Method::POST, "/graphql")
                .header(CONTENT_TYPE, JSON)
                .body(large),
            413,
            "LIMIT_EXCEEDED",
        ),
        (
            newer(Method::GET, "/graphql?query=%7B__typename%7D").bearer_auth("x"),
            401,
            "UNAUTHENTICATED",
        ),
    ] {
        let (given, content_type, body) = answer(request).await;
        assert_eq!((given, error_code(&body)), (status, code));
        assert_eq!(content_type, format!("{NEWER}; charset=utf-8"));
        assert_eq!(body.get("data"), None);
        assert_eq!(body["errors"][0].get("locations"), None, "{body}");
    }
}

#[tokio::test]
async fn a_method_that_is_not_taken_is_told_which_are() {
    let app = TestApp::start().await;
    let allowed = async |request: RequestBuilder| {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
        response.headers()[ALLOW].to_str().unwrap().to_owned()
    };
    assert_eq!(
        allowed(app.request(Method::DELETE, "/graphql")).await,
        "GET,HEAD,POST"
    );
    let mutation = [("query", "mutation { logout { userErrors { code } } }")];
    assert_eq!(allowed(get(&app, &mutation)).await, "POST");
}
