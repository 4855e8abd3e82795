//! A websocket that outlives its session.

use plant_care::domain::user;
use plant_care::domain::values::Email;
use serde_json::json;

use crate::support::{Story, TestApp};

#[tokio::test]
async fn a_suspended_members_open_socket_serves_her_no_more() {
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    let mut socket = app.socket(&story.owner).await;
    socket.follow(&story.request, None).await;
    socket.replay().await;
    let email = Email::parse("email", &story.owner.email).unwrap();
    let owner = user::by_email(&app.app, &email).await.unwrap();
    user::suspend(&app.app, owner.id).await.unwrap();

    story.water(100).await;
    let told = socket.told().await;
    assert_eq!(
        (&told["__typename"], &told["reason"]),
        (&json!("StreamEnded"), &json!("ACCESS_LOST"))
    );
    assert_eq!(socket.message().await["type"], "complete");

    let query = "mutation { createPlant(input: { name: \"Fern\" }) { plant { id } } }";
    socket.subscribe("2", query, json!({})).await;
    let answer = socket.message().await;
    let refused = answer.to_string();
    assert!(
        refused.contains("UNAUTHENTICATED") && !refused.contains("\"plant\":{"),
        "{answer}"
    );
}
