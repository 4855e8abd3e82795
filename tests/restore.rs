//! A backup that is restored while the servers are stopped.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use plant_care::config::Config;
use serde_json::json;
use tokio::process::Command;

use crate::support::story::open_request;
use crate::support::{Story, TestApp, text};

/// A backup of the database as it is now, by the database's own means.
async fn back_up(app: &TestApp) -> PathBuf {
    let backup = std::env::temp_dir().join(format!("plant_care_backup_{}", app.app.clock.new_id().simple()));
    if app.app.config.sqlite_file().is_some() {
        app.sql(&format!("VACUUM INTO '{}'", backup.display())).await;
    } else {
        let url = &app.app.config.database_url.0;
        let backup = backup.to_str().unwrap();
        postgres("pg_dump", &["--format=custom", "--file", backup, url]).await;
    }
    backup
}

async fn restore(config: &Config, backup: &Path) {
    if let Some(file) = config.sqlite_file() {
        for ending in ["-wal", "-shm"] {
            let beside = format!("{}{ending}", file.display());
            if std::fs::exists(&beside).unwrap() {
                std::fs::remove_file(beside).unwrap();
            }
        }
        std::fs::copy(backup, file).unwrap();
    } else {
        let (url, backup) = (&config.database_url.0, backup.to_str().unwrap());
        let arguments = [
            "--clean",
            "--if-exists",
            "--no-owner",
            "--exit-on-error",
            "--dbname",
            url,
            backup,
        ];
        postgres("pg_restore", &arguments).await;
    }
}

/// Runs one of Postgres's programs.
async fn postgres(program: &str, arguments: &[&str]) {
    let found = Command::new("scripts/postgres")
        .arg("find")
        .output()
        .await
        .unwrap();
    let folder = String::from_utf8(found.stdout).unwrap();
    let ran = Command::new(Path::new(folder.trim()).join(program))
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}

#[tokio::test]
async fn who_knows_more_than_a_restored_backup_is_told_and_all_others_go_on_without_a_gap() {
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    let before = text(&story.water(1).await["cursor"]);
    let backup = back_up(&app).await;
    let mut lost = Vec::new();
    for amount in 2..5 {
        lost.push(text(&story.water(amount).await["cursor"]));
    }
    let (owner, caretaker) = (story.owner.clone(), story.caretaker.clone());
    let (request, plants) = (story.request.clone(), story.plants.clone());
    let app = app
        .restart_after(async |config| restore(config, &backup).await)
        .await;
    std::fs::remove_file(&backup).unwrap();

    let mut knows_less = app.socket(&owner).await;
    knows_less.follow(&request, Some(&before)).await;
    let (events, _) = knows_less.replay().await;
    assert_eq!(events.len(), 0);
    for cursor in &lost {
        let mut knows_more = app.socket(&owner).await;
        knows_more.follow(&request, Some(cursor)).await;
        let gap = knows_more.told().await;
        assert_eq!(
            (&gap["__typename"], &gap["reason"]),
            (&json!("StreamGap"), &json!("LOG_RESET"))
        );
        assert_eq!(gap["from"], cursor.as_str());
        let (events, _) = knows_more.replay().await;
        let numbers: Vec<_> = events
            .iter()
            .map(|event| event["event"]["seq"].as_i64().unwrap())
            .collect();
        assert_eq!(numbers, [1, 2, 3, 4]);
    }
    // What takes the numbers of what was lost is another event, and whoever has a lost one's cursor is told.
    let story = Story {
        app: &app,
        owner,
        caretaker,
        plants,
        request,
    };
    let mut newest = String::new();
    for amount in 5..9 {
        newest = text(&story.water(amount).await["cursor"]);
    }
    let told = knows_less.told().await;
    assert_eq!(told["event"]["seq"], 5);
    let mut late = app.socket(&story.owner).await;
    late.follow(&story.request, Some(&lost[2])).await;
    assert_eq!(late.told().await["reason"], "LOG_RESET");
    let mut good = app.socket(&story.owner).await;
    good.follow(&story.request, Some(&newest)).await;
    assert_eq!(good.replay().await.0.len(), 0);
    // Nothing else is broken: everybody goes on, and new things happen.
    let plant = app.plant(&story.owner, "Basil").await;
    open_request(&app, &story.owner, &[plant]).await;
    story.does(&story.caretaker, "endCare").await;
    story.does(&story.owner, "confirmCare").await;
    assert_eq!(story.status().await, "COMPLETED");
}
