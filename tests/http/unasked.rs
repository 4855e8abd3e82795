//! What a page of another origin could send with a visitor's browser, and without being asked, is not run.

use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, RequestBuilder};
use serde_json::json;

use super::{get, refusal, refused};
use crate::support::TestApp;

const MUTATION: &str = "mutation { createPlant(input: { name: \"Fern\" }) { plant { id } } }";

#[tokio::test]
async fn forms_and_links_are_refused_before_anything_runs() {
    let app = TestApp::start().await;
    let member = app.member("Olga").await;
    let as_member = |request: RequestBuilder| request.bearer_auth(&member.token);
    let plants = async || {
        let query = "{ viewer { plants { totalCount } } }";
        app.run(&member, query, json!({})).await["viewer"]["plants"]["totalCount"].take()
    };
    let body = json!({ "query": MUTATION }).to_string();
    let form = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("query", MUTATION)
        .finish();
    let part =
        format!("--x\r\nContent-Disposition: form-data; name=\"operations\"\r\n\r\n{body}\r\n--x--\r\n");
    let posted = as_member(app.request(Method::POST, "/graphql"));
    for (content_type, body) in [
        ("text/plain", &body),
        ("text/plain;charset=UTF-8", &body),
        ("application/x-www-form-urlencoded", &form),
        ("application/x-www-form-urlencoded", &body),
        ("multipart/form-data; boundary=x", &part),
        ("application/json; charset=utf-16", &body),
    ] {
        let request = posted.try_clone().unwrap().header(CONTENT_TYPE, content_type);
        assert_eq!(
            refusal(request.body(body.clone())).await,
            refused(415, "BAD_REQUEST"),
            "{content_type}"
        );
    }
    assert_eq!(
        refusal(posted.try_clone().unwrap().body(body.clone())).await,
        refused(415, "BAD_REQUEST")
    );
    assert_eq!(
        refusal(as_member(get(&app, &[("query", MUTATION)]))).await,
        refused(405, "BAD_REQUEST")
    );
    assert_eq!(plants().await, 0, "nothing of it ran");

    // The same mutation runs when it comes as it should.
    let sent = posted.header(CONTENT_TYPE, "application/json; charset=UTF-8");
    assert_eq!(sent.body(body).send().await.unwrap().status(), 200);
    assert_eq!(plants().await, 1);
}

#[tokio::test]
async fn the_parameters_of_a_request_have_types() {
    let app = TestApp::start().await;
    let query = "query A { __typename }";
    for (name, wrong) in [
        ("query", json!(1)),
        ("documentId", json!(1)),
        ("operationName", json!(["A"])),
        ("variables", json!("{}")),
        ("variables", json!([])),
        ("extensions", json!(true)),
        ("extensions", json!([])),
        ("extensions", json!({ "persistedQuery": "x" })),
        (
            "extensions",
            json!({ "persistedQuery": { "version": 2, "sha256Hash": "x" } }),
        ),
    ] {
        let mut request = json!({ "query": query });
        request[name] = wrong.clone();
        let (_, code) = refusal(super::post(&app).json(&request)).await;
        assert_eq!(code, "BAD_REQUEST", "{name}: {wrong}");
        if name == "variables" || name == "extensions" {
            let asked = [("query", query.to_owned()), (name, wrong.to_string())];
            let asked = asked.each_ref().map(|(name, value)| (*name, value.as_str()));
            assert_eq!(
                refusal(get(&app, &asked)).await.1,
                "BAD_REQUEST",
                "{name}: {wrong}"
            );
        }
    }
    let twice = [("query", query), ("query", "{ nothing }")];
    assert_eq!(refusal(get(&app, &twice)).await, refused(400, "BAD_REQUEST"));
    let not_json = [("query", query), ("extensions", "{")];
    assert_eq!(refusal(get(&app, &not_json)).await, refused(400, "BAD_REQUEST"));

    let empty =
        json!({ "query": query, "operationName": "", "variables": null, "extensions": null, "more": 1 });
    let (status, answer) = super::answer(super::post(&app).json(&empty)).await;
    assert_eq!(
        (status.as_u16(), answer),
        (200, json!({ "data": { "__typename": "Query" } }))
    );
}
