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

/// A part that is as it should be.
const OK: &str = "ok";

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

/// Each part of the process: `ok`, or what is wrong with it.
#[derive(Debug, Serialize)]
pub struct Checks {
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
    let checks = check(api.app()).await;
    let (code, status) = if checks.are_good() {
        (StatusCode::OK, "ready")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "unavailable")
    };
    (code, Json(Readiness { status, checks })).into_response()
}

/// Looks at every part.
pub async fn check(app: &App) -> Checks {
    let (database, migrations) = database(app).await;
    Checks {
        database,
        migrations,
        // Without it events come late, and all come: no reason to turn clients away.
        bus: if app.bus.is_listening() {
            OK
        } else {
            "polling the database"
        },
        process: if app.stop.is_cancelled() { "draining" } else { OK },
    }
}

impl Checks {
    /// Whether clients may be let in.
    fn are_good(&self) -> bool {
        [self.database, self.migrations, self.process]
            .iter()
            .all(|check| *check == OK)
    }

    /// Whether the database can be asked.
    pub fn database_answers(&self) -> bool {
        self.database == OK && self.migrations == OK
    }

    /// What the process depends on, and whether it is there.
    pub fn parts(&self) -> [(&'static str, bool); 3] {
        [
            ("database", self.database == OK),
            ("migrations", self.migrations == OK),
            ("bus", self.bus == OK),
        ]
    }
}

/// The database and its schema. What went wrong is in the log of whoever ran into it; here it is named.
async fn database(app: &App) -> (&'static str, &'static str) {
    match tokio::time::timeout(PATIENCE, schema::check(&app.database)).await {
        Ok(Ok(())) => (OK, OK),
        Ok(Err(SchemaError::Behind(_))) => ("ok", "missing"),
        Ok(Err(SchemaError::ProgramTooOld { .. })) => ("ok", "too new for this program"),
        Ok(Err(SchemaError::Database(_))) => ("failing", "unknown"),
        Err(_) => ("slow", "unknown"),
    }
}
