//! Plant Care: a GraphQL API whose heart is the live care update.
//!
//! Three layers, the same noun in each, and dependencies that point one way:
//! [`graphql`] translates, [`domain`] holds the rules, [`entity`] the rows.
//! [`live`] is the log of events, the hub that follows it, and the bus that wakes other processes.
//! [`transport`] holds the ways in, [`jobs`] what time does, [`telemetry`] metrics, spans and log lines.
//! [`admission`] says who is served when not everybody can be.
//! [`app`] wires it all; [`config`], [`clock`], [`crypto`] and [`database`] are the only ways to the
//! environment, time and ids, secrets, and connections. [`auth`] turns a token into a viewer.
//! [`cli`] holds the commands, of which [`seed`] fills a database and [`client`] speaks to a server.

pub mod admission;
pub mod app;
pub mod auth;
pub mod cli;
pub mod client;
pub mod clock;
pub mod config;
pub mod crypto;
pub mod database;
pub mod domain;
pub mod entity;
pub mod graphql;
pub mod jobs;
pub mod live;
pub mod network;
pub mod schema;
pub mod seed;
pub mod telemetry;
pub mod transport;
