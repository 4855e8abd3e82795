//! The management listener: what only operators may see. It has an address of its own, so that it is never
//! public.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, put};
use axum::{Json, Router};
use prometheus_client::metrics::gauge::Gauge;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::Mutex;

use super::health;
use super::listener::{self, Accepting, Doors, House, Reserve};
use super::server::ServeError;
use crate::app::App;
use crate::config::Config;
use crate::domain::census;
use crate::telemetry::LogLevel;
use crate::telemetry::logs::LogLevelError;
use crate::telemetry::metrics::{Part, plain};
use crate::telemetry::outage::Outage;

/// For how long what was read from the database is shown again.
const FRESH: Duration = Duration::from_secs(1);
/// Operators who are connected at once.
const CONNECTIONS: usize = 64;
/// Of them, so many are answered when the process has no descriptors left.
const SPARES: usize = 4;
/// What fails then, in the log.
const PART: &str = "accepting operators' connections";
const OPEN_METRICS: &str = "application/openmetrics-text";

/// Listens on the management address, if anything is observed.
pub fn listen(config: &Config) -> Result<Option<TcpListener>, ServeError> {
    let settings = &config.observability;
    if !settings.enabled {
        return Ok(None);
    }
    let address = settings.management_addr;
    listener::bind(address)
        .map(Some)
        .map_err(|source| ServeError::Listen { address, source })
}

/// Answers operators until the process has stopped.
pub fn serve(app: &App, listener: TcpListener, log_level: LogLevel) {
    let router = router(app.clone(), log_level);
    // Of its own, so that it is answered also when the public listener is full. What it lets in is not counted there.
    let house = House {
        clock: app.clock.clone(),
        config: Arc::clone(&app.config),
        doors: Doors::new(CONNECTIONS, CONNECTIONS, true, Gauge::default()),
        metrics: app.telemetry.metrics.connections.clone(),
        shed: None,
    };
    let halt = app.halt.clone();
    app.tasks.spawn(async move {
        let accepting =
            Accepting::new(PART, listener, Arc::new(house), router, Reserve::ToServe(SPARES)).await;
        accepting.run(halt.clone(), halt).await;
    });
}

/// Every address that it answers.
pub fn router(app: App, log_level: LogLevel) -> Router {
    let desk = Desk {
        app,
        log_level,
        reading: Mutex::new(Reading {
            read_at: None,
            outage: Outage::of("reading the gauges"),
        }),
    };
    Router::new()
        .route("/metrics", get(metrics))
        .route("/log-level", put(set_log_level))
        .with_state(Arc::new(desk))
}

struct Desk {
    app: App,
    log_level: LogLevel,
    reading: Mutex<Reading>,
}

struct Reading {
    /// By the process's clock.
    read_at: Option<Duration>,
    outage: Outage,
}

impl Desk {
    /// Reads what is in the database and not counted here. While it cannot be read, the last values stand.
    async fn read(&self) {
        let mut reading = self.reading.lock().await;
        let app = &self.app;
        let now = app.clock.elapsed();
        if reading.read_at.is_some_and(|at| now < at + FRESH) {
            return;
        }
        let checks = health::check(app).await;
        for (part, is_up) in checks.parts() {
            let gauge = app
                .telemetry
                .metrics
                .dependencies
                .get_or_create_owned(&Part { part });
            gauge.set(i64::from(is_up));
        }
        if checks.database_answers() {
            let census = census::take(app).await;
            reading.outage.note(&census);
            if let Ok(census) = census {
                let business = &app.telemetry.metrics.business;
                let count = |number| i64::try_from(number).unwrap_or(i64::MAX);
                business.active_users.set(count(census.active_users));
                business.plants_in_care.set(count(census.plants_in_care));
            }
        }
        reading.read_at = Some(now);
    }
}

/// `GET /metrics`: `OpenMetrics` with exemplars for those who take it, else Prometheus's text.
async fn metrics(State(desk): State<Arc<Desk>>, headers: HeaderMap) -> Response {
    desk.read().await;
    desk.app.database.note_pools();
    desk.app
        .admission
        .note_depths(&desk.app.telemetry.metrics.shedding);
    let Ok(text) = desk.app.telemetry.metrics.open_metrics() else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    if takes_open_metrics(&headers) {
        let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        ([(header::CONTENT_TYPE, content_type)], text).into_response()
    } else {
        let content_type = "text/plain; version=0.0.4; charset=utf-8";
        ([(header::CONTENT_TYPE, content_type)], plain(&text)).into_response()
    }
}

/// Whether who asks takes `OpenMetrics`: she names it, and not with a weight of zero.
fn takes_open_metrics(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(header::ACCEPT).iter();
    let mut ranges = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','));
    ranges.any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let named = parts
            .next()
            .is_some_and(|name| name.eq_ignore_ascii_case(OPEN_METRICS));
        let weight = parts
            .filter_map(|parameter| parameter.split_once('='))
            .find(|(name, _)| name.trim().eq_ignore_ascii_case("q"))
            .map_or(1.0, |(_, weight)| weight.trim().parse().unwrap_or(0.0_f32));
        named && weight > 0.0
    })
}

/// `PUT /log-level`: logs what directives in the manner of `RUST_LOG` say from now on.
async fn set_log_level(State(desk): State<Arc<Desk>>, directives: String) -> Response {
    match desk.log_level.set(&directives) {
        Ok(()) => {
            let directives = directives.trim();
            tracing::info!(directives, "what is logged was changed");
            Json(json!({ "logLevel": directives })).into_response()
        }
        Err(error) => {
            let status = match error {
                LogLevelError::Directives => StatusCode::BAD_REQUEST,
                LogLevelError::Foreign => StatusCode::INTERNAL_SERVER_ERROR,
            };
            (status, Json(json!({ "error": error.to_string() }))).into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_metrics_are_for_who_takes_them() {
        let takes = |accept: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, accept.parse().unwrap());
            takes_open_metrics(&headers)
        };
        for yes in [
            "application/openmetrics-text",
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;q=0.3",
            "text/plain, Application/OpenMetrics-Text; q=0.1",
        ] {
            assert!(takes(yes), "{yes}");
        }
        for no in [
            "",
            "text/plain",
            "*/*",
            "application/openmetrics-text;q=0",
            "application/openmetrics-text;version=1.0.0; q=0.0, text/plain",
            "application/openmetrics-text-x",
        ] {
            assert!(!takes(no), "{no}");
        }
        assert!(!takes_open_metrics(&HeaderMap::new()));
    }
}
