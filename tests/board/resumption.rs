//! Coming back to the board.

use chrono::TimeDelta;
use serde_json::json;

use super::{changed, follow, left, listed, publish};
use crate::support::{Story, TestApp, error_code, text};

#[tokio::test]
async fn who_comes_back_is_told_what_changed_since_and_nothing_else() {
    let app = TestApp::start().await;
    let replica = app.replica().await;
    let story = Story::open(&app).await;
    let stays = publish(&app, &story.owner, None).await;
    let mut socket = follow(&app, &story.caretaker, json!({})).await;
    assert_eq!(listed(&mut socket).await.0, [story.request.clone(), stays]);
    let seen = publish(&app, &story.owner, None).await;
    let last = socket.told().await;
    assert_eq!(changed(&last), seen);
    socket.close().await;

    story.assign(&story.caretaker).await;
    let new = publish(&app, &story.owner, None).await;
    for process in [&app, &replica] {
        let mut again = follow(process, &story.caretaker, json!({ "after": last["cursor"] })).await;
        let (told, position) = again.replay().await;
        assert_eq!(told.len(), 2);
        assert_eq!(
            (left(&told[0]), changed(&told[1])),
            (story.request.clone(), new.clone())
        );
        assert_eq!(told[1]["cursor"], position);
        let mut none = follow(process, &story.caretaker, json!({ "after": position })).await;
        assert_eq!(listed(&mut none).await, (Vec::new(), position));
    }
}

#[tokio::test]
async fn the_position_after_the_list_is_one_to_come_back_to() {
    let app = TestApp::start().await;
    let story = Story::open(&app).await;
    let mut socket = follow(&app, &story.caretaker, json!({})).await;
    let (open, position) = listed(&mut socket).await;
    assert_eq!(open, [story.request.as_str()]);
    let new = publish(&app, &story.owner, None).await;
    let mut again = follow(&app, &story.caretaker, json!({ "after": position })).await;
    assert_eq!(listed(&mut again).await.0, [new]);
}

#[tokio::test]
async fn who_was_cut_off_within_the_list_gets_it_anew() {
    let app = TestApp::start().await;
    let story = Story::open(&app).await;
    let second = publish(&app, &story.owner, None).await;
    let mut socket = follow(&app, &story.caretaker, json!({})).await;
    let first = socket.told().await;
    assert_eq!(changed(&first), story.request);
    socket.close().await;
    story.does(&story.owner, "cancelCareRequest").await;
    let mut again = follow(&app, &story.caretaker, json!({ "after": first["cursor"] })).await;
    assert_eq!(listed(&mut again).await.0, [second]);
}

#[tokio::test]
async fn more_than_a_page_is_listed_whole() {
    let app = TestApp::start().await;
    let story = Story::open(&app).await;
    app.add_requests(&story.owner, None, &app.keys(120)).await;
    let mut socket = follow(&app, &story.caretaker, json!({})).await;
    let (mut open, _) = listed(&mut socket).await;
    assert_eq!(open.len(), 121);
    open.sort();
    open.dedup();
    assert_eq!(open.len(), 121, "each once");
}

#[tokio::test]
async fn after_a_gap_what_is_open_is_listed_anew() {
    let app = TestApp::start().await;
    let story = Story::open(&app).await;
    let mut socket = follow(&app, &story.caretaker, json!({})).await;
    let (_, position) = listed(&mut socket).await;
    let second = publish(&app, &story.owner, None).await;
    story.does(&story.owner, "cancelCareRequest").await;
    let third = publish(&app, &story.owner, None).await;
    // As retention does: all but the newest entry go.
    app.sql("DELETE FROM stream_entries WHERE stream = 'board' AND seq <= 3")
        .await;
    app.sql("UPDATE streams SET floor_seq = 3 WHERE name = 'board'")
        .await;

    let replica = app.replica().await;
    let mut again = follow(&replica, &story.caretaker, json!({ "after": position })).await;
    let gap = again.told().await;
    assert_eq!(
        (&gap["__typename"], &gap["reason"], &gap["from"]),
        (&json!("StreamGap"), &json!("TRIMMED"), &json!(position))
    );
    let (open, position) = listed(&mut again).await;
    assert_eq!(open, [second, third]);
    let fourth = publish(&app, &story.owner, None).await;
    assert_eq!(changed(&again.told().await), fourth);

    // The position of the list is that of the log's end: nothing is told twice.
    let mut last = follow(&replica, &story.caretaker, json!({ "after": position })).await;
    assert_eq!(listed(&mut last).await.0, [fourth]);
}

#[tokio::test]
async fn a_position_that_the_log_never_had_is_a_gap_too() {
    let app = TestApp::start().await;
    let story = Story::open(&app).await;
    let mut socket = follow(&app, &story.caretaker, json!({})).await;
    listed(&mut socket).await;
    publish(&app, &story.owner, None).await;
    let ahead = text(&socket.told().await["cursor"]);
    app.sql("DELETE FROM stream_entries WHERE stream = 'board' AND seq = 2")
        .await;
    app.sql("UPDATE streams SET last_seq = 1 WHERE name = 'board'")
        .await;
    let replica = app.replica().await;
    let mut again = follow(&replica, &story.caretaker, json!({ "after": ahead })).await;
    let gap = again.told().await;
    assert_eq!(
        (&gap["__typename"], &gap["reason"]),
        (&json!("StreamGap"), &json!("LOG_RESET"))
    );
    assert_eq!(listed(&mut again).await.0.len(), 2);
}

#[tokio::test]
async fn a_cursor_of_another_stream_is_refused() {
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    let care = story.water(100).await["cursor"].clone();
    for cursor in [care, json!("x"), json!("")] {
        let mut socket = follow(&app, &story.caretaker, json!({ "after": cursor })).await;
        assert_eq!(error_code(&socket.refusal().await), "INVALID_CURSOR", "{cursor}");
    }
}

#[tokio::test]
async fn who_is_told_nothing_for_a_minute_learns_where_she_stands() {
    let app = TestApp::start().await;
    let story = Story::open(&app).await;
    let near = json!({ "near": { "cell": super::PARIS, "radiusKm": 50 } });
    let mut socket = follow(&app, &story.caretaker, near.clone()).await;
    let (_, before) = listed(&mut socket).await;
    let mut anywhere = follow(&app, &story.caretaker, json!({})).await;
    listed(&mut anywhere).await;
    publish(&app, &story.owner, Some(super::BERLIN)).await;
    let cursor = anywhere.told().await["cursor"].clone();
    socket.assert_heard().await;
    app.app.clock.advance(TimeDelta::seconds(61));
    let told = socket.told().await;
    assert_eq!(told, json!({ "__typename": "StreamPosition", "cursor": cursor }));
    assert_ne!(cursor, json!(before));
}
