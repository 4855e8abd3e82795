//! Health: whether the process lives, and whether it can serve.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Serialize, Serializer};

use crate::app::App;
use crate::database::fault::Fault;
use crate::database::schema::{self, SchemaError};
use crate::domain::heartbeat::{self, Storing};
use crate::graphql::Api;

/// How long the database may take to say which schema it has.
const PATIENCE: Duration = Duration::from_secs(1);

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
    database: Check,
    migrations: Check,
    bus: Check,
    keys: Check,
    process: Check,
}

/// How a part of the process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Check {
    /// As it should be.
    Good,
    /// Slower than it should be: no reason to turn clients away.
    Strained(&'static str),
    /// Not fit to serve.
    Bad(&'static str),
}

impl Check {
    fn is_bad(self) -> bool {
        matches!(self, Self::Bad(_))
    }
}

impl Serialize for Check {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(match self {
            Self::Good => "ok",
            Self::Strained(how) | Self::Bad(how) => how,
        })
    }
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
    let (storing, schema, shared_key) = tokio::join!(
        heartbeat::prove(app),
        tokio::time::timeout(PATIENCE, schema::check(&app.database)),
        tokio::time::timeout(PATIENCE, app.shared_key.ask(&app.database, &app.keys)),
    );
    let database = match storing {
        Storing::Proved => Check::Good,
        Storing::Busy => Check::Strained("busy"),
        Storing::Failing(why) => Check::Bad(why),
    };
    let (database, migrations) = match schema {
        Ok(Ok(())) => (database, Check::Good),
        Ok(Err(SchemaError::Behind(_))) => (database, Check::Bad("missing")),
        Ok(Err(SchemaError::ProgramTooOld { .. })) => (database, Check::Bad("too new for this program")),
        // What it waits for, whoever writes waits for, too.
        Ok(Err(SchemaError::Database(error))) if Fault::of(&error) != Fault::NoConnection => {
            (worse(database, Check::Bad("failing")), Check::Bad("unknown"))
        }
        // It had it when the process began.
        Ok(Err(SchemaError::Database(_))) | Err(_) => (worse(database, Check::Strained("busy")), Check::Good),
    };
    Checks {
        database,
        migrations,
        // Without it events come late, and all come: no reason to turn clients away.
        bus: if app.bus.is_listening() {
            Check::Good
        } else {
            Check::Strained("polling the database")
        },
        // While a key is exchanged, replicas have different ones for a moment: no reason to turn clients away.
        keys: if let Ok(Ok(false)) = shared_key {
            Check::Strained("SECRET_KEY is not that of the other replicas")
        } else {
            Check::Good
        },
        process: if app.leaving.is_cancelled() || app.stop.is_cancelled() {
            Check::Bad("draining")
        } else {
            Check::Good
        },
    }
}

impl Checks {
    /// Whether clients may be let in.
    fn are_good(&self) -> bool {
        let all = [self.database, self.migrations, self.bus, self.keys, self.process];
        !all.into_iter().any(Check::is_bad)
    }

    /// Whether the database can be asked.
    pub fn database_answers(&self) -> bool {
        !self.database.is_bad() && !self.migrations.is_bad()
    }

    /// What the process depends on, and whether it is there.
    pub fn parts(&self) -> [(&'static str, bool); 3] {
        [
            ("database", !self.database.is_bad()),
            ("migrations", !self.migrations.is_bad()),
            ("bus", self.bus == Check::Good),
        ]
    }
}

/// What is known of a part by two looks: the one that says more.
fn worse(one: Check, other: Check) -> Check {
    if one == Check::Good { other } else { one }
}
