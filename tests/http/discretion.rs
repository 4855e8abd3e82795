//! What is said of wrong documents where the schema may not be asked for: nothing of the schema.

use reqwest::header::ACCEPT;
use serde_json::{Value, json};

use super::{PRODUCTION, post};
use crate::support::TestApp;

/// Wrong documents with their variables, and the names that an explanation would tell.
fn wrong() -> Vec<(&'static str, Value, &'static [&'static str])> {
    vec![
        ("{ viewr { id } }", json!({}), &["Query"]),
        ("{ viewer { id { a } } }", json!({}), &["ID"]),
        ("{ viewer }", json!({}), &["User"]),
        (
            "{ viewer { plants(first: \"1\") { totalCount } } }",
            json!({}),
            &["Int"],
        ),
        (
            "{ careRequests(as: NOBODY) { totalCount } }",
            json!({}),
            &["CareRole", "OWNER"],
        ),
        ("{ node { id } }", json!({}), &["ID"]),
        (
            "{ openCareRequests(near: {}) { totalCount } }",
            json!({}),
            &["cell", "radiusKm", "NearInput", "String"],
        ),
        (
            "{ openCareRequests(near: { x: 1 }) { totalCount } }",
            json!({}),
            &["cell", "NearInput"],
        ),
        (
            "{ openCareRequests(from: \"x\") { totalCount } }",
            json!({}),
            &["Date"],
        ),
        (
            "mutation { login { session { accessToken } } }",
            json!({}),
            &["LoginInput"],
        ),
        (
            "mutation($i: LoginInput!) { login(input: $i) { userErrors { code } } }",
            json!({ "i": {} }),
            &["email", "password"],
        ),
        (
            "mutation { register(input: { email: 1 }) { userErrors { code } } }",
            json!({}),
            &["displayName", "password"],
        ),
        ("{ viewer { ... on Plant { id } } }", json!({}), &["User"]),
        (
            "query($a: Plant) { viewer(a: $a) { id } }",
            json!({ "a": "x" }),
            &["Query", "User"],
        ),
        ("{ viewer(x: 1) { id } }", json!({}), &["Query", "User"]),
        (
            "subscription { careEvents { __typename } }",
            json!({}),
            &["careRequestId", "ID"],
        ),
        ("subscription { myFeed { a } }", json!({}), &["FeedMessage"]),
    ]
}

#[tokio::test]
async fn a_schema_cannot_be_read_out_of_errors() {
    let app = TestApp::start_with(&PRODUCTION).await;
    let member = app.member("Olga").await;
    for (query, variables, hidden) in wrong() {
        let body = json!({ "query": query, "variables": variables });
        let request = post(&app)
            .bearer_auth(&member.token)
            .header(ACCEPT, "text/event-stream, application/json");
        let answer = request.json(&body).send().await.unwrap().text().await.unwrap();
        assert!(answer.contains("BAD_REQUEST"), "{query}: {answer}");
        for name in hidden {
            let words = answer.split(|c: char| !c.is_alphanumeric()).collect::<Vec<_>>();
            assert!(!words.contains(name), "{query} tells {name}: {answer}");
        }
    }
}
