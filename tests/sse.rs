//! Server-sent events: every operation as a stream, resumed by `Last-Event-ID`, opened by a token or a ticket.

use chrono::TimeDelta;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::support::events::{Event, Events};
use crate::support::{Member, Story, TestApp, error_code, text};

const FOLLOW: &str =
    "subscription($id: ID!, $after: String) { careEvents(careRequestId: $id, after: $after) {
    __typename ... on CareEventDelivered { cursor event { seq } } ... on StreamCaughtUp { cursor } } }";

fn post(app: &TestApp, member: &Member, query: &str, variables: impl Into<Value>) -> RequestBuilder {
    app.request(Method::POST, "/graphql")
        .bearer_auth(&member.token)
        .json(&json!({ "query": query, "variables": variables.into() }))
}

fn get(app: &TestApp, fields: &[(&str, &str)]) -> RequestBuilder {
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish();
    app.request(Method::GET, &format!("/graphql?{query}"))
}

fn by_ticket(app: &TestApp, ticket: &str, request: &str) -> RequestBuilder {
    let variables = json!({ "id": request }).to_string();
    get(
        app,
        &[("query", FOLLOW), ("variables", &variables), ("ticket", ticket)],
    )
    .header("accept", "text/event-stream")
}

async fn ticket(app: &TestApp, member: &Member) -> String {
    let query = "mutation { createStreamTicket { ticket expiresAt userErrors { code } } }";
    let made = app.run(member, query, json!({})).await["createStreamTicket"].take();
    assert_eq!(made["expiresAt"], "2026-06-01T09:01:00.000000Z");
    text(&made["ticket"])
}

/// The numbers of the events until the stream has caught up, and the ids of all it told.
async fn replayed(events: &mut Events) -> (Vec<i64>, Vec<String>) {
    let (mut numbers, mut ids) = (Vec::new(), Vec::new());
    loop {
        let event = events.next().await.expect("an event");
        assert_eq!(event.name, "next");
        let told = event.told();
        assert_eq!(
            told["cursor"].as_str(),
            event.id.as_deref(),
            "the id is the cursor"
        );
        ids.extend(event.id.clone());
        if told["__typename"] == "StreamCaughtUp" {
            return (numbers, ids);
        }
        numbers.push(told["event"]["seq"].as_i64().unwrap());
    }
}

fn completed() -> Event {
    Event {
        name: "complete".to_owned(),
        ..Event::default()
    }
}

#[tokio::test]
async fn a_subscription_is_followed_and_resumed_by_the_id_of_its_last_event() {
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    let follow = |after: Option<&str>| {
        post(
            &app,
            &story.owner,
            FOLLOW,
            json!({ "id": story.request, "after": after }),
        )
    };
    let mut events = Events::open(follow(None)).await;
    assert!(events.any().await.unwrap().comment, "something comes at once");
    let (numbers, ids) = replayed(&mut events).await;
    assert_eq!(numbers, [1, 2, 3]);
    story.water(100).await;
    assert_eq!(events.told().await["event"]["seq"], 4);
    drop(events);

    story.water(100).await;
    let mut again = Events::open(follow(Some(&ids[2])).header("Last-Event-ID", &ids[0])).await;
    assert_eq!(replayed(&mut again).await.0, [2, 3, 4, 5], "it beats `after`");
    let mut by_argument = Events::open(follow(Some(&ids[2]))).await;
    assert_eq!(replayed(&mut by_argument).await.0, [4, 5]);
}

#[tokio::test]
async fn queries_mutations_and_refusals_are_one_event_and_the_end() {
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    let member = &story.owner;
    let mut query = Events::open(post(&app, member, "{ viewer { displayName } }", json!({}))).await;
    assert_eq!(query.told().await["displayName"], "Olga");
    assert_eq!(query.next().await, Some(completed()));
    assert_eq!(query.next().await, None);
    let plant = "mutation { createPlant(input: { name: \"Fern\" }) { plant { name } } }";
    let mut mutation = Events::open(post(&app, member, plant, json!({}))).await;
    assert_eq!(mutation.told().await["plant"]["name"], "Fern");
    assert_eq!(mutation.next().await, Some(completed()));

    let stranger = app.member("Sam").await;
    for (request, code) in [
        (
            post(&app, member, "subscription { nothing }", json!({})),
            "BAD_REQUEST",
        ),
        (post(&app, member, "subscription {", json!({})), "BAD_REQUEST"),
        (
            post(&app, &stranger, FOLLOW, json!({ "id": story.request })),
            "NOT_FOUND",
        ),
        (
            post(&app, member, FOLLOW, json!({ "id": story.request })).header("Last-Event-ID", "x"),
            "INVALID_CURSOR",
        ),
        (
            post(
                &app,
                member,
                "subscription { myFeed(after: \"x\") { __typename } }",
                json!({}),
            ),
            "INVALID_CURSOR",
        ),
        (post(&app, member, FOLLOW, json!({ "id": "x" })), "INVALID_ID"),
        (
            app.request(Method::POST, "/graphql")
                .header("accept", "text/event-stream")
                .json(&json!({ "query": "subscription { myFeed { __typename } }" })),
            "UNAUTHENTICATED",
        ),
    ] {
        let mut events = Events::open(request).await;
        let refusal = events.next().await.unwrap();
        assert_eq!(refusal.name, "next");
        let answer: Value = serde_json::from_str(&refusal.data).unwrap();
        assert_eq!(error_code(&answer), code);
        assert_eq!(answer.get("data"), None, "what was not run has none: {answer}");
        assert_eq!(events.next().await, Some(completed()));
    }
}

#[tokio::test]
async fn a_get_changes_nothing_and_a_bad_token_opens_nothing() {
    let app = TestApp::start().await;
    let member = app.member("Olga").await;
    let mutation = "mutation { createPlant(input: { name: \"Fern\" }) { plant { id } } }";
    let get = get(&app, &[("query", mutation)]).bearer_auth(&member.token);
    let refused = get.header("accept", "text/event-stream").send().await.unwrap();
    assert_eq!(refused.status().as_u16(), 405);
    let bad = Member {
        token: "bad".to_owned(),
        ..member
    };
    let refused = post(&app, &bad, "subscription { myFeed { __typename } }", json!({}));
    let refused = refused
        .header("accept", "text/event-stream")
        .send()
        .await
        .unwrap();
    assert_eq!(refused.status().as_u16(), 401);
}

#[tokio::test]
async fn a_silent_stream_is_kept_alive_with_comments() {
    let app = TestApp::start().await;
    let member = app.member("Olga").await;
    let feed = "subscription { myFeed { __typename } }";
    let mut events = Events::open(post(&app, &member, feed, json!({}))).await;
    assert_eq!(events.told().await["__typename"], "StreamCaughtUp");
    for _ in 0..3 {
        app.app.clock.advance(TimeDelta::seconds(15));
        assert!(events.any().await.unwrap().comment);
    }
}

#[tokio::test]
async fn a_ticket_is_good_for_the_request_it_was_first_used_for() {
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    let other = Story::in_progress(&app).await;
    let ticket = ticket(&app, &story.owner).await;
    let mut events = Events::open(by_ticket(&app, &ticket, &story.request)).await;
    let (numbers, ids) = replayed(&mut events).await;
    assert_eq!(numbers, [1, 2, 3]);
    drop(events);

    // Long after the access token has expired, too.
    app.app.clock.advance(TimeDelta::hours(2));
    let again = by_ticket(&app, &ticket, &story.request).header("Last-Event-ID", &ids[1]);
    assert_eq!(replayed(&mut Events::open(again).await).await.0, [3]);
    for refused in [
        by_ticket(&app, &ticket, &other.request),
        by_ticket(&app, "nonsense", &story.request),
    ] {
        assert_eq!(refused.send().await.unwrap().status().as_u16(), 204);
    }
}

#[tokio::test]
async fn a_ticket_that_nobody_used_in_a_minute_is_good_for_nothing() {
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    let ticket = ticket(&app, &story.owner).await;
    app.app.clock.advance(TimeDelta::minutes(1));
    let refused = by_ticket(&app, &ticket, &story.request).send().await.unwrap();
    assert_eq!(refused.status().as_u16(), 204);
}

#[tokio::test]
async fn a_stream_ends_without_complete_when_its_session_or_token_does() {
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    let ticket = ticket(&app, &story.owner).await;
    let mut by_session = Events::open(by_ticket(&app, &ticket, &story.request)).await;
    replayed(&mut by_session).await;
    let follow = post(&app, &story.caretaker, FOLLOW, json!({ "id": story.request }));
    let mut by_token = Events::open(follow).await;
    replayed(&mut by_token).await;

    let logout = "mutation { logout { userErrors { code } } }";
    app.run(&story.owner, logout, json!({})).await;
    assert_eq!(by_session.next().await, None);
    let refused = by_ticket(&app, &ticket, &story.request).send().await.unwrap();
    assert_eq!(refused.status().as_u16(), 204);

    app.app.clock.advance(TimeDelta::minutes(15));
    assert_eq!(by_token.next().await, None);
}

#[tokio::test]
async fn streams_are_counted_and_end_when_the_server_stops() {
    let app = TestApp::start_with(&[("LIMIT_CONNECTIONS", "1")]).await;
    let story = Story::in_progress(&app).await;
    let follow = || post(&app, &story.owner, FOLLOW, json!({ "id": story.request }));
    let mut events = Events::open(follow()).await;
    replayed(&mut events).await;
    let refused = follow()
        .header("accept", "text/event-stream")
        .send()
        .await
        .unwrap();
    assert_eq!(refused.status().as_u16(), 503);
    assert!(refused.headers().contains_key("retry-after"));
    app.app.stop.cancel();
    assert_eq!(events.next().await, None, "and no `complete`");
}
