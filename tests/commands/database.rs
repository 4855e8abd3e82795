//! `plant-care database check`: a database that is whole, and each damage that it finds.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plant_care::entity::key_fingerprint;
use sea_orm::EntityTrait as _;

use super::program::Program;
use crate::support::{Story, TestApp};

#[tokio::test]
async fn a_database_that_is_whole_is_told_by_numbers() {
    let app = TestApp::start().await;
    Story::in_progress(&app).await;
    let told = Program::of(&app).says(&["database", "check"]).await;
    assert!(told.ends_with("the database is whole\n"), "{told}");
    for line in ["1 care requests", "2 plants"] {
        assert!(told.lines().any(|told| told == line), "{told}");
    }
    let streams = told
        .lines()
        .find(|line| line.ends_with(" stream entries"))
        .unwrap();
    assert!(!streams.starts_with("0 "), "{told}");
}

#[tokio::test]
async fn it_writes_nothing() {
    let app = TestApp::start().await;
    app.sql("DELETE FROM key_fingerprints").await;
    Program::of(&app).says(&["database", "check"]).await;
    let recorded = key_fingerprint::Entity::find()
        .all(app.app.database.reader())
        .await
        .unwrap();
    assert!(recorded.is_empty(), "{recorded:?}");
}

#[tokio::test]
async fn each_damage_is_named() {
    for (damage, complaint) in [
        (
            "UPDATE users SET email_sealed = data_key_wrapped WHERE display_name = 'Olga'",
            "1 members whose data cannot be read",
        ),
        (
            "UPDATE users SET data_key_wrapped = email_sealed",
            "2 members whose data cannot be read",
        ),
        (
            "UPDATE users SET email_index = email_sealed WHERE display_name = 'Olga'",
            "1 members whose data cannot be read",
        ),
        (
            "DELETE FROM stream_entries WHERE seq = 2 AND stream LIKE 'care:%'",
            "1 streams that lack entries",
        ),
        (
            "UPDATE streams SET last_seq = last_seq + 1 WHERE name LIKE 'care:%'",
            "1 streams that lack entries",
        ),
        (
            "UPDATE stream_entries SET seq = seq + 100 WHERE stream LIKE 'care:%'",
            "1 streams that lack entries",
        ),
        (
            "UPDATE schema_info SET minimum_program_version = '99.0.0'",
            "needs plant-care 99.0.0",
        ),
        (
            "DELETE FROM seaql_migrations WHERE version LIKE 'm0007%'",
            "lacks 1 migration",
        ),
    ] {
        let app = TestApp::start().await;
        Story::in_progress(&app).await;
        app.sql(damage).await;
        Program::of(&app)
            .complains(&["database", "check"], complaint)
            .await;
    }
}

#[tokio::test]
async fn another_key_is_not_the_databases() {
    let app = TestApp::start().await;
    Program::of(&app)
        .with(&[("ENCRYPTION_KEY", &STANDARD.encode([5; 32]))])
        .complains(&["database", "check"], "ENCRYPTION_KEY is not the key")
        .await;
}
