//! Queries, mutations and subscriptions over one socket, by their ids.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Socket, Story, TestApp, error_code};

const FEED: &str =
    "subscription { myFeed { __typename ... on FeedEventDelivered { event { __typename } } } }";

/// The `error` that answers an operation; the socket hears on, and the id is free again.
async fn error(socket: &mut Socket, query: &str, variables: Value) -> Value {
    socket.subscribe("7", query, variables).await;
    let message = socket.message().await;
    assert_eq!(
        (&message["type"], &message["id"]),
        (&json!("error"), &json!("7")),
        "{query}: {message}"
    );
    assert!(!message["payload"].as_array().unwrap().is_empty(), "{message}");
    socket.subscribe("7", "{ __typename }", json!({})).await;
    assert_eq!(
        socket.message().await["payload"]["data"]["__typename"],
        "Query",
        "{query}"
    );
    assert_eq!(socket.message().await, json!({ "id": "7", "type": "complete" }));
    json!({ "errors": message["payload"] })
}

#[tokio::test]
async fn an_id_that_is_in_use_closes_the_connection() {
    let app = TestApp::start().await;
    let member = app.member("Olga").await;
    let mut socket = app.socket(&member).await;
    socket.subscribe("a\"b", FEED, json!({})).await;
    assert_eq!(socket.told().await["__typename"], "StreamCaughtUp");
    socket.subscribe("a\"b", "{ __typename }", json!({})).await;
    assert_eq!(
        socket.closed().await,
        (4409, "Subscriber for \"a\\\"b\" already exists".to_owned())
    );

    // While it is still being opened, and with an id that fits no reason.
    let mut socket = app.socket(&member).await;
    let long = "x".repeat(500);
    socket.subscribe(&long, FEED, json!({})).await;
    socket.subscribe(&long, FEED, json!({})).await;
    // The first may have been quick enough to say something.
    let (code, reason) = loop {
        match socket.frame().await {
            Message::Text(_) => {}
            Message::Close(Some(frame)) => break (u16::from(frame.code), frame.reason.len()),
            frame => panic!("not closed: {frame:?}"),
        }
    };
    assert_eq!((code, reason), (4409, 123));
}

#[tokio::test]
async fn what_is_not_valid_is_an_error_and_the_socket_stays() {
    let app = TestApp::start().await;
    let member = app.member("Olga").await;
    let mut socket = app.socket(&member).await;
    for (query, variables, code) in [
        ("{", json!({}), "BAD_REQUEST"),
        ("", json!({}), "BAD_REQUEST"),
        ("{ nothing }", json!({}), "BAD_REQUEST"),
        ("subscription { nothing }", json!({}), "BAD_REQUEST"),
        ("subscription { myFeed { nothing } }", json!({}), "BAD_REQUEST"),
        (
            "subscription($id: ID!) { careEvents(careRequestId: $id) { __typename } }",
            json!({}),
            "BAD_REQUEST",
        ),
        (
            "subscription($id: ID!) { careEvents(careRequestId: $id) { __typename } }",
            json!({ "id": "nobody's" }),
            "INVALID_ID",
        ),
        (
            "subscription { myFeed(after: \"x\") { __typename } }",
            json!({}),
            "INVALID_CURSOR",
        ),
    ] {
        let answer = error(&mut socket, query, variables).await;
        assert_eq!(error_code(&answer), code, "{query}");
    }
}

#[tokio::test]
async fn a_subscription_has_one_root_field_wherever_it_stands() {
    let app = TestApp::start().await;
    let member = app.member("Olga").await;
    let mut socket = app.socket(&member).await;
    for query in [
        "subscription { a: myFeed { __typename } b: myFeed { __typename } }",
        "subscription { myFeed { __typename } openCareRequests { __typename } }",
        "subscription { myFeed { __typename } ...more } \
         fragment more on Subscription { openCareRequests { __typename } }",
        "subscription { ... { myFeed { __typename } } ... on Subscription { openCareRequests { __typename } } }",
        "subscription { ...two } \
         fragment two on Subscription { myFeed { __typename } openCareRequests { __typename } }",
    ] {
        error(&mut socket, query, json!({})).await;
    }
    for (number, query) in [
        "subscription { ...one } fragment one on Subscription { myFeed { __typename } }",
        "subscription { ... on Subscription { ...one } } fragment one on Subscription { myFeed { ...m } } \
         fragment m on FeedMessage { __typename }",
        "subscription A { myFeed { __typename } }",
    ]
    .into_iter()
    .enumerate()
    {
        socket.subscribe(&number.to_string(), query, json!({})).await;
        let (id, told) = socket.told_by().await;
        assert_eq!(
            (id, told),
            (number.to_string(), json!({ "__typename": "StreamCaughtUp" }))
        );
    }
}

#[tokio::test]
async fn queries_and_mutations_are_answered_and_completed() {
    let app = TestApp::start().await;
    let member = app.member("Olga").await;
    let mut socket = app.socket(&member).await;
    let mutation = "mutation($name: String!) { createPlant(input: { name: $name }) { plant { name } } }";
    // One id is used again and again.
    for name in ["Fern", "Fig"] {
        socket.subscribe("1", mutation, json!({ "name": name })).await;
        let data = json!({ "createPlant": { "plant": { "name": name } } });
        assert_eq!(
            socket.message().await,
            json!({ "id": "1", "type": "next", "payload": { "data": data } })
        );
        assert_eq!(socket.message().await, json!({ "id": "1", "type": "complete" }));
    }
    let query = "{ viewer { id plants { totalCount } } }";
    socket.subscribe("1", query, json!({})).await;
    let viewer = json!({ "id": member.id, "plants": { "totalCount": 2 } });
    assert_eq!(
        socket.message().await["payload"]["data"],
        json!({ "viewer": viewer })
    );
    assert_eq!(socket.message().await["type"], "complete");

    // What fails while it runs has run: its errors are within its answer.
    let query = "{ viewer { id } careRequests(first: 0) { totalCount } }";
    socket.subscribe("1", query, json!({})).await;
    let message = socket.message().await;
    assert_eq!(message["type"], "next", "{message}");
    assert_eq!(error_code(&message["payload"]), "BAD_REQUEST");
    assert_eq!(socket.message().await["type"], "complete");
}

#[tokio::test]
async fn a_stranger_to_the_house_may_ask_but_not_follow() {
    let app = TestApp::start().await;
    let mut socket = Socket::open(&app.url, None).await;
    socket.subscribe("1", "{ viewer { id } }", json!({})).await;
    assert_eq!(
        socket.message().await["payload"]["data"],
        json!({ "viewer": null })
    );
    assert_eq!(socket.message().await["type"], "complete");
    for query in [FEED, "subscription { openCareRequests { __typename } }"] {
        let answer = error(&mut socket, query, json!({})).await;
        assert_eq!(error_code(&answer), "UNAUTHENTICATED");
    }
}

#[tokio::test]
async fn what_was_completed_tells_nothing_more_and_its_id_is_free() {
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    let mut socket = app.socket(&story.owner).await;
    for id in ["1", "2"] {
        socket.follow_as(id, &story.request, None).await;
        assert_eq!(socket.replay().await.0.len(), 3);
    }
    socket.send(json!({ "id": "1", "type": "complete" })).await;
    // One that nobody knows is no mistake: both sides may complete at once.
    socket.send(json!({ "id": "9", "type": "complete" })).await;
    socket.assert_heard().await;
    story.water(100).await;
    let (id, told) = socket.told_by().await;
    assert_eq!((id.as_str(), &told["event"]["seq"]), ("2", &json!(4)));
    socket.assert_heard().await;

    socket.follow_as("1", &story.request, None).await;
    let mut seqs = Vec::new();
    while seqs.len() < 4 {
        let (id, told) = socket.told_by().await;
        assert_eq!(id, "1");
        seqs.push(told["event"]["seq"].as_i64().unwrap());
    }
    assert_eq!(seqs, [1, 2, 3, 4]);
}

#[tokio::test]
async fn what_is_completed_while_it_begins_tells_nothing_more() {
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    let mut socket = app.socket(&story.owner).await;
    socket.follow_as("1", &story.request, None).await;
    socket.send(json!({ "id": "1", "type": "complete" })).await;
    socket.send(json!({ "type": "ping" })).await;
    // It may have begun to tell; the pong says that the end was heard.
    while socket.message().await["type"] == "next" {}
    socket.follow_as("2", &story.request, None).await;
    for seq in 1..=3 {
        let (id, told) = socket.told_by().await;
        assert_eq!((id.as_str(), &told["event"]["seq"]), ("2", &json!(seq)));
    }
    assert_eq!(socket.told_by().await.1["__typename"], "StreamCaughtUp");
    socket.assert_heard().await;
}
