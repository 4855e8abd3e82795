//! How the database finds what the benchmark and each list ask for: by an index, always, with the benchmark's own data.

use std::collections::BTreeSet;

use plant_care::entity::CareRequestId;
use plant_care::graphql::scalars::GlobalId as _;
use plant_care_bench::data::{OWNER, READER, Size, WRITER, board_cell, fill};
use plant_care_prove::database::Database;
use sea_orm::{ConnectionTrait as _, DbBackend, Statement};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::logs::Logs;
use crate::support::{TestApp, data};

/// The benchmark's documents, with what they are asked with and by whom.
const FEED: &str = include_str!("../bench/queries/feed.graphql");
const BOARD: &str = include_str!("../bench/queries/board.graphql");
const ONE: &str = include_str!("../bench/queries/one.graphql");
const WRITE: &str = include_str!("../bench/queries/write.graphql");

/// Each list that an object has, as it is paged and counted for many objects at a time.
const LISTS: &str = "query { careRequests(as: OWNER, first: 50) { totalCount edges { node {
    offers(first: 2) { totalCount edges { node { message careRequest { title } } } }
    comments(last: 2) { totalCount edges { node { body careRequest { title } } } }
    oldest: timeline(first: 2) { totalCount edges { node { plant { name } } } }
    newest: timeline(last: 2) { edges { node { actor { displayName } ... on CommentAdded { comment { body } } } } }
    owner { plants(first: 2) { totalCount edges { node { name } } } } } } }
    feed { events(last: 2, minLevel: NOTICE) { totalCount edges { node { event { id } } } } } }";

/// Tables of which a benchmark has a few rows only, which are read faster than an index.
const SMALL: [&str; 4] = ["sessions", "idempotency_keys", "streams", "read_cursors"];

/// The plan of a statement, whatever its parameters are.
async fn plan(app: &TestApp, statement: &str) -> String {
    if app.app.database.backend() == DbBackend::Sqlite {
        let explain = Statement::from_string(DbBackend::Sqlite, format!("EXPLAIN QUERY PLAN {statement}"));
        let rows = app.app.database.reader().query_all_raw(explain).await.unwrap();
        let lines: Vec<String> = rows.iter().map(|row| row.try_get_by_index(3).unwrap()).collect();
        return lines.join("\n");
    }
    let parameters = (1..1_000)
        .take_while(|number| statement.contains(&format!("${number}")))
        .count();
    let arguments = match parameters {
        0 => String::new(),
        _ => format!("({})", vec!["NULL"; parameters].join(", ")),
    };
    let prepare = format!("SET plan_cache_mode = force_generic_plan; PREPARE by_number AS {statement}");
    let explain = format!("EXPLAIN EXECUTE by_number{arguments}");
    let lines = Database::at(&app.app.config.database_url.0)
        .column_after::<String>(&prepare, &explain)
        .await;
    let lines = lines.unwrap_or_else(|error| panic!("{statement}: {error:?}"));
    lines.join("\n")
}

/// What SQLite calls a part of the statement itself, whose rows were found before.
fn is_part(table: &str) -> bool {
    let is_of_parameters =
        ["asked", "json_each", "CONSTANT"].contains(&table) || table.chars().all(char::is_numeric);
    is_of_parameters || table.starts_with('(') || table.ends_with("-ROW") || table == "alive"
}

/// What a plan reads from the beginning to the end.
fn read_whole(plan: &str) -> Vec<&str> {
    plan.lines()
        .filter_map(|line| {
            let line = line.trim().trim_start_matches("->").trim();
            let table = line
                .strip_prefix("Seq Scan on ")
                .or_else(|| line.strip_prefix("SCAN "))?;
            table.split_whitespace().next()
        })
        .map(|table| table.trim_matches('"'))
        .filter(|table| !SMALL.contains(table) && !is_part(table))
        .collect()
}

#[tokio::test]
async fn every_query_of_the_benchmark_and_every_list_uses_an_index() {
    let app = TestApp::start().await;
    let [owner, writer, reader] = [
        app.member(OWNER).await,
        app.member(WRITER).await,
        app.member(READER).await,
    ];
    let database = Database::at(&app.app.config.database_url.0);
    fill(&database, Size::default()).await.unwrap();
    let request = |number: u64| {
        let id = format!("019{number:09x}70028000{number:012x}");
        CareRequestId(Uuid::parse_str(&id).unwrap()).to_id().to_string()
    };
    let written = json!({ "input": { "careRequestId": request(401), "body": "The leaves look fine." } });
    for (member, document, variables, entries) in [
        (&owner, FEED, json!({}), Some(("careRequests", 50))),
        (&owner, LISTS, json!({}), Some(("careRequests", 50))),
        (
            &reader,
            BOARD,
            json!({ "cell": board_cell().unwrap() }),
            Some(("openCareRequests", 50)),
        ),
        (&reader, ONE, json!({ "id": request(5) }), None),
        (&writer, WRITE, written, None),
    ] {
        let logs = Logs::catch_all();
        let answer = data(app.send(Some(&member.token), document, variables).await);
        if let Some((page, count)) = entries {
            assert_eq!(answer[page]["edges"].as_array().unwrap().len(), count);
        } else {
            assert!(
                answer.as_object().unwrap().values().all(|value| !value.is_null()),
                "{answer}"
            );
        }
        let text = logs.text();
        drop(logs);
        let lines = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        let statements: BTreeSet<String> = lines
            .filter_map(|line| line["statement"].as_str().map(str::to_owned))
            .filter(|statement| {
                ["SELECT", "UPDATE", "INSERT"]
                    .iter()
                    .any(|kind| statement.starts_with(kind))
            })
            .collect();
        assert!(!statements.is_empty(), "{document}");
        for statement in statements {
            let plan = plan(&app, &statement).await;
            assert!(!plan.is_empty() || statement.starts_with("INSERT"), "{statement}");
            assert_eq!(read_whole(&plan), Vec::<&str>::new(), "{statement}\n{plan}");
        }
    }
}

/// The options that .cargo/config.toml asks for: a build without it would work, and take a third more of the processor.
#[tokio::test]
async fn sqlite_is_compiled_to_plan_a_statement_once() {
    let app = TestApp::start().await;
    if app.app.database.backend() == DbBackend::Postgres {
        return;
    }
    let asked = Statement::from_string(DbBackend::Sqlite, "PRAGMA compile_options");
    let rows = app.app.database.reader().query_all_raw(asked).await.unwrap();
    let options: BTreeSet<String> = rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect();
    for (option, is_asked_for) in [
        ("ENABLE_QPSG", true),
        ("DEFAULT_MEMSTATUS=0", true),
        ("ENABLE_MEMORY_MANAGEMENT", false),
    ] {
        assert_eq!(options.contains(option), is_asked_for, "{option}: {options:?}");
    }
}
