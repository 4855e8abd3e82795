//! How long the server waits for a client.

use chrono::TimeDelta;
use serde_json::json;

use crate::support::raw::{PING, PONG};
use crate::support::{Member, Raw, Socket, Story, TestApp, data, text};

#[tokio::test]
async fn a_client_that_does_not_begin_within_three_seconds_is_closed() {
    let app = TestApp::start().await;
    let mut silent = Socket::connect(&app.url).await;
    // Once it answers, its time runs.
    silent.assert_heard().await;
    app.app.clock.advance(TimeDelta::milliseconds(2_999));
    silent.assert_heard().await;
    let mut begun = Socket::connect(&app.url).await;
    begun.send(json!({ "type": "connection_init" })).await;
    assert_eq!(begun.message().await["type"], "connection_ack");

    app.app.clock.advance(TimeDelta::milliseconds(1));
    assert_eq!(
        silent.closed().await,
        (4408, "Connection initialisation timeout".to_owned())
    );
    app.app.clock.advance(TimeDelta::seconds(3));
    begun.assert_heard().await;
}

#[tokio::test]
async fn a_client_that_leaves_two_pings_unanswered_is_closed() {
    let app = TestApp::start().await;
    let member = app.member("Olga").await;
    let mut raw = Raw::open(&app.url, &member.token).await;
    for _ in 0..2 {
        app.app.clock.advance(TimeDelta::seconds(20));
        assert_eq!(raw.frame().await, Some((PING, Vec::new())));
    }
    app.app.clock.advance(TimeDelta::seconds(20));
    assert_eq!(raw.closed().await, (1001, "no answer to pings".to_owned()));
}

#[tokio::test]
async fn a_client_that_only_listens_and_answers_pings_lives() {
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    let mut raw = Raw::open(&app.url, &story.owner.token).await;
    raw.say(json!({ "id": "1", "type": "subscribe", "payload": {
        "query": "subscription { myFeed { __typename } }" } }))
        .await;
    let caught_up =
        br#"{"id":"1","type":"next","payload":{"data":{"myFeed":{"__typename":"StreamCaughtUp"}}}}"#;
    assert_eq!(raw.frame().await.unwrap().1, caught_up);
    for _ in 0..10 {
        app.app.clock.advance(TimeDelta::seconds(20));
        assert_eq!(raw.frame().await, Some((PING, Vec::new())));
        raw.send(PONG, b"").await;
    }
    story.water(100).await;
    let told =
        br#"{"id":"1","type":"next","payload":{"data":{"myFeed":{"__typename":"FeedEventDelivered"}}}}"#;
    assert_eq!(raw.frame().await.unwrap().1, told);
}

/// A new session for an old one.
async fn refreshed(app: &TestApp, member: &Member) -> Member {
    let query = "mutation($input: RefreshSessionInput!) { refreshSession(input: $input) {
        session { accessToken refreshToken } userErrors { code } } }";
    let input = json!({ "refreshToken": member.refresh_token });
    let session =
        data(app.send(None, query, json!({ "input": input })).await)["refreshSession"]["session"].take();
    Member {
        token: text(&session["accessToken"]),
        refresh_token: text(&session["refreshToken"]),
        ..member.clone()
    }
}

#[tokio::test]
async fn a_token_that_expires_closes_the_socket_and_a_new_one_goes_on_without_loss() {
    let app = TestApp::start_with(&[("ACCESS_TOKEN_MINUTES", "2")]).await;
    let mut story = Story::in_progress(&app).await;
    let mut socket = app.socket(&story.owner).await;
    let mut idle = app.socket(&story.caretaker).await;
    socket.follow(&story.request, None).await;
    let (events, _) = socket.replay().await;
    assert_eq!(events.len(), 3);
    app.app.clock.advance(TimeDelta::seconds(119));
    story.water(1).await;
    let seen = socket.told().await;
    assert_eq!(seen["event"]["seq"], 4);

    app.app.clock.advance(TimeDelta::seconds(1));
    let expired = (4403, "token expired".to_owned());
    assert_eq!(socket.closed_after_pings().await, expired);
    assert_eq!(idle.closed_after_pings().await, expired);
    // With the old token it does not come back.
    let mut again = Socket::connect(&app.url).await;
    let payload = json!({ "authorization": format!("Bearer {}", story.owner.token) });
    again
        .send(json!({ "type": "connection_init", "payload": payload }))
        .await;
    assert_eq!(again.closed().await.0, 4403);

    story.caretaker = refreshed(&app, &story.caretaker).await;
    story.owner = refreshed(&app, &story.owner).await;
    story.water(2).await;
    let mut again = app.socket(&story.owner).await;
    again.follow(&story.request, Some(&text(&seen["cursor"]))).await;
    let (missed, _) = again.replay().await;
    assert_eq!(missed.len(), 1);
    assert_eq!(missed[0]["event"]["seq"], 5);
    story.water(3).await;
    assert_eq!(again.told().await["event"]["seq"], 6);
    // The new one has its own time.
    app.app.clock.advance(TimeDelta::seconds(119));
    again.assert_heard().await;
}
