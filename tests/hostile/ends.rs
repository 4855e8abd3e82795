//! A stream's end is counted by what ended it, over either transport.

use chrono::TimeDelta;
use plant_care::entity::CareRequestId;
use plant_care::live::retention;
use serde_json::json;

use super::a_second_passes;
use crate::support::raw::TEXT;
use crate::support::wire::{self, HTTP2, Wire};
use crate::support::{Raw, Story, TestApp, key, until};

const FEED: &str = "subscription { myFeed { __typename } }";
/// Entries of a replay: of several kilobytes each, far more together than the system takes for a peer.
const ENTRIES: usize = 2_000;

/// One who follows a stream.
enum Follower {
    Websocket(Raw),
    Events(#[expect(dead_code, reason = "it is kept open")] Wire),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Websocket,
    Events,
}

const WAYS: [Way; 2] = [Way::Websocket, Way::Events];

impl Follower {
    /// Follows, and waits until a text was told.
    async fn follow(app: &TestApp, way: Way, token: &str, query: &str, told: &str) -> Self {
        match way {
            Way::Websocket => {
                let mut raw = Raw::open(&app.url, token).await;
                raw.say(json!({ "id": "1", "type": "subscribe", "payload": { "query": query } }))
                    .await;
                loop {
                    let (kind, payload) = raw.frame().await.expect("it is told");
                    if kind == TEXT && String::from_utf8(payload).unwrap().contains(told) {
                        return Self::Websocket(raw);
                    }
                }
            }
            Way::Events => {
                let mut wire = Wire::connect(app).await;
                wire.say(wire::post(Some(token), query, "text/event-stream"))
                    .await;
                wire.hear_until(told).await;
                Self::Events(wire)
            }
        }
    }

    async fn feed(app: &TestApp, way: Way, token: &str) -> Self {
        Self::follow(app, way, token, FEED, "StreamCaughtUp").await
    }
}

/// How many streams of a field ended, by why.
fn ends(app: &TestApp, field: &str) -> Vec<(&'static str, i64)> {
    let reasons = [
        "client",
        "complete",
        "access_revoked",
        "token_expired",
        "write_deadline",
        "drain",
        "error",
    ];
    let count = |reason: &str| {
        app.counted(&format!(
            "plant_care_live_subscriptions_ended_total{{field=\"{field}\",reason=\"{reason}\"}}"
        ))
    };
    let all = reasons.map(|reason| (reason, count(reason)));
    all.into_iter().filter(|(_, count)| *count > 0).collect()
}

/// Waits until one stream has ended: it must have been by this.
async fn assert_ended(app: &TestApp, field: &str, by: &'static str, way: Way) {
    until("a stream has ended", || !ends(app, field).is_empty()).await;
    assert_eq!(ends(app, field), [(by, 1)], "{way:?}");
}

#[tokio::test]
async fn by_the_client_that_leaves() {
    for way in WAYS {
        let app = TestApp::start().await;
        let member = app.member("Olga").await;
        drop(Follower::feed(&app, way, &member.token).await);
        assert_ended(&app, "myFeed", "client", way).await;
    }
}

#[tokio::test]
async fn by_the_end_of_what_there_is_to_tell() {
    for way in WAYS {
        let app = TestApp::start_with(&[("ACCESS_TOKEN_MINUTES", "1440")]).await;
        let story = Story::at(&app, "COMPLETED").await;
        app.app.clock.advance(TimeDelta::days(731));
        let owner = app.login(&story.owner).await;
        let query = format!(
            "subscription {{ careEvents(careRequestId: \"{}\") {{ __typename }} }}",
            story.request
        );
        let _follower = Follower::follow(&app, way, &owner.token, &query, "StreamCaughtUp").await;
        retention::run(&app.app.database, app.app.clock.now())
            .await
            .unwrap();
        app.app.hub.catch_up().await.unwrap();
        assert_ended(&app, "careEvents", "complete", way).await;
    }
}

#[tokio::test]
async fn by_the_end_of_the_session() {
    for way in WAYS {
        let app = TestApp::start().await;
        let member = app.member("Olga").await;
        let _follower = Follower::feed(&app, way, &member.token).await;
        app.run(&member, "mutation { logout { userErrors { code } } }", json!({}))
            .await;
        assert_ended(&app, "myFeed", "access_revoked", way).await;
    }
}

#[tokio::test]
async fn by_the_end_of_the_token() {
    for way in WAYS {
        let app = TestApp::start_with(&[("ACCESS_TOKEN_MINUTES", "1")]).await;
        let member = app.member("Olga").await;
        let _follower = Follower::feed(&app, way, &member.token).await;
        app.app.clock.advance(TimeDelta::minutes(1));
        assert_ended(&app, "myFeed", "token_expired", way).await;
    }
}

#[tokio::test]
async fn by_a_peer_that_does_not_take_what_it_is_told() {
    for way in WAYS {
        let app = TestApp::start_with(&[("ACCESS_TOKEN_MINUTES", "1440")]).await;
        let story = Story::in_progress(&app).await;
        app.add_entries(key::<CareRequestId>(&story.request).0, &story.owner, ENTRIES)
            .await;
        let query = format!(
            "subscription {{ careEvents(careRequestId: \"{}\") {{ __typename ... on CareEventDelivered {{
                event {{ ... on CommentAdded {{ comment {{ a: body b: body c: body d: body }} }} }} }} }} }}",
            story.request
        );
        let follower = Follower::follow(&app, way, &story.owner.token, &query, "CareEventDelivered").await;
        let mut seconds = 0;
        while ends(&app, "careEvents").is_empty() {
            seconds += 1;
            assert!(seconds < 300, "{way:?}: it is held for ever");
            a_second_passes(&app).await;
        }
        assert_ended(&app, "careEvents", "write_deadline", way).await;
        assert_eq!(
            app.counted("plant_care_connections_given_up_total{reason=\"write\"}"),
            1
        );
        drop(follower);
    }
}

#[tokio::test]
async fn by_the_process_that_stops() {
    for way in WAYS {
        let app = TestApp::start_with(&[("DRAIN_SECONDS", "2")]).await;
        let member = app.member("Olga").await;
        let _follower = Follower::feed(&app, way, &member.token).await;
        app.app.stop.cancel();
        assert_ended(&app, "myFeed", "drain", way).await;
    }
}

#[tokio::test]
async fn by_a_peer_that_does_not_speak_as_it_should() {
    let app = TestApp::start().await;
    let member = app.member("Olga").await;
    let Follower::Websocket(mut raw) = Follower::feed(&app, Way::Websocket, &member.token).await else {
        panic!("another way")
    };
    raw.send(TEXT, b"what?").await;
    assert_ended(&app, "myFeed", "error", Way::Websocket).await;

    let app = TestApp::start().await;
    let member = app.member("Olga").await;
    let mut wire = Wire::connect(&app).await;
    let bearer = format!("Bearer {}", member.token);
    let asks = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", "/graphql"),
        (":authority", "x"),
        ("accept", "text/event-stream"),
        ("content-type", "application/json"),
        ("authorization", bearer.as_str()),
    ];
    let body = json!({ "query": FEED }).to_string();
    wire.say(
        [
            HTTP2,
            &wire::frame(1, 4, 1, &wire::headers(&asks)),
            &wire::frame(0, 1, 1, body.as_bytes()),
        ]
        .concat(),
    )
    .await;
    wire.hear_until("StreamCaughtUp").await;
    // A request's body outside of any request.
    wire.say(wire::frame(0, 0, 0, b"what?")).await;
    assert_ended(&app, "myFeed", "error", Way::Events).await;
}
