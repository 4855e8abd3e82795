//! A bus that is not there: events come late, nobody is turned away, and it comes back by itself.

use plant_care::app::App;
use plant_care::config::Config;
use sea_orm::DbBackend;
use serde_json::json;

use super::{following, listening, readiness, start};
use crate::support::{Logs, Nats, Story, TestApp, until};

const FAILS: &str = "receiving wake-ups fails";
const WORKS: &str = "receiving wake-ups works again";

/// How often something was logged.
fn count(logs: &Logs, text: &str) -> usize {
    logs.text().matches(text).count()
}

async fn deaf(apps: &[&TestApp]) {
    for app in apps {
        until("the bus does not listen", || !app.app.bus.is_listening()).await;
    }
}

#[tokio::test]
async fn without_the_nats_server_events_come_late_and_with_it_again_at_once() {
    let logs = Logs::catch();
    let mut nats = Nats::start().await;
    let app = start(&nats.url()).await;
    let replica = app.replica().await;
    let both = [&app, &replica];
    listening(&both).await;
    let story = Story::in_progress(&app).await;
    let mut socket = following(&replica, &story).await;

    for round in 1..=2 {
        nats.stop().await;
        deaf(&both).await;
        assert_eq!(readiness(&replica).await, (200, json!("polling the database")));
        let before = replica.app.bus.received();
        for _ in 0..3 {
            let written = story.water(100).await;
            assert_eq!(socket.told().await["cursor"], written["cursor"]);
        }
        assert_eq!(replica.app.bus.received(), before);
        assert!(app.app.bus.dropped() > 0);

        nats.start_again().await;
        listening(&both).await;
        assert_eq!(readiness(&replica).await, (200, json!("ok")));
        let written = story.water(100).await;
        until("the hub was told", || replica.app.bus.received() > before).await;
        assert_eq!(socket.told().await["cursor"], written["cursor"]);

        // Once by each of the two servers.
        assert_eq!(
            (count(&logs, FAILS), count(&logs, WORKS)),
            (2 * round, 2 * round),
            "{}",
            logs.text()
        );
    }
}

#[tokio::test]
async fn a_server_starts_without_the_nats_server_and_finds_it_later() {
    let logs = Logs::catch();
    let mut nats = Nats::absent();
    let app = start(&nats.url()).await;
    let replica = app.replica().await;
    logs.until(FAILS).await;
    assert_eq!(readiness(&app).await, (200, json!("polling the database")));
    let story = Story::in_progress(&app).await;
    let mut socket = following(&replica, &story).await;
    let written = story.water(100).await;
    assert_eq!(socket.told().await["cursor"], written["cursor"]);

    nats.start_again().await;
    listening(&[&app, &replica]).await;
    assert_eq!(readiness(&app).await, (200, json!("ok")));
    assert_eq!(
        (count(&logs, FAILS), count(&logs, WORKS)),
        (2, 2),
        "{}",
        logs.text()
    );
    replica.stop().await;
    app.stop().await;
}

#[tokio::test]
async fn a_server_stops_while_the_nats_server_is_away() {
    let mut nats = Nats::start().await;
    let app = start(&nats.url()).await;
    listening(&[&app]).await;
    nats.stop().await;
    deaf(&[&app]).await;
    Story::in_progress(&app).await;
    app.stop().await;
}

#[tokio::test]
async fn a_user_and_a_password_are_given_and_never_logged() {
    let nats = Nats::start_with(&["--user", "care", "--pass", "p@ss/word:"]).await;
    let app = start(&nats.url_as("care:p%40ss%2Fword%3A")).await;
    listening(&[&app]).await;

    let logs = Logs::catch();
    let refused = start(&nats.url_as("care:hunter2")).await;
    logs.until(FAILS).await;
    assert!(logs.text().contains("authorization violation"), "{}", logs.text());
    assert!(!logs.text().contains("hunter2"), "{}", logs.text());
    assert_eq!(readiness(&refused).await, (200, json!("polling the database")));
}

#[tokio::test]
async fn a_bus_needs_the_right_to_its_subject_and_says_so_without() {
    let name = u64::from_ne_bytes(plant_care::crypto::random());
    let file = std::env::temp_dir().join(format!("plant_care_nats_{name:x}.conf"));
    let rights = r#"authorization { users = [
        { user: may, password: word, permissions: { publish: "plant_care.wake.*", subscribe: "plant_care.wake.*" } }
        { user: deaf, password: word, permissions: { publish: ">", subscribe: { deny: ">" } } }
        { user: mute, password: word, permissions: { publish: { deny: ">" }, subscribe: ">" } }
    ] }"#;
    std::fs::write(&file, rights).unwrap();
    let nats = Nats::start_with(&["--config", file.to_str().unwrap()]).await;
    std::fs::remove_file(&file).unwrap();

    let app = start(&nats.url_as("may:word")).await;
    listening(&[&app]).await;
    for user in ["deaf:word", "mute:word"] {
        let logs = Logs::catch();
        let app = start(&nats.url_as(user)).await;
        logs.until(FAILS).await;
        let logged = logs.text().to_lowercase();
        assert!(logged.contains("permissions violation"), "{user}: {logged}");
        assert_eq!(
            readiness(&app).await,
            (200, json!("polling the database")),
            "{user}"
        );
    }
}

/// A server that never compares its hub with the database by itself: whoever asks for it is seen.
async fn beside(app: &TestApp) -> App {
    let config = Config::clone(&app.app.config);
    App::build(config, app.app.clock.clone(), false).await.unwrap()
}

/// Waits until a bus asks for a comparison.
async fn asked(app: &App) {
    let patience = std::time::Duration::from_secs(20);
    tokio::time::timeout(patience, app.compare.notified())
        .await
        .expect("the bus asks to compare");
}

#[tokio::test]
async fn each_connection_to_nats_asks_for_a_comparison() {
    let mut nats = Nats::start().await;
    let app = beside(&start(&nats.url()).await).await;
    for _ in 0..3 {
        asked(&app).await;
        nats.stop().await;
        until("the bus does not listen", || !app.bus.is_listening()).await;
        nats.start_again().await;
    }
    app.stop.cancel();
}

#[tokio::test]
async fn each_connection_to_postgres_asks_for_a_comparison() {
    let served = TestApp::start().await;
    if served.app.database.backend() != DbBackend::Postgres {
        assert!(served.app.bus.is_listening(), "there is nothing to connect to");
        return;
    }
    let app = beside(&served).await;
    for _ in 0..3 {
        asked(&app).await;
        served
            .sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                  WHERE datname = current_database() AND query LIKE 'LISTEN%'",
            )
            .await;
    }
    app.stop.cancel();
}

#[tokio::test]
async fn a_comparison_that_is_asked_for_is_made_at_once() {
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    let _socket = following(&app, &story).await;
    let comparing = async {
        // By themselves they would come once a second, and take longer than the test waits.
        for _ in 0..40 {
            let before = app.app.database.statements();
            app.app.compare.notify_one();
            until("it compares", || app.app.database.statements() > before).await;
        }
    };
    let patience = std::time::Duration::from_secs(20);
    tokio::time::timeout(patience, comparing)
        .await
        .expect("each comparison comes when asked for");
}
