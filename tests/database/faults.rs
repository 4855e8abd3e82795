//! A database that fails in the middle of things.

use chrono::TimeDelta;
use plant_care::database::fault::StorageFault;
use sea_orm::DbBackend;
use serde_json::json;

use super::{assert_stores, plant, plant_of, plants, readiness, write};
use crate::support::{Logs, TestApp, server_of_databases};

#[tokio::test]
async fn what_is_acknowledged_after_a_full_disk_is_stored() {
    let app = TestApp::start().await;
    if app.app.database.backend() == DbBackend::Postgres {
        // It rolls back when it is told to; the proof has the disk.
        return;
    }
    let olga = app.member("Olga").await;
    assert_eq!(plant(&app, &olga, "before").await, None);
    for round in ["first", "second"] {
        let logs = Logs::catch();
        // On the one connection that writes: SQLite takes it for a disk that is full, and rolls back by itself.
        write(&app, &["PRAGMA max_page_count = 1"]).await.unwrap();
        let mut refused = 0;
        let mut name = 0;
        while refused == 0 && name < 200 {
            name += 1;
            let fat = json!({ "name": "fat", "instructions": "x".repeat(2000) });
            let code = plant_of(&app, &olga, fat).await;
            refused += usize::from(code.is_some());
            if let Some(code) = code {
                assert_eq!(code, "SERVER_BUSY");
            }
        }
        assert_eq!(refused, 1, "the disk was never full");
        let full = "storing in the database fails";
        assert_eq!(logs.text().matches(full).count(), 1, "{}", logs.text());
        let failing = app.app.database.storage().failing();
        assert_eq!(failing.map(StorageFault::name), Some("disk full"));
        // The connection it happened on is gone, and with it what made the disk full.
        assert_eq!(plant(&app, &olga, round).await, None);
        assert_eq!(app.app.database.storage().failing(), None);
        let works = "storing in the database works again";
        assert_eq!(logs.text().matches(works).count(), 1, "{}", logs.text());
        app.sql("DELETE FROM plants WHERE name = 'fat'").await;
    }
    assert_stores(app, &olga, &["before", "first", "second"]).await;
}

#[tokio::test]
async fn a_commit_that_fails_leaves_nothing_open() {
    let app = TestApp::start().await;
    let olga = app.member("Olga").await;
    let fails: &[&str] = if app.app.database.backend() == DbBackend::Postgres {
        app.sql("CREATE TABLE one (id integer PRIMARY KEY DEFERRABLE INITIALLY DEFERRED)")
            .await;
        &["INSERT INTO one VALUES (1), (1)"]
    } else {
        app.sql("CREATE TABLE one (id integer REFERENCES one (other), other integer UNIQUE)")
            .await;
        &["PRAGMA defer_foreign_keys = ON", "INSERT INTO one VALUES (1, 2)"]
    };
    write(&app, fails).await.unwrap_err();
    assert_eq!(plant(&app, &olga, "Fern").await, None);
    write(&app, fails).await.unwrap_err();
    assert_eq!(plant(&app, &olga, "Yucca").await, None);
    assert_stores(app, &olga, &["Fern", "Yucca"]).await;
}

#[tokio::test]
async fn a_connection_with_something_open_is_not_written_on() {
    let app = TestApp::start().await;
    if app.app.database.backend() == DbBackend::Postgres {
        return;
    }
    let olga = app.member("Olga").await;
    // It ends with what it began, and leaves another one open: the database says so, and no count.
    write(&app, &["ROLLBACK"]).await.unwrap_err();
    assert_eq!(plant(&app, &olga, "Fern").await, None);
    let left = write(
        &app,
        &["COMMIT", "BEGIN IMMEDIATE", "SAVEPOINT one", "RELEASE one"],
    )
    .await;
    assert!(left.is_ok(), "{left:?}");
    assert_eq!(plant(&app, &olga, "Yucca").await, None);
    assert_stores(app, &olga, &["Fern", "Yucca"]).await;
}

#[tokio::test]
async fn all_who_wait_for_a_lock_too_long_are_told_to_come_back() {
    let app = TestApp::start().await;
    let Some(file) = app.app.config.sqlite_file() else {
        return;
    };
    let olga = app.member("Olga").await;
    // Another program has the file's lock.
    let other = sea_orm::Database::connect(format!("sqlite://{}", file.display()))
        .await
        .unwrap();
    let other = other.get_sqlite_connection_pool();
    let mut other = other.acquire().await.unwrap();
    let run = |sql: &'static str| sea_orm::sqlx::raw_sql(sql);
    run("BEGIN IMMEDIATE").execute(&mut *other).await.unwrap();
    let asked = ["one", "two", "three"].map(|name| plant(&app, &olga, name));
    let told = futures_util::future::join_all(asked).await;
    assert!(
        told.iter().all(|code| code.as_deref() == Some("SERVER_BUSY")),
        "{told:?}"
    );
    run("ROLLBACK").execute(&mut *other).await.unwrap();
    assert_eq!(plant(&app, &olga, "four").await, None);
    assert_stores(app, &olga, &["four"]).await;
}

#[tokio::test]
async fn a_file_that_is_gone_or_replaced_is_not_written_to() {
    let app = TestApp::start().await;
    let Some(file) = app.app.config.sqlite_file() else {
        return;
    };
    let olga = app.member("Olga").await;
    assert_eq!(plant(&app, &olga, "before").await, None);
    let away = file.with_extension("away");
    std::fs::rename(&file, &away).unwrap();
    assert_eq!(plant(&app, &olga, "gone").await.as_deref(), Some("SERVER_BUSY"));
    assert!(!file.exists(), "no empty one is made in its place");
    app.app.clock.advance(TimeDelta::seconds(2));
    assert_eq!(readiness(&app).await, (503, "file gone or replaced".to_owned()));
    std::fs::rename(&away, &file).unwrap();
    assert_eq!(readiness(&app).await, (200, "ok".to_owned()));
    assert_eq!(plant(&app, &olga, "again").await, None);

    // A copy in its place is what is written to from then on.
    std::fs::copy(&file, &away).unwrap();
    std::fs::rename(&away, &file).unwrap();
    let after = plants(&app, &olga).await;
    assert_eq!(plant(&app, &olga, "copy").await, None);
    let mut expected = after;
    expected.push("copy".to_owned());
    expected.sort();
    assert_eq!(plants(&app, &olga).await, expected);
    assert!(server_of_databases().is_none());
}
