//! GraphQL over HTTP: what is taken, what is refused, and what is told when something goes wrong inside.

#[cfg(test)]
mod busy;
#[cfg(test)]
mod discretion;
#[cfg(test)]
mod framing;
#[cfg(test)]
mod negotiation;
#[cfg(test)]
mod origins;
#[cfg(test)]
mod persisted;
#[cfg(test)]
mod trusted;
#[cfg(test)]
mod unasked;

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::support::{Logs, Story, TestApp, error_code};

const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
const PRODUCTION: [(&str, &str); 3] = [
    ("ENVIRONMENT", "production"),
    ("SECRET_KEY", KEY),
    ("ENCRYPTION_KEY", KEY),
];

fn post(app: &TestApp) -> RequestBuilder {
    app.request(Method::POST, "/graphql")
        .header(CONTENT_TYPE, "application/json")
}

fn get(app: &TestApp, query: &[(&str, &str)]) -> RequestBuilder {
    app.request(Method::GET, &address(query))
}

/// `/graphql` with a query string.
fn address(query: &[(&str, &str)]) -> String {
    let pairs = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(query)
        .finish();
    format!("/graphql?{pairs}")
}

/// The status and the JSON of a response.
async fn answer(request: RequestBuilder) -> (StatusCode, Value) {
    let response = request.send().await.unwrap();
    (response.status(), response.json().await.unwrap())
}

/// A refusal: its status, and the code of its one error. There is no data then.
async fn refusal(request: RequestBuilder) -> (u16, String) {
    let (status, answer) = answer(request).await;
    assert!(answer.get("data").is_none_or(Value::is_null), "{answer}");
    assert_eq!(answer["errors"].as_array().unwrap().len(), 1, "{answer}");
    assert!(
        answer["errors"][0]["message"].as_str().unwrap().len() > 10,
        "{answer}"
    );
    (status.as_u16(), error_code(&answer).to_owned())
}

fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_with_what_is_allowed() {
    let app = TestApp::start().await;
    let body = |bytes: usize| {
        let empty = json!({ "query": "{ viewer { id } }", "padding": "" }).to_string();
        json!({ "query": "{ viewer { id } }", "padding": "x".repeat(bytes - empty.len()) }).to_string()
    };
    let maximum = 256 * 1024;
    let (status, _) = answer(post(&app).body(body(maximum))).await;
    assert_eq!(status, StatusCode::OK);
    let (status, refused) = answer(post(&app).body(body(maximum + 1))).await;
    assert_eq!(
        (status, error_code(&refused)),
        (StatusCode::PAYLOAD_TOO_LARGE, "LIMIT_EXCEEDED")
    );
    let told = &refused["errors"][0]["extensions"];
    assert_eq!(told["limit"], "BODY_BYTES");
    assert_eq!(
        (&told["value"], &told["maximum"]),
        (&json!(maximum + 1), &json!(maximum))
    );
}

#[tokio::test]
async fn only_json_is_taken_so_that_no_foreign_page_can_send_it_unasked() {
    let app = TestApp::start().await;
    let body = json!({ "query": "{ viewer { id } }" }).to_string();
    for taken in ["application/json", "Application/JSON; charset=utf-8"] {
        let request = app
            .request(Method::POST, "/graphql")
            .header(CONTENT_TYPE, taken)
            .body(body.clone());
        assert_eq!(request.send().await.unwrap().status(), StatusCode::OK, "{taken}");
    }
    for foreign in [
        "text/plain",
        "text/plain; a=application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonx",
        "",
    ] {
        let request = app
            .request(Method::POST, "/graphql")
            .header(CONTENT_TYPE, foreign)
            .body(body.clone());
        assert_eq!(refusal(request).await, refused(415, "BAD_REQUEST"), "{foreign}");
    }
    let without = app.request(Method::POST, "/graphql").body(body);
    assert_eq!(refusal(without).await, refused(415, "BAD_REQUEST"));
}

#[tokio::test]
async fn what_is_no_request_is_refused() {
    let app = TestApp::start().await;
    let query = json!({ "query": "{ viewer { id } }" });
    for body in [
        json!([query, query]).to_string(),
        json!([]).to_string(),
        json!("{ viewer { id } }").to_string(),
        json!({}).to_string(),
        json!({ "query": 1 }).to_string(),
        json!({ "query": "{ viewer { id } }", "variables": [1] }).to_string(),
        json!({ "query": "{ viewer { id } }", "operationName": 1 }).to_string(),
        "{ \"query\": ".to_owned(),
        String::new(),
        "\u{0}".to_owned(),
    ] {
        assert_eq!(
            refusal(post(&app).body(body.clone())).await,
            refused(400, "BAD_REQUEST"),
            "{body}"
        );
    }
}

#[tokio::test]
async fn a_document_that_cannot_run_is_refused_with_a_code() {
    let app = TestApp::start().await;
    for query in [
        "",
        "{",
        "{ viewer }",
        "{ nothing }",
        "query A { viewer { id } } query B { viewer { id } }",
        "query($id: ID!) { plant(id: $id) { id } }",
        "subscription { myFeed { __typename } }",
        "fragment f on User { id }",
    ] {
        let (_, answer) = answer(post(&app).json(&json!({ "query": query }))).await;
        assert_eq!(error_code(&answer), "BAD_REQUEST", "{query}: {answer}");
        for error in answer["errors"].as_array().unwrap() {
            assert!(error["extensions"]["code"].is_string(), "{error}");
        }
    }
}

#[tokio::test]
async fn get_runs_queries_and_nothing_else() {
    let app = TestApp::start().await;
    let member = app.member("Olga").await;
    let query = "query A($n: Int!) { viewer { plants(first: $n) { totalCount } } } query B { viewer { id } }";
    let asked = [
        ("query", query),
        ("operationName", "A"),
        ("variables", "{\"n\": 1}"),
    ];
    let (status, answered) = answer(get(&app, &asked).bearer_auth(&member.token)).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        answered,
        json!({ "data": { "viewer": { "plants": { "totalCount": 0 } } } })
    );

    let mutation = "mutation { createPlant(input: { name: \"Fern\" }) { plant { id } } }";
    for changing in [
        mutation.to_owned(),
        format!(
            "query A {{ viewer {{ id }} }} {}",
            mutation.replace("mutation", "mutation B")
        ),
        "subscription { myFeed { __typename } }".to_owned(),
    ] {
        for name in ["A", "B"] {
            let request = get(&app, &[("query", changing.as_str()), ("operationName", name)]);
            assert_eq!(
                refusal(request.bearer_auth(&member.token)).await,
                refused(405, "BAD_REQUEST"),
                "{changing}"
            );
        }
    }
    let plants = app
        .run(&member, "{ viewer { plants { totalCount } } }", json!({}))
        .await;
    assert_eq!(plants["viewer"]["plants"]["totalCount"], 0);

    assert_eq!(refusal(get(&app, &[])).await, refused(400, "BAD_REQUEST"));
    for variables in ["1", "[]", "{"] {
        let request = get(&app, &[("query", "{ viewer { id } }"), ("variables", variables)]);
        assert_eq!(refusal(request).await, refused(400, "BAD_REQUEST"), "{variables}");
    }
}

#[tokio::test]
async fn a_browser_gets_graphiql_and_a_program_an_answer() {
    let app = TestApp::start().await;
    for path in ["/graphql", "/graphiql"] {
        let page = app
            .request(Method::GET, path)
            .header(ACCEPT, "text/html,*/*")
            .send()
            .await
            .unwrap();
        assert_eq!(page.status(), StatusCode::OK);
        assert_eq!(page.headers()[CONTENT_TYPE], "text/html; charset=utf-8");
        assert!(
            page.headers()["content-security-policy"]
                .to_str()
                .unwrap()
                .starts_with("default-src 'none'")
        );
        assert!(page.text().await.unwrap().contains("GraphiQL"));
    }
    // A browser that sends a query gets its answer.
    let asked = get(&app, &[("query", "{ viewer { id } }")]).header(ACCEPT, "text/html,*/*;q=0.8");
    assert_eq!(answer(asked).await.1, json!({ "data": { "viewer": null } }));
}

#[tokio::test]
async fn a_token_that_is_worthless_is_refused_and_none_is_nobody() {
    let app = TestApp::start().await;
    let query = json!({ "query": "{ viewer { id } }" });
    assert_eq!(
        answer(post(&app).json(&query)).await.1,
        json!({ "data": { "viewer": null } })
    );
    for authorization in ["Bearer x", "Bearer ", "Bearer", "Basic eA==", ""] {
        let response = post(&app)
            .header(AUTHORIZATION, authorization)
            .json(&query)
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{authorization}");
        assert!(response.headers().contains_key("www-authenticate"));
        assert_eq!(error_code(&response.json().await.unwrap()), "UNAUTHENTICATED");
    }
}

#[tokio::test]
async fn what_fails_inside_is_logged_under_an_id_and_never_told() {
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    let logs = Logs::catch();
    app.sql("ALTER TABLE comments RENAME TO secret_name").await;
    let reading = "query($id: ID!) { careRequest(id: $id) { comments { edges { node { body } } } } }";
    let writing = "mutation($id: ID!) { addComment(input: { careRequestId: $id, body: \"Hello\" }) {
        comment { id } userErrors { message } } }";
    for query in [reading, writing] {
        let answer = app
            .send(Some(&story.owner.token), query, json!({ "id": story.request }))
            .await;
        assert_eq!(error_code(&answer), "INTERNAL");
        let error_id = answer["errors"][0]["extensions"]["errorId"].as_str().unwrap();
        assert_eq!(error_id.len(), 16);
        let message = format!("Something went wrong on our side (error {error_id}).");
        assert_eq!(answer["errors"][0]["message"], message.as_str());
        for told in [
            "comments ",
            "secret_name",
            "table",
            "relation",
            "SELECT",
            "INSERT",
            "sqlx",
            "error returned",
        ] {
            assert!(!answer.to_string().contains(told), "{told}: {answer}");
        }
        let text = logs.text();
        assert_eq!(
            text.matches(&format!("error.id=\"{error_id}\"")).count(),
            1,
            "{text}"
        );
        assert!(text.contains("comments"), "the log says what failed: {text}");
    }

    let mut socket = app.socket(&story.owner).await;
    app.sql("ALTER TABLE stream_entries RENAME TO another_secret")
        .await;
    let cursor = plant_care::live::Cursor {
        stream: plant_care::live::Stream::Care(crate::support::key(&story.request)),
        seq: 1,
        tail: [0; 8],
    };
    socket.follow(&story.request, Some(&cursor.encode())).await;
    let refusal = socket.refusal().await;
    assert_eq!(error_code(&refusal), "INTERNAL");
    assert!(!refusal.to_string().contains("stream_entries"), "{refusal}");
}

#[tokio::test]
async fn production_tells_nothing_of_its_schema_by_itself() {
    let app = TestApp::start_with(&PRODUCTION).await;
    let types = app.send(None, "{ __schema { types { name } } }", json!({})).await;
    assert_eq!(error_code(&types), "BAD_REQUEST");
    assert_eq!(types.get("data"), None, "{types}");
    let hidden = app
        .send(
            None,
            "{ ...f } fragment f on Query { a: __type(name: \"User\") { name } }",
            json!({}),
        )
        .await;
    assert_eq!(error_code(&hidden), "BAD_REQUEST");
    let text = app.request(Method::GET, "/schema.graphql");
    assert_eq!(refusal(text).await, refused(404, "NOT_FOUND"));
    let name = app
        .send(None, "{ __typename viewer { __typename } }", json!({}))
        .await;
    assert_eq!(name, json!({ "data": { "__typename": "Query", "viewer": null } }));
    let misspelt = app.send(None, "{ viewr { id } }", json!({})).await;
    assert_eq!(error_code(&misspelt), "BAD_REQUEST");
    assert!(
        !misspelt.to_string().contains("viewer"),
        "no suggestions: {misspelt}"
    );

    let allowed: Vec<_> = PRODUCTION
        .into_iter()
        .chain([("INTROSPECTION", "true")])
        .collect();
    let app = TestApp::start_with(&allowed).await;
    let types = app.send(None, "{ __schema { types { name } } }", json!({})).await;
    assert!(types["data"]["__schema"]["types"].as_array().unwrap().len() > 10);
    let text = app.request(Method::GET, "/schema.graphql").send().await.unwrap();
    assert_eq!(text.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_document_that_was_run_before_refuses_wrong_variables_as_a_new_one_does() {
    let app = TestApp::start().await;
    let member = app.member("Ada").await;
    let document = "query($id: ID!, $first: Int) { node(id: $id) { id } viewer { plants(first: $first) { totalCount } } }";
    let ask = async |document: &str, variables: &Value| {
        app.send(Some(&member.token), document, variables.clone()).await
    };
    let right = json!({ "id": member.id, "first": 5 });
    for _ in 0..2 {
        let answer = ask(document, &right).await;
        assert_eq!(answer["data"]["node"]["id"], member.id, "{answer}");
    }
    for (number, wrong) in [
        json!({}),
        json!({ "id": null }),
        json!({ "id": [member.id] }),
        json!({ "id": { "id": member.id } }),
        json!({ "id": true }),
        json!({ "id": member.id, "first": "5" }),
        json!({ "id": member.id, "first": 0.5 }),
        json!({ "id": member.id, "first": 5_000_000_000_i64 }),
    ]
    .iter()
    .enumerate()
    {
        let answer = ask(document, wrong).await;
        assert!(answer["errors"].is_array(), "{wrong}: {answer}");
        // Spaces at the end make it another text, and nothing of the answer another.
        let new = format!("{document}{}", " ".repeat(number + 1));
        assert_eq!(answer, ask(&new, wrong).await, "{wrong}");
    }
    assert_eq!(ask(document, &right).await["data"]["node"]["id"], member.id);
}

#[tokio::test]
async fn the_schema_is_served_as_text() {
    let app = TestApp::start().await;
    let response = app.request(Method::GET, "/schema.graphql").send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(
        response.headers()[CONTENT_TYPE],
        "application/graphql; charset=utf-8"
    );
    assert_eq!(response.text().await.unwrap(), plant_care::graphql::sdl());
    assert_eq!(
        app.request(Method::GET, "/nothing")
            .send()
            .await
            .unwrap()
            .status(),
        StatusCode::NOT_FOUND
    );
}
