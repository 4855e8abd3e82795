//! Live updates by async-graphql's own websocket, as its documentation has them: a schema with subscriptions, and
//! async-graphql-axum's `GraphQLWebSocket`. Each subscriber's stream is resolved for it alone.
//!
//! It has what the other peers have (`bench/peers`): events come in over HTTP and are in memory alone, and the viewer is
//! whoever `connection_init` names.

mod schema;
mod topics;

use std::error::Error;
use std::net::SocketAddr;
use std::process::ExitCode;

use async_graphql::Data;
use async_graphql::http::ALL_WEBSOCKET_PROTOCOLS;
use async_graphql_axum::{GraphQLProtocol, GraphQLWebSocket};
use axum::extract::{State, WebSocketUpgrade};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use axum::serve::ListenerExt as _;
use axum::{Json, Router};
use clap::Parser;
use serde_json::Value;
use tokio::net::TcpListener;

use self::schema::{Api, Viewer};
use self::topics::{Published, Topics};

/// Serves live updates by async-graphql's own websocket.
#[derive(Debug, Parser)]
struct Cli {
    /// The port of 127.0.0.1 to listen on.
    #[arg(long)]
    port: u16,
}

#[tokio::main]
async fn main() -> ExitCode {
    match serve(Cli::parse().port).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Where even standard error is closed there is nobody to tell.
            drop(std::io::Write::write_fmt(
                &mut std::io::stderr(),
                format_args!("stock-websocket: {error}\n"),
            ));
            ExitCode::FAILURE
        }
    }
}

async fn serve(port: u16) -> Result<(), Box<dyn Error>> {
    let topics = Topics::default();
    let followed = Router::new()
        .route("/graphql", get(websocket))
        .with_state(schema::api(topics.clone()));
    let router = Router::new()
        .route("/publish", post(publish))
        .with_state(topics)
        .merge(followed);
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], port)))
        .await?
        // Where it cannot be set events only come later.
        .tap_io(|stream| drop(stream.set_nodelay(true)));
    Ok(axum::serve(listener, router).await?)
}

async fn websocket(State(api): State<Api>, protocol: GraphQLProtocol, upgrade: WebSocketUpgrade) -> Response {
    upgrade
        .protocols(ALL_WEBSOCKET_PROTOCOLS)
        .on_upgrade(move |socket| {
            GraphQLWebSocket::new(socket, api, protocol)
                .on_connection_init(viewer)
                .serve()
        })
}

/// Whoever `connection_init` names: what is behind `Bearer`, as it stands.
async fn viewer(payload: Value) -> async_graphql::Result<Data> {
    let name = payload["authorization"].as_str().unwrap_or_default();
    let mut data = Data::default();
    data.insert(Viewer(name.trim_start_matches("Bearer ").to_owned()));
    Ok(data)
}

async fn publish(State(topics): State<Topics>, Json(published): Json<Published>) -> StatusCode {
    topics.publish(published);
    StatusCode::NO_CONTENT
}
