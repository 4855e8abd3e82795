//! The keys that a database was written with: another one is noticed before it does harm.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plant_care::entity::key_fingerprint;
use reqwest::Method;
use sea_orm::EntityTrait as _;
use serde_json::json;

use super::program::{Program, Server};
use crate::support::TestApp;

/// A key like no other test's.
fn key(of: u8) -> String {
    STANDARD.encode([of; 32])
}

#[tokio::test]
async fn another_encryption_key_is_refused_by_every_command_that_uses_it() {
    let program = Program::new().await;
    program.says(&["migrate", "up"]).await;
    let right = program.with(&[("ENCRYPTION_KEY", &key(1))]);
    right.says(&["user", "add", "ada@example.org"]).await;
    let wrong = program.with(&[("ENCRYPTION_KEY", &key(2))]);
    for command in [
        &["serve"][..],
        &["user", "add", "ada@example.org"],
        &["user", "suspend", "ada@example.org"],
        &["seed"],
        &["database", "check"],
    ] {
        wrong
            .complains(
                command,
                "ENCRYPTION_KEY is not the key that this database was written with",
            )
            .await;
    }
    // What needs no key, needs no right one.
    wrong.says(&["migrate", "status"]).await;
    right.says(&["user", "suspend", "ada@example.org"]).await;
}

#[tokio::test]
async fn a_database_of_before_the_fingerprints_is_judged_by_what_the_key_opens() {
    let app = TestApp::start().await;
    app.member("Ada").await;
    app.sql("DELETE FROM key_fingerprints").await;
    let program = Program::of(&app);
    program
        .with(&[("ENCRYPTION_KEY", &key(2))])
        .complains(&["log", "inspect", "board"], "ENCRYPTION_KEY is not the key")
        .await;
    let recorded = || async {
        key_fingerprint::Entity::find()
            .all(app.app.database.reader())
            .await
            .unwrap()
            .len()
    };
    assert_eq!(recorded().await, 0, "what was refused has left nothing");
    // One data key that is damaged says nothing of the others.
    app.member("Bea").await;
    app.sql("UPDATE users SET data_key_wrapped = email_index WHERE display_name = 'Ada'")
        .await;
    program.says(&["log", "inspect", "board"]).await;
    assert_eq!(recorded().await, 2);
}

#[tokio::test]
async fn of_two_that_begin_with_different_keys_at_once_one_is_refused() {
    let program = Program::new().await;
    program.says(&["migrate", "up"]).await;
    let attempts = [1, 2].map(|of| program.with(&[("ENCRYPTION_KEY", &key(of))]));
    let [one, other] = &attempts;
    let (one, other) = tokio::join!(
        one.run(&["log", "inspect", "board"]),
        other.run(&["log", "inspect", "board"])
    );
    let mut codes = [one.code, other.code];
    codes.sort_unstable();
    assert_eq!(codes, [Some(0), Some(1)], "{one:?} {other:?}");
}

#[tokio::test]
async fn another_secret_key_is_told_and_not_refused() {
    let app = TestApp::start().await;
    let ready = || async {
        let response = app.request(Method::GET, "/health/ready").send().await.unwrap();
        let status = response.status().as_u16();
        let answer: serde_json::Value = response.json().await.unwrap();
        (status, answer["checks"]["keys"].clone())
    };
    assert_eq!(ready().await, (200, json!("ok")));
    let other = Program::of(&app).with(&[("SECRET_KEY", &key(7))]);
    let ran = other.run(&["log", "inspect", "board"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(
        ran.err.matches("SECRET_KEY is another one than before").count(),
        1,
        "{ran:?}"
    );
    assert_eq!(
        ready().await,
        (200, json!("SECRET_KEY is not that of the other replicas"))
    );
    // The second time it is the one of before.
    let ran = other.run(&["log", "inspect", "board"]).await;
    assert!(!ran.err.contains("SECRET_KEY"), "{ran:?}");
    // The replica that was left behind begins again, with the new one or, as here, puts the old one back.
    let replica = app.replica().await;
    assert_eq!(ready().await, (200, json!("ok")));
    replica.stop().await;
}

#[tokio::test]
async fn a_server_of_another_secret_key_serves_and_says_so_once() {
    let app = TestApp::start().await;
    let server = Server::start(Program::of(&app).with(&[("SECRET_KEY", &key(9))])).await;
    let client = crate::support::client();
    for _ in 0..3 {
        let address = format!("{}/health/ready", server.url);
        assert!(client.get(address).send().await.unwrap().status().is_success());
    }
    // Now the first one has the last word.
    let replica = app.replica().await;
    for _ in 0..3 {
        let address = format!("{}/health/ready", server.url);
        let answer: serde_json::Value = client.get(address).send().await.unwrap().json().await.unwrap();
        assert_eq!(
            answer["checks"]["keys"],
            "SECRET_KEY is not that of the other replicas"
        );
    }
    let ran = server.terminate().await;
    assert_eq!(
        ran.out.matches("which all replicas must share, fails").count(),
        1,
        "{ran:?}"
    );
    replica.stop().await;
}
