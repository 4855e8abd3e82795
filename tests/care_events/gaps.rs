//! What a subscriber is told when the log no longer has what she asks for.

use serde_json::{Value, json};

use super::numbers;
use crate::support::{Member, Story, TestApp, care_stream, error_code, text};

/// Trims a request's timeline up to an entry, as retention does.
async fn trim(app: &TestApp, request: &str, floor: i64) {
    let stream = care_stream(request);
    app.sql(&format!(
        "DELETE FROM stream_entries WHERE stream = '{stream}' AND seq <= {floor}"
    ))
    .await;
    app.sql(&format!(
        "UPDATE streams SET floor_seq = {floor} WHERE name = '{stream}'"
    ))
    .await;
}

/// Takes the newest entries away, as restoring a backup does.
async fn restore(app: &TestApp, request: &str, last: i64) {
    let stream = care_stream(request);
    app.sql(&format!(
        "DELETE FROM stream_entries WHERE stream = '{stream}' AND seq > {last}"
    ))
    .await;
    app.sql(&format!(
        "UPDATE streams SET last_seq = {last} WHERE name = '{stream}'"
    ))
    .await;
}

/// Waters some times: the cursors.
async fn water(story: &Story<'_>, times: i32) -> Vec<String> {
    let mut cursors = Vec::new();
    for number in 0..times {
        cursors.push(text(&story.water(number).await["cursor"]));
    }
    cursors
}

/// What the timeline says to a page after a cursor: the code and the reason.
async fn refused_page(app: &TestApp, viewer: &Member, request: &str, after: &str) -> (String, Value) {
    let query = "query($id: ID!, $after: String) { careRequest(id: $id) { timeline(after: $after) {
        edges { cursor } } } }";
    let answer = app
        .send(
            Some(&viewer.token),
            query,
            json!({ "id": request, "after": after }),
        )
        .await;
    let reason = answer["errors"][0]["extensions"]["reason"].clone();
    (error_code(&answer).to_owned(), reason)
}

#[tokio::test]
async fn a_subscriber_whose_place_was_trimmed_is_told_and_gets_what_there_is() {
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    let cursors = water(&story, 5).await;
    trim(&app, &story.request, 6).await;

    let mut socket = app.socket(&story.owner).await;
    socket.follow(&story.request, Some(&cursors[0])).await;
    let gap = socket.told().await;
    assert_eq!(
        (&gap["__typename"], &gap["reason"], &gap["from"]),
        (&json!("StreamGap"), &json!("TRIMMED"), &json!(cursors[0]))
    );
    let (events, _) = socket.replay().await;
    assert_eq!(numbers(&events), [7, 8]);
    story.water(9).await;
    assert_eq!(socket.told().await["event"]["seq"], 9);

    // After `to` nothing is missing any more.
    let mut next = app.socket(&story.owner).await;
    next.follow(&story.request, Some(&text(&gap["to"]))).await;
    let (events, _) = next.replay().await;
    assert_eq!(numbers(&events), [7, 8, 9]);
    assert_eq!(
        refused_page(&app, &story.owner, &story.request, &cursors[0]).await,
        ("INVALID_CURSOR".to_owned(), json!("TRIMMED"))
    );
}

#[tokio::test]
async fn the_cursor_of_the_newest_trimmed_entry_is_still_good() {
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    let cursors = water(&story, 3).await;
    trim(&app, &story.request, 5).await;
    let mut socket = app.socket(&story.owner).await;
    socket.follow(&story.request, Some(&cursors[1])).await;
    let (events, _) = socket.replay().await;
    assert_eq!(numbers(&events), [6]);
}

#[tokio::test]
async fn a_subscriber_from_the_beginning_of_a_trimmed_log_is_told_too() {
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    water(&story, 3).await;
    trim(&app, &story.request, 6).await;
    let mut socket = app.socket(&story.owner).await;
    socket.follow(&story.request, None).await;
    let gap = socket.told().await;
    assert_eq!(
        (&gap["__typename"], &gap["reason"]),
        (&json!("StreamGap"), &json!("TRIMMED"))
    );
    assert_eq!(
        socket.told().await["__typename"],
        "StreamCaughtUp",
        "all was trimmed"
    );
    story.water(1).await;
    assert_eq!(socket.told().await["event"]["seq"], 7);
}

#[tokio::test]
async fn a_cursor_beyond_the_end_says_that_the_log_was_reset() {
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    let cursors = water(&story, 3).await;
    restore(&app, &story.request, 4).await;

    let mut socket = app.socket(&story.owner).await;
    socket.follow(&story.request, Some(&cursors[2])).await;
    let gap = socket.told().await;
    assert_eq!(
        (&gap["__typename"], &gap["reason"], &gap["from"]),
        (&json!("StreamGap"), &json!("LOG_RESET"), &json!(cursors[2]))
    );
    // From the floor on, which here is the beginning.
    let (events, position) = socket.replay().await;
    assert_eq!(numbers(&events), [1, 2, 3, 4]);
    assert_eq!(position, cursors[0]);
    story.water(9).await;
    assert_eq!(socket.told().await["event"]["seq"], 5);
    assert_eq!(
        refused_page(&app, &story.owner, &story.request, &cursors[2]).await,
        ("INVALID_CURSOR".to_owned(), json!("LOG_RESET"))
    );
    let start = text(&gap["to"]);
    let mut again = app.socket(&story.owner).await;
    again.follow(&story.request, Some(&start)).await;
    let (events, _) = again.replay().await;
    assert_eq!(numbers(&events), [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn a_cursor_of_an_entry_that_is_another_now_says_that_the_log_was_reset() {
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    let cursors = water(&story, 3).await;
    trim(&app, &story.request, 2).await;
    restore(&app, &story.request, 4).await;
    let others = water(&story, 3).await;
    assert_ne!(cursors[2], others[1], "the same number, another event");

    let mut socket = app.socket(&story.owner).await;
    socket.follow(&story.request, Some(&cursors[2])).await;
    let gap = socket.told().await;
    assert_eq!(
        (&gap["reason"], &gap["from"]),
        (&json!("LOG_RESET"), &json!(cursors[2]))
    );
    let (events, position) = socket.replay().await;
    assert_eq!(numbers(&events), [3, 4, 5, 6, 7], "from the floor on");
    assert_eq!(position, others[2]);
    assert_eq!(
        refused_page(&app, &story.owner, &story.request, &cursors[2]).await,
        ("INVALID_CURSOR".to_owned(), json!("LOG_RESET"))
    );
    // The entries that both logs have in common keep their cursors.
    let mut common = app.socket(&story.owner).await;
    common.follow(&story.request, Some(&cursors[0])).await;
    let (events, _) = common.replay().await;
    assert_eq!(numbers(&events), [5, 6, 7]);
}

#[tokio::test]
async fn what_is_trimmed_under_a_subscriber_who_is_behind_is_a_gap() {
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    let mut socket = app.socket(&story.owner).await;
    socket.follow(&story.request, None).await;
    let (_, position) = socket.replay().await;
    // Entries that she was not woken for, and that are gone when she is.
    let stream = care_stream(&story.request);
    app.sql(&format!(
        "UPDATE streams SET last_seq = 5, floor_seq = 5 WHERE name = '{stream}'"
    ))
    .await;
    story.water(1).await;
    let gap = socket.told().await;
    assert_eq!(
        (&gap["__typename"], &gap["reason"], &gap["from"]),
        (&json!("StreamGap"), &json!("TRIMMED"), &json!(position))
    );
    assert_eq!(socket.told().await["event"]["seq"], 6);
}
