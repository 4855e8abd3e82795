//! Health: whether the process lives, and whether it can serve.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::app::App;
use crate::database::schema::{self, SchemaError};
use crate::graphql::Api;

/// How long the database may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// What `/health/ready` answers.
#[derive(Debug, Serialize)]
struct Readiness {
    /// `ready`, or `unavailable`.
    status: &'static str,
    /// Each part by itself: `ok`, or what is wrong with it.
    checks: Checks,
}

#[derive(Debug, Serialize)]
struct Checks {
    database: &'static str,
    migrations: &'static str,
    bus: &'static str,
    process: &'static str,
}

/// `/health/live`: the process answers.
pub async fn live() -> Response {
    Json(serde_json::json!({ "status": "live" })).into_response()
}

/// `/health/ready`: everything that serving takes, with the failing part named.
pub async fn ready(State(api): State<Api>) -> Response {
    let app = api.app();
    let (database, migrations) = database(app).await;
    let process = if app.stop.is_cancelled() { "draining" } else { "ok" };
    // Without it events come late, and all come: no reason to turn clients away.
    let bus = if app.bus.is_listening() {
        "ok"
    } else {
        "polling the database"
    };
    let ready = [database, migrations, process].iter().all(|check| *check == "ok");
    let (code, status) = if ready {
        (StatusCode::OK, "ready")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "unavailable")
    };
    (
        code,
        Json(Readiness {
            status,
            checks: Checks {
                database,
                migrations,
                bus,
                process,
            },
        }),
    )
        .into_response()
}

/// The database and its schema. What went wrong is in the log of whoever ran into it; here it is named.
async fn database(app: &App) -> (&'static str, &'static str) {
    match tokio::time::timeout(PATIENCE, schema::check(&app.database)).await {
        Ok(Ok(())) => ("ok", "ok"),
        Ok(Err(SchemaError::Behind(_))) => ("ok", "missing"),
        Ok(Err(SchemaError::ProgramTooOld { .. })) => ("ok", "too new for this program"),
        Ok(Err(SchemaError::Database(_))) => ("failing", "unknown"),
        Err(_) => ("slow", "unknown"),
    }
}
