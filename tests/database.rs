//! What is acknowledged is stored, whatever the database does: full, locked, gone, or lost half-way.

mod faults;
mod lost;

use sea_orm::{ConnectionTrait as _, DbBackend, DbErr};
use serde_json::{Value, json};

use crate::support::{Held, Member, TestApp, server_of_databases};

/// A member of whom it was written that she was seen.
async fn seen(app: &TestApp) -> Member {
    let olga = app.member("Olga").await;
    app.run(&olga, "{ viewer { id } }", json!({})).await;
    olga
}

/// Asks for a new plant: the code of the error, if that was the answer.
async fn plant(app: &TestApp, owner: &Member, name: &str) -> Option<String> {
    plant_of(app, owner, json!({ "name": name })).await
}

/// The same, of any input.
async fn plant_of(app: &TestApp, owner: &Member, input: Value) -> Option<String> {
    let query = "mutation($input: CreatePlantInput!) { createPlant(input: $input) { plant { id } userErrors { code } } }";
    let answer = app
        .send(Some(&owner.token), query, json!({ "input": input }))
        .await;
    answer["errors"][0]["extensions"]["code"]
        .as_str()
        .map(str::to_owned)
}

/// The names of a member's plants, as another connection reads them.
async fn plants(app: &TestApp, owner: &Member) -> Vec<String> {
    let query = "{ viewer { plants(first: 100) { edges { node { name } } } } }";
    let data = app.run(owner, query, json!({})).await;
    let mut names: Vec<_> = crate::support::nodes(&data["viewer"]["plants"])
        .map(|node| crate::support::text(&node["name"]))
        .collect();
    names.sort();
    names
}

/// What a transaction that writes is asked to do besides, in the tests.
async fn write(app: &TestApp, statements: &'static [&'static str]) -> Result<(), DbErr> {
    app.app
        .database
        .write_transaction("test", statements, |transaction, statements| {
            Box::pin(async move {
                for statement in *statements {
                    transaction.execute_unprepared(statement).await?;
                }
                Ok(())
            })
        })
        .await
}

#[tokio::test]
async fn a_mutation_whose_caller_has_left_is_carried_out_to_its_end() {
    let app = TestApp::start().await;
    let olga = seen(&app).await;
    let before = app.metrics().await.value(CREATIONS);
    let held = Held::on(&app, "plants").await;
    for name in ["Fern", "Fig", "Yucca"] {
        let body = json!({ "query": format!(
            "mutation {{ createPlant(input: {{ name: \"{name}\" }}) {{ userErrors {{ code }} }} }}"
        ) });
        let asked = app
            .request(reqwest::Method::POST, "/graphql")
            .bearer_auth(&olga.token)
            .json(&body)
            .send();
        // It waits for the lock when its caller hangs up.
        tokio::select! {
            answer = asked => panic!("answered: {answer:?}"),
            () = waits(&app, name) => {}
        }
    }
    held.let_go().await;
    app.until_metric(CREATIONS, |count| count == before + 3).await;
    assert_eq!(plants(&app, &olga).await, ["Fern", "Fig", "Yucca"]);
    assert_eq!(open_transactions(&app).await, 0);
}

const CREATIONS: &str = "plant_care_plant_creations_total{owner_type=\"member\"}";

/// Waits until a mutation is on its way to the database.
async fn waits(app: &TestApp, name: &str) {
    let nth = ["Fern", "Fig", "Yucca"]
        .iter()
        .position(|one| *one == name)
        .unwrap()
        + 1;
    crate::support::until("the mutation waits for the lock", || {
        app.app.database.writes_under_way() > nth
    })
    .await;
}

/// Sessions of Postgres that have a transaction open.
async fn open_transactions(app: &TestApp) -> i64 {
    if app.app.database.backend() == DbBackend::Sqlite {
        return 0;
    }
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
               AND state LIKE 'idle in transaction%'";
    let statement = sea_orm::Statement::from_string(DbBackend::Postgres, sql);
    let row = app.rows().query_one_raw(statement).await.unwrap().unwrap();
    row.try_get_by_index(0).unwrap()
}

#[tokio::test]
async fn who_is_out_of_time_is_told_that_it_may_be_stored_and_it_is_whole() {
    let app = TestApp::start_with(&[("LIMIT_OPERATION_SECONDS", "1")]).await;
    let olga = seen(&app).await;
    let held = Held::on(&app, "plants").await;
    let code = plant(&app, &olga, "Fern").await.unwrap();
    assert!(["TIMED_OUT", "LIMIT_EXCEEDED"].contains(&code.as_str()), "{code}");
    held.let_go().await;
    app.until_metric(CREATIONS, |count| count == 1).await;
    assert_eq!(plants(&app, &olga).await, ["Fern"]);
}

#[tokio::test]
async fn nothing_is_stored_of_a_transaction_in_which_a_statement_failed() {
    let app = TestApp::start().await;
    let olga = app.member("Olga").await;
    let ignoring = app
        .app
        .database
        .write_transaction("ignoring", (), |transaction, ()| {
            Box::pin(async move {
                transaction
                    .execute_unprepared("UPDATE schema_info SET minimum_program_version = '0.0.1'")
                    .await?;
                let failed = transaction.execute_unprepared("SELECT nonsense").await;
                assert!(failed.is_err());
                let after = transaction
                    .execute_unprepared("UPDATE schema_info SET minimum_program_version = '0.0.2'")
                    .await;
                assert!(after.is_err(), "after a failure nothing more is taken");
                Ok::<_, DbErr>(())
            })
        })
        .await;
    assert!(ignoring.is_err(), "told that it is stored");
    let version = "SELECT minimum_program_version FROM schema_info";
    let statement = sea_orm::Statement::from_string(app.app.database.backend(), version);
    let row = app.rows().query_one_raw(statement).await.unwrap().unwrap();
    assert_eq!(row.try_get_by_index::<String>(0).unwrap(), "0.1.0");
    assert_eq!(plant(&app, &olga, "Fern").await, None);
    assert_eq!(plants(&app, &olga).await, ["Fern"]);
}

/// Checks that writes are stored, and seen by everybody, also by a process that begins now.
async fn assert_stores(app: TestApp, olga: &Member, expected: &[&str]) {
    assert_eq!(plants(&app, olga).await, expected);
    assert_eq!(open_transactions(&app).await, 0);
    app.assert_whole_log().await;
    if server_of_databases().is_none() {
        let again = app.restart_after(async |_| {}).await;
        assert_eq!(plants(&again, olga).await, expected);
    }
}

/// What `/health/ready` says of the database, and whether it is ready.
async fn readiness(app: &TestApp) -> (u16, String) {
    let answer = app
        .request(reqwest::Method::GET, "/health/ready")
        .send()
        .await
        .unwrap();
    let status = answer.status().as_u16();
    let answer: Value = answer.json().await.unwrap();
    (status, crate::support::text(&answer["checks"]["database"]))
}
