//! A client that does not read harms nobody, and a hot stream leaves the others their turn.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::raw::{PING, PONG, TEXT};
use crate::support::{Raw, Socket, Story, TestApp, key};

/// Entries of a replay: of several kilobytes each, far more together than the system takes for a client.
const ENTRIES: usize = 2_000;

const TIMELINE: &str = "subscription($id: ID!) { careEvents(careRequestId: $id) {
    __typename ... on CareEventDelivered { event { ... on CommentAdded { comment { a: body b: body c: body d: body } } } } } }";

async fn long_story(app: &TestApp) -> Story<'_> {
    let story = Story::in_progress(app).await;
    let request = key::<plant_care::entity::CareRequestId>(&story.request).0;
    app.add_entries(request, &story.owner, ENTRIES).await;
    story
}

async fn following_feed(story: &Story<'_>) -> Socket {
    let mut socket = story.app.socket(&story.owner).await;
    socket.follow_feed(None, None).await;
    assert_eq!(socket.told().await["__typename"], "StreamCaughtUp");
    socket
}

#[tokio::test]
async fn a_peer_that_stops_reading_is_closed_and_nobody_else_notices() {
    let app = TestApp::start_with(&[("ACCESS_TOKEN_MINUTES", "1440")]).await;
    let story = long_story(&app).await;
    let mut reader = following_feed(&story).await;
    let mut raw = Raw::open(&app.url, &story.caretaker.token).await;
    let payload = json!({ "query": TIMELINE, "variables": { "id": story.request } });
    raw.say(json!({ "id": "1", "type": "subscribe", "payload": payload }))
        .await;

    // It cannot be seen from here when the system takes no more for it: the other one works meanwhile, and
    // a second goes by each time, until the server has given up. It says that it is there, so that is not why.
    let listeners = &app.app.hub.control.listeners;
    let mut amount = 0;
    while listeners.connections() > 1 {
        amount += 1;
        assert!(amount <= 2_000, "a peer that reads nothing is held for ever");
        raw.send(PONG, b"").await;
        story.water(amount).await;
        let told = reader.told().await;
        assert_eq!(told["event"]["__typename"], "CareRecorded");
        app.app.clock.advance(TimeDelta::seconds(1));
    }
    // It got what was on its way, and no end of it.
    let mut frames = 0;
    while let Some((kind, payload)) = raw.frame().await {
        if kind == PING {
            continue;
        }
        assert_eq!(kind, TEXT, "{}", String::from_utf8_lossy(&payload));
        frames += 1;
        let told: Value = serde_json::from_slice(&payload).unwrap();
        assert_eq!(
            told["payload"]["data"]["careEvents"]["__typename"],
            "CareEventDelivered"
        );
    }
    assert!((1..ENTRIES).contains(&frames), "{frames}");
    story.water(99).await;
    assert_eq!(reader.told().await["event"]["__typename"], "CareRecorded");
}

/// What a client may be answered before others have their turn.
const IN_TURN: usize = 4;

#[tokio::test]
async fn whoever_floods_leaves_others_their_turn() {
    let app = TestApp::start().await;
    for (kind, answered_by) in [(PING, 1), (PONG, 0)] {
        let mut raw = Raw::connect(&app.url, Some("graphql-transport-ws")).await;
        raw.flood(kind, 500).await;
        // All of this runs in one thread: what is answered between two turns of this task is answered in one turn.
        raw.flood(PING, 1).await;
        let (mut answered, mut turns) = (0, 0);
        while answered < 500 * answered_by + 1 {
            let now = raw.empty_frames();
            assert!(now <= IN_TURN, "{now} were answered in one turn");
            answered += now;
            turns += 1;
            tokio::task::yield_now().await;
        }
        assert!(
            turns > 500 / IN_TURN,
            "{turns} turns for 500 frames of kind {kind}"
        );
    }
}

#[tokio::test]
async fn a_live_stream_has_its_turn_beside_a_long_replay() {
    let app = TestApp::start().await;
    let story = long_story(&app).await;
    let mut socket = following_feed(&story).await;
    socket.follow_as("2", &story.request, None).await;
    assert_eq!(socket.told_by().await.0, "2", "the replay has begun");
    story.water(100).await;

    let mut order = Vec::new();
    let mut replayed = 1;
    while order.len() < 2 {
        let (id, told) = socket.told_by().await;
        match told["__typename"].as_str().unwrap() {
            "CareEventDelivered" => replayed += 1,
            kind => order.push((id, kind.to_owned())),
        }
    }
    let told = |id: &str, kind: &str| (id.to_owned(), kind.to_owned());
    assert_eq!(
        order,
        [told("1", "FeedEventDelivered"), told("2", "StreamCaughtUp")]
    );
    assert_eq!(replayed, ENTRIES + 3);
}
