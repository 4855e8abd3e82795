//! Why a command could not do its work: one line, and nothing changed.

use std::net::TcpListener;

use sea_orm::{ConnectOptions, ConnectionTrait as _, Database};

use super::program::Program;

const SERVE: &[&str] = &["serve"];
const MIGRATE: &[&str] = &["migrate", "up"];
const SUSPEND: &[&str] = &["user", "suspend", "olga@example.org"];

#[tokio::test]
async fn a_wrong_setting_is_named_with_what_it_takes() {
    let program = Program::new().await.with(&[("DRAIN_SECONDS", "soon")]);
    for command in [
        SERVE,
        MIGRATE,
        SUSPEND,
        &["config"],
        &["seed"],
        &["log", "inspect", "user:00000000-0000-0000-0000-000000000000"],
    ] {
        program
            .complains(
                command,
                "DRAIN_SECONDS=soon is not valid: it takes 0 to 600 seconds",
            )
            .await;
    }
    let bus = program.with(&[("DRAIN_SECONDS", "1"), ("BUS_URL", "kafka://care:hunter2@bus")]);
    bus.complains(SERVE, "BUS_URL=kafka://*** is not valid: it takes nats://")
        .await;
    let secret = program.with(&[("DRAIN_SECONDS", "1"), ("SECRET_KEY", "hunter2")]);
    let ran = secret.run(SERVE).await;
    assert!(
        ran.err.contains("SECRET_KEY=*** is not valid") && !ran.err.contains("hunter2"),
        "{ran:?}"
    );
    program
        .with(&[("DRAIN_SECONDS", "1"), ("ENVIRONMENT", "production")])
        .complains(SERVE, "SECRET_KEY")
        .await;
}

#[tokio::test]
async fn a_broken_manifest_of_trusted_documents_stops_the_start() {
    let program = Program::new().await;
    let folder = tempfile_folder();
    let path = format!("{folder}/manifest.json");
    let operation = serde_json::json!({ "id": "1", "name": "A", "type": "query", "body": "query A {" });
    let manifest = |version: u64| {
        serde_json::json!({
            "format": "apollo-persisted-query-manifest", "version": version, "operations": [operation],
        })
    };
    let broken = program.with(&[("TRUSTED_DOCUMENTS", &path)]);
    for (content, reason) in [
        (None, "it cannot be read: "),
        (Some("[".to_owned()), "EOF"),
        (
            Some(manifest(2).to_string()),
            "its format is apollo-persisted-query-manifest in version 2",
        ),
        (Some(manifest(1).to_string()), "the body of 1 is not the query A"),
    ] {
        if let Some(content) = content {
            std::fs::write(&path, content).unwrap();
        }
        broken
            .complains(SERVE, &format!("TRUSTED_DOCUMENTS={path} ("))
            .await;
        broken.complains(SERVE, reason).await;
        broken
            .complains(SERVE, "is not valid: it takes the path of a manifest")
            .await;
    }
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn a_database_that_another_program_holds_is_not_waited_for_for_ever() {
    let program = Program::new().await;
    let folder = tempfile_folder();
    let url = format!("sqlite://{folder}/held.db");
    let mut options = ConnectOptions::new(format!("{url}?mode=rwc"));
    options.max_connections(1);
    let holder = Database::connect(options).await.unwrap();
    holder.execute_unprepared("BEGIN EXCLUSIVE").await.unwrap();
    holder
        .execute_unprepared("CREATE TABLE held (id integer)")
        .await
        .unwrap();
    program
        .with(&[("DATABASE_URL", &url)])
        .complains(MIGRATE, "database is locked")
        .await;
    holder.execute_unprepared("ROLLBACK").await.unwrap();
    program.with(&[("DATABASE_URL", &url)]).says(MIGRATE).await;
    holder.close().await.unwrap();
    std::fs::remove_dir_all(folder).unwrap();
}

/// A new folder for a database that is SQLite's whatever the tests run on.
fn tempfile_folder() -> String {
    let name = u64::from_ne_bytes(plant_care::crypto::random());
    let folder = std::env::temp_dir().join(format!("plant_care_test_{name:x}"));
    std::fs::create_dir_all(&folder).unwrap();
    folder.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_database_that_cannot_be_reached_is_named_without_its_password() {
    let program = Program::new().await;
    let program = program.with(&[("DATABASE_URL", "postgres://care:hunter2@127.0.0.1:1/care")]);
    program
        .complains(
            SERVE,
            "cannot open the database postgres://care:***@127.0.0.1:1/care",
        )
        .await;
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_named() {
    let program = Program::new().await;
    let file = "sqlite:///dev/null/nowhere/test.db";
    for command in [SERVE, MIGRATE, SUSPEND] {
        let without = program.with(&[("DATABASE_URL", file)]);
        without
            .complains(command, &format!("cannot open the database {file}"))
            .await;
    }
    program.says(MIGRATE).await;
    let without_keys = program.with(&[("DATA_DIR", "/dev/null/nowhere")]);
    without_keys.complains(SERVE, "/dev/null/nowhere").await;
}

#[tokio::test]
async fn a_schema_of_a_newer_program_is_left_alone() {
    let app = crate::support::TestApp::start().await;
    let program = Program::of(&app);
    app.sql("UPDATE schema_info SET minimum_program_version = '99.1.0'")
        .await;
    let newer = format!(
        "the database needs plant-care 99.1.0 or newer; this is {}",
        env!("CARGO_PKG_VERSION")
    );
    for command in [
        SERVE,
        &["serve", "--no-migrate"],
        MIGRATE,
        &["migrate", "down"],
        SUSPEND,
    ] {
        program.complains(command, &newer).await;
    }
    app.sql("UPDATE schema_info SET minimum_program_version = '0.1.0'")
        .await;
    assert_eq!(program.says(MIGRATE).await, "nothing to apply\n");
}

#[tokio::test]
async fn a_server_that_may_not_migrate_says_what_is_missing() {
    let program = Program::new().await;
    let missing = "migration(s): run `plant-care migrate up`";
    program.complains(&["serve", "--no-migrate"], missing).await;
    program.says(MIGRATE).await;
    program.says(&["migrate", "down"]).await;
    program
        .complains(
            &["serve", "--no-migrate"],
            &format!("the database lacks 1 {missing}"),
        )
        .await;
}

#[tokio::test]
async fn an_address_in_use_is_named_and_the_database_left_alone() {
    let program = Program::new().await;
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let second = program.with(&[("LISTEN_ADDR", &address)]);
    second
        .complains(SERVE, &format!("cannot listen on {address}: "))
        .await;
    let status = program.says(&["migrate", "status"]).await;
    assert!(!status.contains("applied"), "{status}");
}
