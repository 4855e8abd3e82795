//! The ways in: GraphQL over HTTP and websockets, GraphiQL, health. No GraphQL types of ours.

pub mod address;
pub mod audience;
pub mod graphiql;
pub mod health;
pub mod http;
pub mod language;
pub mod listener;
pub mod management;
mod observed;
pub mod origin;
pub mod server;
pub mod sse;
pub mod websocket;
