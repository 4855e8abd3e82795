//! A websocket that outlives its session.

use plant_care::domain::user;
use plant_care::domain::values::Sought;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Story, TestApp};

#[tokio::test]
async fn a_suspended_members_socket_is_closed_and_tells_her_nothing_more() {
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    let mut socket = app.socket(&story.owner).await;
    socket.follow(&story.request, None).await;
    socket.replay().await;
    let email = Sought::parse("email", &story.owner.email).unwrap();
    let owner = user::by_email(&app.app, &email).await.unwrap();
    user::suspend(&app.app, owner.id).await.unwrap();
    story.water(100).await;
    match socket.frame().await {
        Message::Close(Some(frame)) => assert_eq!(u16::from(frame.code), 4403),
        frame => panic!("not a close frame: {frame:?}"),
    }
}
