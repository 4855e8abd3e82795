//! The plans of the limit's statements, as they run.

use plant_care_prove::failure::Result;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection as _, Row as _};
use uuid::Uuid;

use super::{board, feed, rows};
use crate::operations::Operation;
use crate::stage::Stage;

/// Times that a prepared statement runs before Postgres decides whether one plan will do for all values.
const RUNS: usize = 6;

/// What Postgres says of each statement of a list's three forms (`EXPLAIN (ANALYZE, BUFFERS)`), prepared and run as
/// often as it takes to get the plan that it keeps: titles and plans.
pub async fn plans(operation: Operation, stage: &Stage) -> Result<Vec<(String, String)>> {
    let mut connection = PgConnection::connect(stage.harness.database.url()).await?;
    let (values, forms, requests, children) = match operation {
        Operation::Feed => (
            format!("'{}', 50", stage.people.owner),
            [("lateral", feed::LATERAL), ("nested", feed::NESTED)],
            feed::REQUESTS,
            vec![("plants", rows::PLANTS), ("comments", feed::COMMENTS)],
        ),
        _ => (
            board::square(&stage.cell)?.map(|end| end.to_string()).join(", "),
            [("lateral", board::LATERAL), ("nested", board::NESTED)],
            board::REQUESTS,
            vec![("plants", rows::PLANTS)],
        ),
    };
    let name = operation.name();
    let mut plans = Vec::new();
    for (form, statement) in forms {
        let plan = plan(&mut connection, statement, &values).await?;
        plans.push((format!("{name}, limit {form}"), plan));
    }
    let plan_of_requests = plan(&mut connection, requests, &values).await?;
    plans.push((format!("{name}, limit rows: requests"), plan_of_requests));
    let ids = ids(&mut connection, requests, &values).await?;
    for (table, statement) in children {
        let plan = plan(&mut connection, statement, &ids).await?;
        plans.push((format!("{name}, limit rows: {table}"), plan));
    }
    connection.close().await?;
    Ok(plans)
}

async fn plan(connection: &mut PgConnection, statement: &str, values: &str) -> Result<String> {
    let run = |sql: String| sqlx::raw_sql(AssertSqlSafe(sql));
    run(format!("PREPARE shown AS {statement}"))
        .execute(&mut *connection)
        .await?;
    for _ in 0..RUNS {
        run(format!("EXECUTE shown ({values})"))
            .execute(&mut *connection)
            .await?;
    }
    let lines = run(format!("EXPLAIN (ANALYZE, BUFFERS) EXECUTE shown ({values})"))
        .fetch_all(&mut *connection)
        .await?;
    run("DEALLOCATE shown".to_owned())
        .execute(&mut *connection)
        .await?;
    let lines: Vec<String> = lines
        .iter()
        .map(|line| line.try_get(0))
        .collect::<std::result::Result<_, _>>()?;
    Ok(lines.join("\n"))
}

/// The ids of a list's requests, as the value that the other statements take.
async fn ids(connection: &mut PgConnection, requests: &str, values: &str) -> Result<String> {
    sqlx::raw_sql(AssertSqlSafe(format!("PREPARE listed AS {requests}")))
        .execute(&mut *connection)
        .await?;
    let rows = sqlx::raw_sql(AssertSqlSafe(format!("EXECUTE listed ({values})")))
        .fetch_all(&mut *connection)
        .await?;
    let ids: Vec<String> = rows
        .iter()
        .map(|row| row.try_get::<Uuid, _>("id").map(|id| id.to_string()))
        .collect::<std::result::Result<_, _>>()?;
    Ok(format!("'{{{}}}'", ids.join(",")))
}
