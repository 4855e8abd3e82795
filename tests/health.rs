//! Health, and stopping well.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Story, TestApp, until};

async fn ask(app: &TestApp, path: &str) -> (StatusCode, Value) {
    let response = app.request(Method::GET, path).send().await.unwrap();
    (response.status(), response.json().await.unwrap())
}

#[tokio::test]
async fn a_server_that_can_serve_is_live_and_ready() {
    let app = TestApp::start().await;
    // On Postgres its connection to listen on is made beside all else.
    until("the bus listens", || app.app.bus.is_listening()).await;
    assert_eq!(
        ask(&app, "/health/live").await,
        (StatusCode::OK, json!({ "status": "live" }))
    );
    let (status, ready) = ask(&app, "/health/ready").await;
    assert_eq!(
        (status, &ready["status"]),
        (StatusCode::OK, &json!("ready")),
        "{ready}"
    );
    let checks = ready["checks"].as_object().unwrap();
    for check in ["database", "migrations", "process"] {
        assert_eq!(checks[check], "ok");
    }
    assert!(checks.values().all(|check| check == "ok"), "{ready}");
}

/// Readiness that is refused, and the state of one part.
async fn unready(app: &TestApp, part: &str) -> Value {
    let (status, mut answer) = ask(app, "/health/ready").await;
    assert_eq!(
        (status, &answer["status"]),
        (StatusCode::SERVICE_UNAVAILABLE, &json!("unavailable"))
    );
    answer["checks"][part].take()
}

#[tokio::test]
async fn a_server_without_its_database_is_live_and_names_what_fails() {
    let app = TestApp::start().await;
    app.app.database.clone().close().await.unwrap();
    assert_eq!(unready(&app, "database").await, "failing");
    assert_eq!(ask(&app, "/health/live").await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_server_whose_schema_is_not_its_own_is_not_ready() {
    let app = TestApp::start().await;
    app.sql("UPDATE schema_info SET minimum_program_version = '99.0.0'")
        .await;
    assert_eq!(unready(&app, "migrations").await, "too new for this program");
    app.sql("UPDATE schema_info SET minimum_program_version = '0.1.0'")
        .await;
    assert_eq!(ask(&app, "/health/ready").await.0, StatusCode::OK);
    app.sql("DELETE FROM seaql_migrations").await;
    assert_eq!(unready(&app, "migrations").await, "missing");
}

#[tokio::test]
async fn a_server_that_stops_sends_its_subscribers_to_another_and_ends() {
    let app = TestApp::start().await;
    let replica = app.replica().await;
    let story = Story::in_progress(&app).await;
    let mut socket = replica.socket(&story.owner).await;
    socket.follow(&story.request, None).await;
    let (_, position) = socket.replay().await;
    let mut idle = replica.socket(&story.caretaker).await;

    // What is told before it stops is delivered; then the socket is closed, and nothing is completed.
    replica.stop().await;
    for socket in [&mut socket, &mut idle] {
        match socket.frame().await {
            Message::Close(Some(frame)) => assert_eq!(u16::from(frame.code), 1012),
            frame => panic!("not closed: {frame:?}"),
        }
    }
    let payload = story.water(100).await;
    let mut again = app.socket(&story.owner).await;
    again.follow(&story.request, Some(&position)).await;
    let (missed, _) = again.replay().await;
    assert_eq!(missed.len(), 1);
    assert_eq!(missed[0]["cursor"], payload["cursor"]);
    again.close().await;
    app.stop().await;
}
