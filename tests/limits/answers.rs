//! How large an answer may be, whoever gets it, and what one message of a subscription may cost.

use reqwest::Method;
use serde_json::{Value, json};

use super::{exceeded, numbered};
use crate::support::events::Events;
use crate::support::{Member, Story, TestApp, data, error_code};

const SMALL: (&str, &str) = ("LIMIT_ANSWER_BYTES", "4096");

/// A text whose JSON is four times as long.
fn long() -> String {
    "\u{1F335}".repeat(900)
}

async fn comment(story: &Story<'_>, body: &str) -> Value {
    let input = json!({ "careRequestId": story.request, "body": body });
    let query = "mutation($input: AddCommentInput!) { addComment(input: $input) {
        comment { body again: body careRequest { comments(first: 5) { edges { node { body } } } } } } }";
    story
        .app
        .send(Some(&story.owner.token), query, json!({ "input": input }))
        .await
}

fn assert_too_large(answer: &Value) {
    let (limit, value, maximum) = exceeded(answer);
    assert_eq!((limit.as_str(), maximum), ("ANSWER_BYTES", 4096));
    assert!(value > maximum);
}

#[tokio::test]
async fn an_answer_is_as_large_as_allowed_and_no_larger() {
    let app = TestApp::start_with(&[("LIMIT_ANSWER_BYTES", "1024")]).await;
    let olga = app.member("Olga").await;
    let ask = async |length: usize| -> (u64, Value) {
        // The names and what stands around them make up the answer.
        let name = "a".repeat(length);
        let request = app
            .request(Method::POST, "/graphql")
            .json(&json!({ "query": format!("{{ {name}: __typename }}") }));
        let text = request
            .bearer_auth(&olga.token)
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        (text.len() as u64, serde_json::from_str(&text).unwrap())
    };
    let around = r#"{"data":}"#.len() as u64;
    let names = r#"{"":"Query"}"#.len();
    let (bytes, within) = ask(1024 - names).await;
    assert_eq!(within.get("errors"), None);
    assert_eq!(bytes, 1024 + around);
    let (_, beyond) = ask(1025 - names).await;
    assert_eq!(exceeded(&beyond), ("ANSWER_BYTES".to_owned(), 1025, 1024));
}

#[tokio::test]
async fn what_is_too_large_is_refused_however_it_is_made_and_sent() {
    let app = TestApp::start_with(&[SMALL]).await;
    let story = Story::in_progress(&app).await;
    let small = data(comment(&story, "short").await);
    assert_eq!(small["addComment"]["comment"]["body"], "short");

    // A mutation was done, and what came of it cannot be told.
    let written = comment(&story, &long()).await;
    assert_too_large(&written);
    assert_eq!(written["errors"][0]["extensions"]["written"], "UNKNOWN");
    let count = "query($id: ID!) { careRequest(id: $id) { comments { totalCount } } }";
    let count = app.run(&story.owner, count, json!({ "id": story.request })).await;
    assert_eq!(count["careRequest"]["comments"]["totalCount"], 2);

    // Written straight into the answer, resolved field by field, and watched because it may become large.
    let pages = [
        "{ careRequests(as: OWNER) { edges { node { comments { edges { node { body again: body } } } } } } }",
        "query($id: ID!) { careRequest(id: $id) { comments { edges { node { body again: body } } } } }",
        "{ careRequests(as: OWNER, first: 10) { edges { node { plants { owner { id } } timeline { edges { node {
            ... on CommentAdded { comment { body again: body } } } } } } } } }",
    ];
    for query in pages {
        let variables = json!({ "id": story.request });
        assert_too_large(&app.send(Some(&story.owner.token), query, variables.clone()).await);
        let mut socket = app.socket(&story.owner).await;
        socket.subscribe("1", query, variables.clone()).await;
        assert_too_large(&socket.refusal().await);
        let request = app
            .request(Method::POST, "/graphql")
            .bearer_auth(&story.owner.token)
            .header("accept", "text/event-stream")
            .json(&json!({ "query": query, "variables": variables }));
        let mut events = Events::open(request).await;
        let event = events.next().await.unwrap();
        assert_too_large(&serde_json::from_str(&event.data).unwrap());
    }
}

#[tokio::test]
async fn one_message_of_a_subscription_is_bounded_and_the_others_come() {
    let app = TestApp::start_with(&[SMALL]).await;
    let story = Story::in_progress(&app).await;
    let query = "subscription($id: ID!) { careEvents(careRequestId: $id) { __typename ... on CareEventDelivered { event {
        seq ... on CommentAdded { comment { body again: body } } } } } }";
    let mut socket = app.socket(&story.owner).await;
    socket.subscribe("1", query, json!({ "id": story.request })).await;
    let mut before = 0;
    while socket.told().await["__typename"] != "StreamCaughtUp" {
        before += 1;
    }
    comment(&story, &long()).await;
    comment(&story, "short").await;
    let message = socket.message().await;
    assert_eq!(message["type"], "next", "{message}");
    assert_eq!(error_code(&message["payload"]), "LIMIT_EXCEEDED");
    let told = socket.told().await;
    assert_eq!(told["event"]["comment"]["body"], "short");
    assert_eq!(told["event"]["seq"].as_u64().unwrap(), before + 2);
}

/// A subscription that costs 2, with a text of its own.
async fn follow(app: &TestApp, story: &Story<'_>, member: &Member, number: usize) -> Value {
    let mut socket = app.socket(member).await;
    let query = format!(
        "subscription($id: ID!) {{ careEvents(careRequestId: $id) {{ __typename ... on CareEventDelivered {{
            event {{ a{number}: seq }} }} }} }}"
    );
    socket
        .subscribe("1", &query, json!({ "id": story.request }))
        .await;
    let message = socket.message().await;
    // It stays open as long as the test.
    std::mem::forget(socket);
    message
}

#[tokio::test]
async fn different_subscriptions_of_one_member_to_one_stream_count_together() {
    let app = TestApp::start_with(&[("LIMIT_EVENT_COST", "6")]).await;
    let story = Story::in_progress(&app).await;
    for number in [1, 2, 3] {
        assert_eq!(follow(&app, &story, &story.owner, number).await["type"], "next");
    }
    // The same once more costs nothing, and another member has a limit of her own.
    assert_eq!(follow(&app, &story, &story.owner, 2).await["type"], "next");
    assert_eq!(follow(&app, &story, &story.caretaker, 4).await["type"], "next");
    let refused = follow(&app, &story, &story.owner, 4).await;
    assert_eq!(refused["type"], "error", "{refused}");
    let told = &refused["payload"][0]["extensions"];
    assert_eq!(
        (&told["limit"], &told["value"], &told["maximum"]),
        (&json!("EVENT_COST"), &json!(8), &json!(6))
    );

    // So does one that costs too much by itself.
    let query =
        "subscription($id: ID!) { careEvents(careRequestId: $id) { ... on CareEventDelivered { event {
        careRequest { plants { name } } } } } }";
    let mut socket = app.socket(&story.owner).await;
    socket.subscribe("1", query, json!({ "id": story.request })).await;
    assert_eq!(
        exceeded(&socket.refusal().await),
        ("EVENT_COST".to_owned(), 3 + 50, 6)
    );
}

#[tokio::test]
async fn one_password_is_hashed_for_a_document_and_none_for_one_with_two() {
    let app = TestApp::start().await;
    let olga = app.member("Olga").await;
    let login = |name: &str| {
        format!(
            "{name}: login(input: {{ email: \"{}\", password: \"{}\" }}) {{ session {{ user {{ id }} }} }}",
            olga.email,
            crate::support::PASSWORD
        )
    };
    let one = app
        .send(None, &format!("mutation {{ {} }}", login("a")), json!({}))
        .await;
    assert_eq!(data(one)["a"]["session"]["user"]["id"], olga.id.as_str());
    let two = app
        .send(
            None,
            &format!("mutation {{ {} {} }}", login("a"), login("b")),
            json!({}),
        )
        .await;
    assert_eq!(exceeded(&two), ("PASSWORDS".to_owned(), 2, 1));
}

#[tokio::test]
async fn others_have_their_turn_while_much_is_resolved() {
    let plenty =
        ["DOCUMENT_BYTES", "TOKENS", "NODES", "ALIASES", "COST"].map(|limit| format!("LIMIT_{limit}"));
    let plenty: Vec<_> = plenty.iter().map(|limit| (limit.as_str(), "1000000")).collect();
    let app = TestApp::start_with(&plenty).await;
    // Nothing of it waits, and everything runs on one thread here: without turns a small request would wait for the whole
    // of a large one.
    let large = format!(
        "{{ {} }} fragment limits on ServiceLimits {{ {} }}",
        numbered(20, |number| format!("s{number}: serviceLimits {{ ...limits }}")),
        numbered(4_000, |number| format!("a{number}: nodes"))
    );
    let (mut answered, mut is_done) = (0, false);
    let mut large = std::pin::pin!(app.send(None, &large, json!({})));
    while !is_done {
        tokio::select! {
            biased;
            answer = &mut large => {
                assert_eq!(answer.get("errors"), None);
                is_done = true;
            }
            small = app.send(None, "{ __typename }", json!({})) => {
                assert_eq!(small["data"]["__typename"], "Query");
                answered += 1;
            }
        }
    }
    assert!(answered >= 5, "{answered}");
}

#[tokio::test]
async fn rows_that_are_too_long_together_are_not_loaded_to_their_end() {
    let app = TestApp::start_with(&[("LIMIT_LOADED_BYTES", "4096")]).await;
    let story = Story::in_progress(&app).await;
    comment(&story, &long()).await;
    let pages = [
        // Whether they are told or not.
        "{ careRequests(as: OWNER) { edges { node { comments { edges { node { id } } } } } } }",
        "query($id: ID!) { careRequest(id: $id) { comments { edges { node { body } } } } }",
    ];
    for query in pages {
        let answer = app
            .send(Some(&story.owner.token), query, json!({ "id": story.request }))
            .await;
        assert_eq!(answer.get("errors"), None, "{answer}");
    }
    comment(&story, &long()).await;
    for query in pages {
        let answer = app
            .send(Some(&story.owner.token), query, json!({ "id": story.request }))
            .await;
        assert_eq!(exceeded(&answer), ("LOADED_BYTES".to_owned(), 7_200, 4_096));
    }
}
