//! What is told of every HTTP request: its span and how long it took.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;
use opentelemetry::KeyValue;
use opentelemetry::context::FutureExt as _;
use opentelemetry::trace::{SpanKind, Status, TraceContextExt as _};
use tokio::time::Instant;

use crate::telemetry::Telemetry;
use crate::telemetry::metrics::trace_of;
use crate::telemetry::traces::{self, NewSpan};

/// The addresses there are, as metrics name them; whatever else is asked for has one name.
const ROUTES: [&str; 7] = [
    "/graphql",
    "/graphiql",
    "/graphiql/LICENSES.txt",
    "/graphiql/assets/{file}",
    "/schema.graphql",
    "/health/live",
    "/health/ready",
];
const OTHER: &str = "other";

/// Observes a request until its answer begins. An upgrade or a stream of events goes on after that.
pub(super) async fn observe(
    State(telemetry): State<Arc<Telemetry>>,
    request: Request,
    next: Next,
) -> Response {
    if !telemetry.is_on {
        return next.run(request).await;
    }
    let began = Instant::now();
    let method = method(request.method());
    let path = request.extensions().get::<MatchedPath>();
    let route = path.and_then(|path| ROUTES.into_iter().find(|route| *route == path.as_str()));
    let route = route.unwrap_or(OTHER);
    let traceparent = request.headers().get("traceparent").map(HeaderValue::to_str);
    let parent = traces::remote(traceparent.and_then(Result::ok));
    let span = NewSpan::of(
        SpanKind::Server,
        format!("{method} {route}"),
        vec![
            KeyValue::new("http.request.method", method),
            KeyValue::new("http.route", route),
            // Of an unknown address not even the path is told: it may hold anything.
            KeyValue::new("url.path", route),
        ],
    );
    // Whoever looks whether we live is no caller: thousands of such traces a day would tell nothing.
    let context = if route.starts_with("/health/") {
        parent
    } else {
        telemetry.traces.begin(&parent, span)
    };
    let response = next.run(request).with_context(context.clone()).await;
    let status = response.status();
    let trace = trace_of(&context);
    telemetry
        .metrics
        .http
        .answered(method, route, status.as_u16(), began.elapsed(), trace);
    {
        let _in_context = context.clone().attach();
        let duration_ms = began.elapsed().as_secs_f64() * 1_000.0;
        tracing::debug!(
            method,
            route,
            status_code = status.as_u16(),
            duration_ms,
            "a request was answered"
        );
    }
    let span = context.span();
    span.set_attribute(KeyValue::new(
        "http.response.status_code",
        i64::from(status.as_u16()),
    ));
    if status.is_server_error() {
        span.set_status(Status::error(status.canonical_reason().unwrap_or_default()));
    }
    span.end();
    response
}

/// The methods that metrics tell apart.
fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::PATCH => "PATCH",
        _ => "_OTHER",
    }
}
