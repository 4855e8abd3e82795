//! Connections to Postgres that are cut.

use sea_orm::{ConnectionTrait as _, DatabaseConnection, DbBackend, Statement};
use serde_json::json;

use super::{assert_stores, plant, plants};
use crate::support::{TestApp, error_code, server_of_databases};

/// Another connection to the server's database.
async fn other(app: &TestApp) -> DatabaseConnection {
    let url = app.app.config.database_url.0.as_str();
    sea_orm::Database::connect(url).await.unwrap()
}

/// Ends every session of the server's database but the one that asks.
async fn cut(app: &TestApp) {
    let other = other(app).await;
    let sql = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity \
               WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let statement = Statement::from_string(DbBackend::Postgres, sql);
    other.query_all_raw(statement).await.unwrap();
    other.close().await.unwrap();
}

#[tokio::test]
async fn a_lost_connection_is_nobodys_error_where_nothing_was_written() {
    if server_of_databases().is_none() {
        return;
    }
    let app = TestApp::start().await;
    let olga = app.member("Olga").await;
    for name in ["a", "b", "c"] {
        // Several connections are open, and all are lost.
        let reads = (0..8).map(|_| plants(&app, &olga));
        futures_util::future::join_all(reads).await;
        cut(&app).await;
        assert_eq!(
            plants(&app, &olga).await.len(),
            usize::from(name.as_bytes()[0] - b'a')
        );
        cut(&app).await;
        assert_eq!(plant(&app, &olga, name).await, None, "{name}");
    }
    assert_stores(app, &olga, &["a", "b", "c"]).await;
}

#[tokio::test]
async fn a_statement_that_hangs_is_the_databases_fault() {
    if server_of_databases().is_none() {
        return;
    }
    let app = TestApp::start().await;
    let olga = app.member("Olga").await;
    let other = other(&app).await;
    let other = other.get_postgres_connection_pool();
    let mut other = other.acquire().await.unwrap();
    let run = |sql: &'static str| sea_orm::sqlx::raw_sql(sql);
    run("BEGIN; LOCK TABLE plants IN ACCESS EXCLUSIVE MODE")
        .execute(&mut *other)
        .await
        .unwrap();
    let bearer = format!("Bearer {}", olga.token);
    let headers = [("authorization", bearer.as_str())];
    let query = "query plants { viewer { plants { totalCount } } }";
    let reading = app.post(&headers, query, json!({}));
    let ((_, read), written) = futures_util::future::join(reading, plant(&app, &olga, "Fern")).await;
    assert_eq!(error_code(&read), "SERVER_BUSY", "{read}");
    assert_eq!(written.as_deref(), Some("SERVER_BUSY"));
    let failed = "graphql_server_request_duration_seconds_count{operation_type=\"query\",operation_name=\"plants\",outcome=\"server_error\"}";
    assert_eq!(app.metrics().await.value(failed), 1);
    run("ROLLBACK").execute(&mut *other).await.unwrap();
    assert_eq!(plant(&app, &olga, "Yucca").await, None);
    assert_stores(app, &olga, &["Yucca"]).await;
}
