//! The server: its routes, and how it starts and stops.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::http::shed::Shed;
use super::listener::{self, Accepting, Doors, House, Reserve};
use super::{graphiql, health, http, observed, origin};
use crate::app::App;
use crate::config::{Config, Environment};
use crate::graphql::Api;
use crate::graphql::specification::SchemaError;
use crate::telemetry::metrics::{most_files, open_files};
use crate::{jobs, live};

/// How much of `DRAIN_SECONDS` the closing of connections is spread over at most; the rest is for open requests.
const DRAIN_SHARE: f32 = 0.7;
/// How much of it is kept for the last connection's last words, however short it is.
const LAST_WORDS: Duration = Duration::from_millis(1_500);

/// Connections that may be open beside those of subscribers.
const REQUESTS: usize = 2_000;
/// Descriptors for the management listener, those who are refused, and files.
const RESERVED: i64 = 96;
/// How long a browser may keep what it was allowed: as long as any of them does.
const PREFLIGHT_FOR: Duration = Duration::from_hours(2);

/// Why serving could not begin or did not end well.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The schema's own text could not be read back.
    #[error("the GraphQL schema cannot be measured: {0}")]
    Schema(#[from] SchemaError),
    /// Accepting connections failed.
    #[error("serving failed: {0}")]
    Serve(#[from] io::Error),
    /// Work was still open when the time to finish it was over.
    #[error("open work was ended after DRAIN_SECONDS")]
    Unfinished,
}

/// Listens on the configured address.
pub async fn listen(config: &Config) -> Result<TcpListener, ServeError> {
    let address = config.listen_addr;
    listener::bind(address).map_err(|source| ServeError::Listen { address, source })
}

/// Serves until the process is told to stop, and for `DRAIN_DELAY_SECONDS` after that; then accepts nothing more,
/// closes websockets, lets open requests finish, and ends what does not within `DRAIN_SECONDS`. Whoever keeps it waiting
/// is not waited for to the end.
pub async fn serve(app: App, listener: TcpListener) -> Result<(), ServeError> {
    let api = Api::new(app.clone())?;
    live::start(&app);
    jobs::start(&app);
    forget_answers(&app, api.clone());
    let stop = app.stop.clone();
    let cut = CancellationToken::new();
    let shed = http::shed::shed(api.clone()).await;
    let accepting = accepting(&app, listener, router(api), Some(shed)).await;
    let accepting = async {
        accepting.run(stop.clone(), cut.clone()).await;
        Ok(())
    };
    let delay = async {
        app.leaving.cancelled().await;
        let delay = app.config.drain_delay;
        if !delay.is_zero() {
            app.clock.reach(app.clock.elapsed() + delay).await;
        }
        stop.cancel();
        std::future::pending::<()>().await;
    };
    let finish = async {
        stop.cancelled().await;
        tokio::time::sleep(app.config.drain).await;
    };
    let drained = async {
        stop.cancelled().await;
        let window = app.config.drain.mul_f32(DRAIN_SHARE);
        let window = window.min(app.config.drain.saturating_sub(LAST_WORDS));
        live::drain(&app.hub, window).await;
        Ok::<_, io::Error>(())
    };
    let cutting = async {
        stop.cancelled().await;
        tokio::time::sleep(app.config.drain.mul_f32(DRAIN_SHARE)).await;
        cut.cancel();
        std::future::pending::<()>().await;
    };
    let finished = async {
        tokio::try_join!(accepting, drained)?;
        app.halt.cancel();
        app.tasks.close();
        app.tasks.wait().await;
        // It waits for what is being written.
        if let Err(error) = app.database.clone().close().await {
            tracing::warn!(%error, "the database was not closed cleanly");
        }
        Ok::<_, io::Error>(())
    };
    tokio::select! {
        outcome = finished => outcome?,
        () = finish => return Err(ServeError::Unfinished),
        () = cutting => {}
        () = delay => {}
    }
    Ok(())
}

/// What lets connections in: as many as there may be subscribers and requests, and no more than there are descriptors for.
pub async fn accepting(app: &App, listener: TcpListener, router: Router, shed: Option<Shed>) -> Accepting {
    let limits = &app.config.limits;
    let wanted = limits.connections + limits.anonymous_sockets + REQUESTS;
    let spares_loopback = app.config.environment == Environment::Development;
    let metrics = app.telemetry.metrics.connections.clone();
    let doors = Doors::new(
        wanted.min(room(&app.config)),
        limits.connections_per_address,
        spares_loopback,
        metrics.open.clone(),
    );
    let house = House {
        clock: app.clock.clone(),
        config: Arc::clone(&app.config),
        doors,
        metrics,
        shed,
    };
    Accepting::new(
        "accepting connections",
        listener,
        Arc::new(house),
        router,
        Reserve::ToRefuse,
    )
    .await
}

/// For how many connections there are descriptors, besides those of the database and those that operators need.
fn room(config: &Config) -> usize {
    let (Some(most), Some(open)) = (most_files(), open_files()) else {
        return usize::MAX;
    };
    // SQLite has a file, its log and its index open for each connection.
    let database =
        i64::from(config.database_max_connections) * if config.sqlite_file().is_some() { 3 } else { 1 };
    let left = most - open;
    let kept = (database + RESERVED).min(left / 2);
    usize::try_from(left - kept).unwrap_or(0).max(1)
}

/// Keeps no answer of a subscription for longer than it is shared.
fn forget_answers(app: &App, api: Api) {
    let halt = app.halt.clone();
    app.tasks.spawn(async move {
        let mut ticks = tokio::time::interval(Duration::from_secs(1));
        loop {
            tokio::select! {
                () = halt.cancelled() => return,
                _ = ticks.tick() => api.forget_shared(),
            }
        }
    });
}

/// Every address the public listener answers. Websockets it opens over [`listener::Connection`] only.
pub fn router(api: Api) -> Router {
    let config = Arc::clone(&api.app().config);
    let telemetry = Arc::clone(&api.app().telemetry);
    let observed = middleware::from_fn_with_state(telemetry, observed::observe);
    Router::new()
        .route("/graphql", get(http::get).post(http::post))
        .route("/schema.graphql", get(schema))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .with_state(api)
        .method_not_allowed_fallback(http::method_not_allowed)
        .layer(cors(config))
        .merge(graphiql::router())
        .fallback(http::no_such_address)
        .layer(middleware::from_fn(http::guard::guard))
        .layer(observed)
}

/// Lets the pages of allowed origins call.
fn cors(config: Arc<Config>) -> CorsLayer {
    let allowed = AllowOrigin::predicate(move |origin: &HeaderValue, request| {
        let mut headers = HeaderMap::new();
        headers.insert(header::ORIGIN, origin.clone());
        if let Some(host) = request.headers.get(header::HOST) {
            headers.insert(header::HOST, host.clone());
        }
        origin::allowed(&config, &headers)
    });
    CorsLayer::new()
        .allow_origin(allowed)
        .allow_methods([Method::GET, Method::POST])
        .expose_headers([header::RETRY_AFTER])
        .allow_headers([
            header::ACCEPT_LANGUAGE,
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            HeaderName::from_static("last-event-id"),
            // What clients send along by themselves, to be traced, or so that a browser has to ask first.
            HeaderName::from_static("traceparent"),
            HeaderName::from_static("tracestate"),
            HeaderName::from_static("apollo-require-preflight"),
            HeaderName::from_static("x-requested-with"),
            HeaderName::from_static("graphql-preflight"),
        ])
        .max_age(PREFLIGHT_FOR)
}

/// `/schema.graphql`: the schema's text, where the schema may be asked for.
async fn schema(State(api): State<Api>, headers: HeaderMap) -> Response {
    if !api.app().config.introspection {
        return http::no_such_address(headers).await;
    }
    let content_type = [(header::CONTENT_TYPE, "application/graphql; charset=utf-8")];
    (content_type, api.sdl().to_owned()).into_response()
}
