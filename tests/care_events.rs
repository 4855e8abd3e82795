//! The main job: an owner sees her plant being watered, and nothing is lost when she comes back.

use serde_json::json;

use crate::support::{Story, TestApp, text};

#[tokio::test]
async fn an_owner_sees_each_act_of_care_once_and_in_order() {
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    let mut socket = app.socket(&story.owner).await;
    socket.follow(&story.request, None).await;
    let (before, _) = socket.replay().await;
    let kinds: Vec<_> = before
        .iter()
        .map(|told| text(&told["event"]["__typename"]))
        .collect();
    assert_eq!(kinds, ["RequestPublished", "RequestAccepted", "CareStarted"]);

    let mut cursors = Vec::new();
    for number in 1..=5 {
        let payload = story.water(number * 100).await;
        let told = socket.told().await;
        assert_eq!(told["event"]["id"], payload["event"]["id"]);
        assert_eq!(told["cursor"], payload["cursor"]);
        assert_eq!(told["event"]["seq"], 3 + number);
        assert_eq!(told["event"]["amountMl"], number * 100);
        assert_eq!(told["event"]["actor"]["displayName"], "Carl");
        cursors.push(text(&told["cursor"]));
    }

    let mut again = app.socket(&story.owner).await;
    again.follow(&story.request, Some(&cursors[2])).await;
    let (missed, position) = again.replay().await;
    let seqs: Vec<_> = missed.iter().map(|told| told["event"]["seq"].clone()).collect();
    assert_eq!(seqs, [json!(7), json!(8)]);
    assert_eq!(position, cursors[4]);
}
