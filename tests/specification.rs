//! What the GraphQL specification says of documents and variables, where the library that runs them says otherwise. That
//! nothing is judged otherwise than graphql-js does is `tests/node/specification.test.mjs`'s to show.

use serde_json::{Value, json};

use crate::support::{TestApp, error_code};

/// Whether a request was refused before anything of it ran.
fn is_refused(answer: &Value) -> bool {
    let refused = answer.get("data").is_none() && error_code(answer) == "BAD_REQUEST";
    assert!(refused || answer.get("data").is_some(), "{answer}");
    refused
}

#[tokio::test]
async fn a_document_is_valid_or_not_as_the_specification_has_it() {
    let app = TestApp::start().await;
    for (query, variables, is_valid) in [
        // Fields that cannot be merged, also in fragments (5.3.2).
        ("{ viewer { id id } }", json!({}), true),
        (
            "{ viewer { id ...f } } fragment f on User { id: displayName }",
            json!({}),
            false,
        ),
        (
            "{ viewer { ...f ...g } } fragment f on User { plants(first: 1) { totalCount } }
             fragment g on User { plants(first: 2) { totalCount } }",
            json!({}),
            false,
        ),
        // Variables where they may stand (5.8.5).
        (
            "query($id: Int!) { node(id: $id) { id } }",
            json!({ "id": 1 }),
            false,
        ),
        (
            "query($id: ID) { node(id: $id) { id } }",
            json!({ "id": "a" }),
            false,
        ),
        ("query($id: ID = \"a\") { node(id: $id) { id } }", json!({}), true),
        (
            "query($yes: Boolean) { viewer { id @skip(if: $yes) } }",
            json!({}),
            false,
        ),
        (
            "query($km: Int) { openCareRequests(near: { cell: \"u09tvt\", radiusKm: $km }) { totalCount } }",
            json!({ "km": 1 }),
            false,
        ),
        (
            "mutation($id: ID) { createCareRequest(input: { plantIds: [$id], title: \"a\", mode: AT_OWNER,
                timezone: \"UTC\", startsOn: \"2099-01-01\", endsOn: \"2099-01-01\" }) { userErrors { code } } }",
            json!({ "id": "a" }),
            false,
        ),
        ("query($used: Int) { viewer { id } }", json!({}), false),
        // Scalars of ours, wherever they are written.
        (
            "{ openCareRequests(from: \"2027-12- 1\") { totalCount } }",
            json!({}),
            false,
        ),
        (
            "{ openCareRequests(from: \"2027-12-01\") { totalCount } }",
            json!({}),
            true,
        ),
        (
            "query($day: Date = \"2027-02-30\") { openCareRequests(from: $day) { totalCount } }",
            json!({}),
            false,
        ),
        (
            "{ openCareRequests(from: 20271201) { totalCount } }",
            json!({}),
            false,
        ),
        // What the grammar allows nowhere else (2.10).
        (
            "query($day: Date = \"2027-12-01\" @skip(if: true)) { openCareRequests(from: $day) { totalCount } }",
            json!({}),
            false,
        ),
        (
            "mutation { createPlant(input: { name: \"a\", name: \"a\" }) { plant { id } } }",
            json!({}),
            false,
        ),
    ] {
        let answer = app.send(None, query, variables.clone()).await;
        assert_eq!(is_refused(&answer), !is_valid, "{query} {variables}: {answer}");
    }
}

#[tokio::test]
async fn variables_are_coerced_before_anything_runs() {
    let app = TestApp::start().await;
    let olga = app.member("Olga").await;
    let days =
        "query($day: Date, $first: Int) { openCareRequests(from: $day, first: $first) { totalCount } }";
    let create = "mutation($input: CreatePlantInput!) { createPlant(input: $input) { plant { name } } }";
    let ids = "mutation($input: CreateCareRequestInput!) { createCareRequest(input: $input) { userErrors { code } } }";
    let request = |plants: Value, mode: Value| {
        json!({ "input": { "plantIds": plants, "title": "Away", "mode": mode, "timezone": "UTC",
            "startsOn": "2099-01-01", "endsOn": "2099-01-02" } })
    };
    for (query, variables, is_valid) in [
        (days, json!({}), true),
        (days, json!({ "day": null, "stray": 1 }), true),
        (days, json!({ "day": "2028-02-29", "first": 1 }), true),
        (days, json!({ "day": "2027-02-29" }), false),
        (days, json!({ "day": ["2027-02-28"] }), false),
        (days, json!({ "first": 2_147_483_648_i64 }), false),
        (days, json!({ "first": 1.5 }), false),
        (days, json!({ "first": "1" }), false),
        (create, json!({}), false),
        (create, json!({ "input": null }), false),
        (create, json!({ "input": {} }), false),
        (create, json!({ "input": { "name": 1 } }), false),
        (create, json!({ "input": { "name": "Fern", "stray": 1 } }), false),
        (create, json!({ "input": [{ "name": "Fern" }] }), false),
        // One by itself is a list of one, and an id may be a number.
        (ids, request(json!("a"), json!("AT_OWNER")), true),
        (ids, request(json!([7]), json!("AT_OWNER")), true),
        (ids, request(json!([1e20]), json!("AT_OWNER")), true),
        (ids, request(json!([null]), json!("AT_OWNER")), false),
        (ids, request(json!(["a"]), json!("at_owner")), false),
        (ids, request(json!(["a"]), json!(1)), false),
    ] {
        let answer = app.send(Some(&olga.token), query, variables.clone()).await;
        let refused = answer.get("data").is_none();
        assert_eq!(refused, !is_valid, "{query} {variables}: {answer}");
    }
}

#[tokio::test]
async fn a_subscription_that_selects_its_field_twice_selects_one() {
    let app = TestApp::start().await;
    let olga = app.member("Olga").await;
    let mut socket = app.socket(&olga).await;
    let twice = "subscription { myFeed { __typename } ...f }
        fragment f on Subscription { myFeed { ... on StreamCaughtUp { cursor } } }";
    socket.subscribe("1", twice, json!({})).await;
    let told = socket.told().await;
    assert_eq!(told["__typename"], "StreamCaughtUp", "{told}");
    assert!(told["cursor"].is_string(), "{told}");
    let two = "subscription { myFeed { __typename } again: myFeed { __typename } }";
    socket.subscribe("2", two, json!({})).await;
    assert_eq!(error_code(&socket.refusal().await), "BAD_REQUEST");
}

#[tokio::test]
async fn nothing_is_done_if_a_later_field_is_wrong() {
    let app = TestApp::start().await;
    let olga = app.member("Olga").await;
    let both = "mutation($end: Date!) {
        createPlant(input: { name: \"Fern\" }) { plant { id } }
        createCareRequest(input: { plantIds: [], title: \"Away\", mode: AT_OWNER, timezone: \"UTC\",
            startsOn: \"2099-01-01\", endsOn: $end }) { userErrors { code } } }";
    let answer = app
        .send(Some(&olga.token), both, json!({ "end": "2099-02-29" }))
        .await;
    assert!(is_refused(&answer), "{answer}");
    let count = "{ viewer { plants { totalCount } } }";
    let data = app.run(&olga, count, json!({})).await;
    assert_eq!(data["viewer"]["plants"]["totalCount"], 0);
}

#[tokio::test]
async fn a_mutation_that_is_selected_twice_is_done_once_and_others_in_their_order() {
    let app = TestApp::start().await;
    let olga = app.member("Olga").await;
    let query = "mutation {
        createPlant(input: { name: \"Fern\" }) { plant { name } }
        second: createPlant(input: { name: \"Aloe\" }) { plant { name } }
        ...again createPlant(input: { name: \"Fern\" }) { plant { status } } }
        fragment again on Mutation { createPlant(input: { name: \"Fern\" }) { userErrors { code } } }";
    let data = app.run(&olga, query, json!({})).await;
    assert_eq!(
        data.to_string(),
        r#"{"createPlant":{"plant":{"name":"Fern","status":"ACTIVE"},"userErrors":[]},"second":{"plant":{"name":"Aloe"}}}"#
    );
    let names = "{ viewer { plants { edges { node { name } } } } }";
    let plants = app.run(&olga, names, json!({})).await;
    assert_eq!(plants["viewer"]["plants"]["edges"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn text_is_read_as_the_grammar_has_it() {
    let app = TestApp::start().await;
    let olga = app.member("Olga").await;
    let query = "\"\"\"Buys a plant.\"\"\" mutation Buy(\"What it is called.\" $a:String!,) {,
        createPlant(input: { name: \"\\u{1F331} \\uD83C\\uDF31 \\u00e9\", # with a comment, of course
            speciesText: $a }) { plant { ..., on Plant { name, b ,: speciesText } } } }";
    let data = app.run(&olga, query, json!({ "a": "Fern" })).await;
    assert_eq!(
        data["createPlant"]["plant"],
        json!({ "name": "\u{1F331} \u{1F331} \u{e9}", "b": "Fern" })
    );
    for (query, line, column) in [
        ("{ viewer { id }", 1, 16),
        ("{\n  careRequests(first) { totalCount } }", 2, 21),
        ("\"no \\u{D83C} character\" query { viewer { id } }", 1, 1),
    ] {
        let answer = app.send(None, query, json!({})).await;
        assert!(is_refused(&answer), "{answer}");
        let error = &answer["errors"][0];
        assert!(!error["message"].as_str().unwrap().contains('\n'), "{error}");
        assert_eq!(
            error["locations"],
            json!([{ "line": line, "column": column }]),
            "{query}"
        );
    }
}

#[tokio::test]
async fn an_answer_does_not_depend_on_what_was_asked_before() {
    let app = TestApp::start().await;
    let query = "query($yes: Boolean = true) { viewer { id } __typename @include(if: $yes) }";
    for variables in [
        json!({ "yes": null }),
        json!({}),
        json!({ "yes": null }),
        json!({ "yes": "x" }),
    ] {
        let answer = app.send(None, query, variables.clone()).await;
        assert_eq!(
            is_refused(&answer),
            variables["yes"] == "x",
            "{variables}: {answer}"
        );
    }
}

#[tokio::test]
async fn what_was_meant_is_suggested_where_the_schema_may_be_asked_for() {
    let app = TestApp::start().await;
    for (query, meant) in [
        ("{ viewr { id } }", "viewer"),
        (
            "{ openCareRequests(form: \"2027-01-01\") { totalCount } }",
            "from",
        ),
    ] {
        let answer = app.send(None, query, json!({})).await;
        let message = answer["errors"][0]["message"].as_str().unwrap();
        assert!(
            message.ends_with(&format!("Did you mean \"{meant}\"?")),
            "{message}"
        );
        assert!(!message.contains('\n'), "{message}");
    }
}
