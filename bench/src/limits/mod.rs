//! The limit: what this machine can do with the same rows, by hand-written SQL through axum and sqlx.
//!
//! Nobody logs in, nothing is parsed, planned or observed. Lists have three forms, of which the fastest counts:
//!
//! | form | how |
//! |---|---|
//! | `lateral` | one statement that builds the whole answer, by lateral joins |
//! | `nested` | one statement that builds the whole answer, by nested selects |
//! | `rows` | a statement for each table, whose rows are put together here |

mod board;
mod feed;
mod one;
mod plans;
mod rows;

use std::net::SocketAddr;

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::serve::ListenerExt as _;
use clap::Args;
use plant_care_prove::failure::{Failure, Result};
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgPoolOptions;
use tokio::net::TcpListener;

pub use self::plans::plans;

/// As many connections to the database as the server has.
const CONNECTIONS: u32 = 20;

/// Where it stands.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// The Postgres with the benchmark's data.
    #[arg(long)]
    database: String,
    /// The port of 127.0.0.1 to listen on.
    #[arg(long)]
    port: u16,
}

/// How a list's answer is built.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// By lateral joins, in one statement.
    Lateral,
    /// By nested selects, in one statement.
    Nested,
    /// From the rows of several statements.
    Rows,
}

impl Form {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Lateral, Self::Nested, Self::Rows];

    /// As paths and tables call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lateral => "lateral",
            Self::Nested => "nested",
            Self::Rows => "rows",
        }
    }
}

/// Serves until the process ends.
pub async fn serve(options: Options) -> Result<()> {
    let pool = PgPoolOptions::new()
        .min_connections(CONNECTIONS)
        .max_connections(CONNECTIONS)
        // A look at whether a connection still works would be one more statement for each request.
        .test_before_acquire(false)
        .connect(&options.database)
        .await?;
    let router = Router::new()
        .route("/ready", get(async || "ready"))
        .route("/feed/{form}", get(feed::answer))
        .route("/board/{form}", get(board::answer))
        .route("/one", get(one::answer))
        .with_state(pool);
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], options.port)))
        .await?
        // Where it cannot be set answers are only slower.
        .tap_io(|stream| drop(stream.set_nodelay(true)));
    Ok(axum::serve(listener, router).await?)
}

/// An answer, or why there is none.
type Answer = std::result::Result<Json, Refused>;

/// JSON that is written already.
struct Json(Vec<u8>);

impl Json {
    fn of(value: &impl Serialize) -> Result<Self> {
        Ok(Self(serde_json::to_vec(value)?))
    }
}

impl IntoResponse for Json {
    fn into_response(self) -> Response {
        ([(CONTENT_TYPE, "application/json")], self.0).into_response()
    }
}

/// Why there is no answer.
struct Refused(Failure);

impl<E: Into<Failure>> From<E> for Refused {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (StatusCode::INTERNAL_SERVER_ERROR, self.0.to_string()).into_response()
    }
}

/// What a GraphQL server's answers begin with.
#[derive(Serialize)]
struct Data<T> {
    data: T,
}
