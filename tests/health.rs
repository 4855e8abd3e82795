//! Health, and stopping well.

use chrono::{DateTime, TimeDelta, Utc};
use plant_care::entity::heartbeat;
use reqwest::{Method, StatusCode};
use sea_orm::EntityTrait as _;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Held, Story, TestApp, until};

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

/// What a server has stored to see whether it can, and when.
async fn heartbeats(app: &TestApp) -> Vec<DateTime<Utc>> {
    let rows = heartbeat::Entity::find().all(app.rows()).await.unwrap();
    rows.into_iter().map(|row| row.beat_at).collect()
}

#[tokio::test]
async fn readiness_stores_something_where_nothing_was_stored_for_a_second() {
    let app = TestApp::start().await;
    assert_eq!(ask(&app, "/health/ready").await.0, StatusCode::OK);
    assert!(
        heartbeats(&app).await.is_empty(),
        "the migrations were stored just now"
    );
    app.app.clock.advance(TimeDelta::seconds(1));
    let asked = (0..5).map(|_| ask(&app, "/health/ready"));
    for (status, _) in futures_util::future::join_all(asked).await {
        assert_eq!(status, StatusCode::OK);
    }
    let first = app.app.clock.now();
    assert_eq!(heartbeats(&app).await, [first]);
    app.app.clock.advance(TimeDelta::milliseconds(900));
    ask(&app, "/health/ready").await;
    assert_eq!(heartbeats(&app).await, [first]);
    app.app.clock.advance(TimeDelta::milliseconds(100));
    ask(&app, "/health/ready").await;
    assert_eq!(heartbeats(&app).await, [app.app.clock.now()], "one row a server");
}

#[tokio::test]
async fn a_server_that_only_waits_is_ready_until_nothing_was_stored_for_ten_seconds() {
    let app = TestApp::start().await;
    let held = Held::on(&app, "heartbeats, stream_tickets").await;
    app.app.clock.advance(TimeDelta::seconds(2));
    let (status, ready) = ask(&app, "/health/ready").await;
    assert_eq!(
        (status, &ready["checks"]["database"]),
        (StatusCode::OK, &json!("busy"))
    );
    app.app.clock.advance(TimeDelta::seconds(9));
    let waiting = unready(&app, "database").await;
    assert!(
        ["slow", "locked", "no free connection"].contains(&waiting.as_str().unwrap()),
        "{waiting}"
    );
    held.let_go().await;
    assert_eq!(ask(&app, "/health/ready").await.0, StatusCode::OK);
}
