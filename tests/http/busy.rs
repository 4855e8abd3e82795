//! A database without a connection to spare: who needs one is told to come back.

use reqwest::StatusCode;
use reqwest::header::RETRY_AFTER;
use sea_orm::{DatabaseTransaction, TransactionTrait as _};
use serde_json::{Value, json};

use super::post;
use crate::support::{Logs, PASSWORD, TestApp, error_code};

/// Takes all the connections that readers may have.
async fn take_all(app: &TestApp) -> Vec<DatabaseTransaction> {
    let connections = if app.app.config.sqlite_file().is_some() {
        1
    } else {
        2
    };
    let mut taken = Vec::new();
    for _ in 0..connections {
        #[expect(clippy::disallowed_methods, reason = "it only keeps a connection")]
        taken.push(app.rows().pool().begin().await.unwrap());
    }
    taken
}

#[tokio::test]
async fn who_gets_no_connection_is_told_when_to_come_back_and_the_log_once() {
    let app = TestApp::start_with(&[("DATABASE_MAX_CONNECTIONS", "2")]).await;
    let olga = app.member("Olga").await;
    let logs = Logs::catch();
    let taken = take_all(&app).await;

    let login = "mutation($input: LoginInput!) { login(input: $input) { session { user { id } } } }";
    let input = json!({ "email": olga.email, "password": PASSWORD });
    // One is stopped when its member is looked up, the other while it runs.
    let asked = post(&app)
        .bearer_auth(&olga.token)
        .json(&json!({ "query": "{ viewer { id } }" }));
    let running = post(&app).json(&json!({ "query": login, "variables": { "input": input } }));
    let answers = tokio::join!(asked.send(), running.send());
    for answer in [answers.0, answers.1] {
        let answer = answer.unwrap();
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.headers()[RETRY_AFTER], "2");
        let answer: Value = answer.json().await.unwrap();
        assert_eq!(error_code(&answer), "SERVER_BUSY");
        assert!(answer["data"].is_null(), "{answer}");
        assert!(answer["errors"][0]["extensions"].get("errorId").is_none());
    }
    // What needs no database is answered all the same.
    let small = app.send(None, "{ __typename }", json!({})).await;
    assert_eq!(small["data"]["__typename"], "Query");
    let fails = "the pool of database connections fails";
    assert_eq!(logs.text().matches(fails).count(), 1, "{}", logs.text());

    for connection in taken {
        connection.rollback().await.unwrap();
    }
    let again = app.run(&olga, "{ viewer { id } }", json!({})).await;
    assert_eq!(again["viewer"]["id"], olga.id.as_str());
    let works = "the pool of database connections works again";
    assert_eq!(logs.text().matches(works).count(), 1, "{}", logs.text());
}

#[tokio::test]
async fn who_runs_out_of_time_is_told_so_and_that_a_mutation_may_have_been_done() {
    let settings = [
        ("DATABASE_MAX_CONNECTIONS", "2"),
        ("LIMIT_OPERATION_SECONDS", "1"),
    ];
    let app = TestApp::start_with(&settings).await;
    let olga = app.member("Olga").await;
    // Who she is, is known from here on; the clock stands still.
    app.run(&olga, "{ viewer { id } }", json!({})).await;
    let taken = take_all(&app).await;

    let login = "mutation($input: LoginInput!) { login(input: $input) { session { user { id } } } }";
    let input = json!({ "email": olga.email, "password": PASSWORD });
    let login = json!({ "query": login, "variables": { "input": input } });
    let query = json!({ "query": "{ openCareRequests { totalCount } }" });
    for (body, written) in [(login, json!("UNKNOWN")), (query, Value::Null)] {
        for accept in ["application/json", "application/graphql-response+json"] {
            let asked = post(&app)
                .bearer_auth(&olga.token)
                .header("accept", accept)
                .json(&body);
            let answer = asked.send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE, "{body}");
            assert_eq!(answer.headers()[RETRY_AFTER], "2");
            let answer: Value = answer.json().await.unwrap();
            assert_eq!(error_code(&answer), "TIMED_OUT");
            assert_eq!(answer.get("data"), None);
            assert_eq!(answer["errors"][0]["extensions"]["written"], written);
        }
    }
    for connection in taken {
        connection.rollback().await.unwrap();
    }
}
