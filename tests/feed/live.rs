//! Following a feed.

use serde_json::{Value, json};

use super::{cursors, page};
use crate::support::{Socket, Story, TestApp, error_code, text};

async fn following(app: &TestApp, story: &Story<'_>) -> Socket {
    let mut socket = app.socket(&story.owner).await;
    socket.follow_feed(None, None).await;
    assert_eq!(socket.told().await["__typename"], "StreamCaughtUp");
    socket
}

fn kind(told: &Value) -> (String, String) {
    (text(&told["event"]["__typename"]), text(&told["level"]))
}

#[tokio::test]
async fn without_a_cursor_a_feed_is_followed_from_now_on() {
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    let before = cursors(&page(&app, &story.owner, json!({})).await);
    let mut socket = app.socket(&story.owner).await;
    socket.follow_feed(None, None).await;
    let (entries, position) = socket.replay().await;
    assert_eq!(entries, [Value::Null; 0]);
    assert_eq!(&position, before.last().unwrap());

    let event = story.water(100).await["event"]["id"].clone();
    let told = socket.told().await;
    assert_eq!(told["event"]["id"], event, "an event has one id in all streams");
    assert_eq!(told["event"]["seq"], 4, "its number is that of the timeline");
    assert_eq!(kind(&told), ("CareRecorded".to_owned(), "INFO".to_owned()));
}

#[tokio::test]
async fn a_feed_is_resumed_with_the_last_cursor_or_that_of_a_page() {
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    let first = page(&app, &story.owner, json!({ "first": 1 })).await;
    for number in 0..3 {
        story.water(number).await;
    }
    let mut socket = app.socket(&story.owner).await;
    let end = text(&first["events"]["pageInfo"]["endCursor"]);
    socket.follow_feed(Some(&end), None).await;
    let (entries, position) = socket.replay().await;
    let kinds: Vec<_> = entries.iter().map(|told| kind(told).0).collect();
    assert_eq!(
        kinds,
        ["CareStarted", "CareRecorded", "CareRecorded", "CareRecorded"]
    );

    story.water(4).await;
    let mut again = app.socket(&story.owner).await;
    again.follow_feed(Some(&text(&entries[2]["cursor"])), None).await;
    let (missed, _) = again.replay().await;
    assert_eq!(missed.len(), 2);
    assert_eq!(missed[0]["cursor"], position);
}

#[tokio::test]
async fn the_page_of_an_empty_feed_can_be_followed() {
    let app = TestApp::start().await;
    let story = Story::open(&app).await;
    let empty = page(&app, &story.owner, json!({})).await;
    assert_eq!(
        (&empty["unread"], &empty["events"]["edges"]),
        (&json!(0), &json!([]))
    );
    story.offer(&story.caretaker).await;
    let mut socket = app.socket(&story.owner).await;
    let end = text(&empty["events"]["pageInfo"]["endCursor"]);
    socket.follow_feed(Some(&end), None).await;
    let (entries, _) = socket.replay().await;
    assert_eq!(entries.len(), 1);
    assert_eq!(kind(&entries[0]).0, "OfferReceived");
}

#[tokio::test]
async fn reading_on_one_device_is_told_to_the_others() {
    let app = TestApp::start().await;
    let replica = app.replica().await;
    let story = Story::in_progress(&app).await;
    for number in 0..3 {
        story.water(number).await;
    }
    let every = cursors(&page(&app, &story.owner, json!({})).await);
    let mut phone = following(&app, &story).await;
    let mut tablet = following(&replica, &story).await;
    let read = |cursor: &str| json!({ "cursor": cursor });
    app.done(&story.owner, "markFeedRead", read(&every[1]), "").await;
    for device in [&mut phone, &mut tablet] {
        assert_eq!(
            device.told().await,
            json!({ "__typename": "FeedReadMoved", "unread": 3 })
        );
    }

    // What was read before is no news: the next message is of what comes.
    app.done(&story.owner, "markFeedRead", read(&every[0]), "").await;
    app.done(&story.owner, "markFeedRead", read(&every[1]), "").await;
    story.water(4).await;
    for device in [&mut phone, &mut tablet] {
        assert_eq!(kind(&device.told().await).0, "CareRecorded");
    }
}

#[tokio::test]
async fn a_subscriber_is_not_told_of_what_was_read_before_she_came() {
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    let every = cursors(&page(&app, &story.owner, json!({})).await);
    app.done(&story.owner, "markFeedRead", json!({ "cursor": every[1] }), "")
        .await;
    for place in [&app, &app.replica().await] {
        let mut socket = following(place, &story).await;
        story.water(1).await;
        assert_eq!(kind(&socket.told().await).0, "CareRecorded");
    }
}

#[tokio::test]
async fn who_wants_loud_entries_only_is_told_no_others() {
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    let start = cursors(&page(&app, &story.owner, json!({})).await).remove(0);
    story.water(1).await;
    let mut socket = app.socket(&story.owner).await;
    socket.follow_feed(Some(&start), Some("NOTICE")).await;
    let (entries, position) = socket.replay().await;
    assert_eq!(
        entries.iter().map(|told| kind(told).0).collect::<Vec<_>>(),
        ["CareStarted"]
    );
    assert_ne!(
        entries[0]["cursor"], position,
        "it is past the entry that she did not want"
    );
    let mut urgent = app.socket(&story.owner).await;
    urgent.follow_feed(None, Some("CRITICAL")).await;
    urgent.replay().await;

    story.water(2).await;
    story.does(&story.caretaker, "withdrawFromCare").await;
    let left = ("CaretakerWithdrew".to_owned(), "CRITICAL".to_owned());
    assert_eq!(kind(&socket.told().await), left);
    assert_eq!(kind(&urgent.told().await), left);
}

#[tokio::test]
async fn only_the_member_herself_follows_her_feed() {
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    let hers = cursors(&page(&app, &story.owner, json!({})).await).remove(0);
    let mut socket = app.socket(&story.caretaker).await;
    socket.follow_feed(Some(&hers), None).await;
    assert_eq!(error_code(&socket.refusal().await), "INVALID_CURSOR");
    let mut nobody = Socket::open(&app.url, None).await;
    nobody.follow_feed(None, None).await;
    assert_eq!(error_code(&nobody.refusal().await), "UNAUTHENTICATED");
}
