//! How long streams keep their entries.

use chrono::TimeDelta;
use plant_care::entity::{event, stream_entry};
use plant_care::live::retention;
use sea_orm::{EntityTrait as _, PaginatorTrait as _};
use serde_json::json;

use crate::support::{Story, TestApp, error_code, text};

/// Lets time pass and trims: how many entries went.
async fn trimmed(app: &TestApp, time: TimeDelta) -> u64 {
    app.app.clock.advance(time);
    retention::run(&app.app.database, app.app.clock.now())
        .await
        .unwrap()
}

async fn counts(app: &TestApp) -> (u64, u64) {
    let reader = app.app.database.reader();
    let entries = stream_entry::Entity::find().count(reader).await.unwrap();
    (entries, event::Entity::find().count(reader).await.unwrap())
}

#[tokio::test]
async fn the_board_is_kept_for_a_week_and_feeds_for_a_quarter() {
    let app = TestApp::start().await;
    let mut story = Story::in_progress(&app).await;
    let before = counts(&app).await;
    assert_eq!(trimmed(&app, TimeDelta::days(6)).await, 0);
    // Published and accepted.
    assert_eq!(trimmed(&app, TimeDelta::days(2)).await, 2);
    assert_eq!(trimmed(&app, TimeDelta::days(80)).await, 0);
    // The owner was told of the offer and the start, the caretaker of the acceptance.
    assert_eq!(trimmed(&app, TimeDelta::days(5)).await, 3);
    // The offer was told in a feed only: its event went with the entry.
    assert_eq!(counts(&app).await, (before.0 - 5, before.1 - 1));
    story.owner = app.login(&story.owner).await;
    assert_eq!(
        story.timeline(&story.owner).await.len(),
        3,
        "the request is not over"
    );
    let query = "{ feed { unread events { totalCount } } }";
    let data = app.run(&story.owner, query, json!({})).await;
    assert_eq!(
        data["feed"],
        json!({ "unread": 0, "events": { "totalCount": 0 } })
    );
}

#[tokio::test]
async fn the_timeline_of_a_request_is_kept_until_two_years_after_its_end() {
    let app = TestApp::start().await;
    let mut story = Story::at(&app, "COMPLETED").await;
    let query = "query($id: ID!) { careRequest(id: $id) { timeline { edges { cursor } } } }";
    let data = app.run(&story.owner, query, json!({ "id": story.request })).await;
    let cursor = text(&data["careRequest"]["timeline"]["edges"][1]["cursor"]);
    trimmed(&app, TimeDelta::days(729)).await;
    story.owner = app.login(&story.owner).await;
    assert_eq!(story.timeline(&story.owner).await.len(), 4);
    assert_eq!(trimmed(&app, TimeDelta::days(2)).await, 4);
    story.owner = app.login(&story.owner).await;
    assert!(story.timeline(&story.owner).await.is_empty());

    let mut socket = app.socket(&story.owner).await;
    socket.follow(&story.request, Some(&cursor)).await;
    let gap = socket.told().await;
    assert_eq!(
        (&gap["__typename"], &gap["reason"]),
        (&json!("StreamGap"), &json!("TRIMMED"))
    );
    let page =
        "query($id: ID!, $after: String) { careRequest(id: $id) { timeline(after: $after) { totalCount } } }";
    let refused = app
        .send(
            Some(&story.owner.token),
            page,
            json!({ "id": story.request, "after": cursor }),
        )
        .await;
    assert_eq!(error_code(&refused), "INVALID_CURSOR");
}

#[tokio::test]
async fn who_still_follows_a_request_whose_timeline_goes_is_told_that_there_will_be_no_more() {
    let app = TestApp::start_with(&[("ACCESS_TOKEN_MINUTES", "1440")]).await;
    let mut story = Story::at(&app, "COMPLETED").await;
    app.app.clock.advance(TimeDelta::days(731));
    story.owner = app.login(&story.owner).await;
    let mut socket = app.socket(&story.owner).await;
    socket.follow(&story.request, None).await;
    socket.replay().await;
    assert_eq!(trimmed(&app, TimeDelta::zero()).await, 4 + 2 + 4);
    app.app.hub.catch_up().await.unwrap();
    let told = socket.told().await;
    assert_eq!(
        (&told["__typename"], &told["endReason"]),
        (&json!("StreamEnded"), &json!("TRIMMED_AWAY"))
    );
    assert_eq!(socket.message().await["type"], "complete");
}

#[tokio::test]
async fn what_ended_sessions_is_kept_for_a_week() {
    let app = TestApp::start().await;
    let member = app.member("Olga").await;
    let logout = "mutation { logout { userErrors { code } } }";
    app.run(&member, logout, json!({})).await;
    assert_eq!(counts(&app).await, (1, 1));
    assert_eq!(trimmed(&app, TimeDelta::days(8)).await, 1);
    assert_eq!(counts(&app).await, (0, 0));
}
