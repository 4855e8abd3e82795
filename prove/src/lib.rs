//! Proves the live updates of Plant Care with real processes, over its public API.
//!
//! | part | what it does |
//! |---|---|
//! | [`processes`], [`database`], [`nats`] | start, kill and restart servers over a database of the proof's own |
//! | [`api`], [`socket`], [`message`] | speak to them as clients do |
//! | [`crowd`], [`pace`], [`figures`] | look on in numbers, write at a steady rate, measure |
//! | [`kills`], [`dead_writer`], [`slow`], [`storm`], [`fan_out`], [`idle`], [`fairness`], [`full_disk`], [`hang_up`], [`overload`], [`hostile`], [`worst`] | one proof each |
//!
//! A proof prints one line of JSON, or says why it failed. It shares no code with the server.

pub mod api;
pub mod crowd;
pub mod database;
pub mod dead_writer;
pub mod failure;
pub mod fairness;
pub mod fan_out;
pub mod figures;
pub mod full_disk;
pub mod hang_up;
pub mod harness;
pub mod hostile;
pub mod idle;
pub mod kills;
pub mod message;
pub mod nats;
pub mod overload;
pub mod pace;
pub mod processes;
pub mod raw;
pub mod seed;
pub mod slow;
pub mod socket;
pub mod storm;
pub mod worst;

use std::net::SocketAddr;

use clap::{Parser, Subcommand};
use serde_json::Value;

use self::failure::Result;
use self::harness::{Common, Harness};

/// Proves the live updates of Plant Care with real processes, over its public API.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    proof: Proof,
}

/// The proofs.
#[derive(Debug, Subcommand)]
enum Proof {
    /// Replicas are killed, subscribers come back elsewhere: each event once and in order.
    Kills(kills::Options),
    /// A writer dies between its commit and its wake-up: the event arrives all the same.
    DeadWriter(dead_writer::Options),
    /// Peers that do not read: closed, and nobody else notices.
    Slow(slow::Options),
    /// All sockets are dropped at once and come back with their cursors.
    Storm(storm::Options),
    /// One stream, many subscribers, a steady rate.
    FanOut(fan_out::Options),
    /// The memory of connections that wait.
    Idle(idle::Options),
    /// A long replay beside a slow stream on one socket.
    Fairness(fairness::Options),
    /// Three times as much as can be served: as much is served as ever, and the rest told at once to come back.
    Overload(overload::Options),
    /// A disk that is full, may not be written or fails: nothing acknowledged is lost, and writing goes on. SQLite only.
    FullDisk(full_disk::Options),
    /// Clients hang up in the middle of their mutations: each is whole or not there, and nothing stays open.
    HangUp(hang_up::Options),
    /// Peers of every hostile kind beside members.
    Hostile(hostile::Options),
    /// The peers that `hostile --pinned` starts.
    #[command(hide = true)]
    HostilePeers {
        /// Whom they besiege.
        server: SocketAddr,
        /// How many.
        peers: usize,
    },
    /// The worst document that is accepted, by processor time, memory and statements.
    Worst(worst::Options),
    /// The raw broadcast that `fan-out --raw` starts.
    #[command(hide = true)]
    RawServer {
        /// Where to listen.
        address: SocketAddr,
    },
}

/// Runs a proof: its figures.
pub async fn run(cli: Cli) -> Result<Value> {
    if let Proof::RawServer { address } = cli.proof {
        return raw::serve(address, 0).await.map(|()| Value::Null);
    }
    if let Proof::HostilePeers { server, peers } = cli.proof {
        return hostile::besiege(server, peers).await.map(|()| Value::Null);
    }
    let harness = Harness::new(&cli.common).await?;
    let outcome = match &cli.proof {
        Proof::Kills(options) => kills::run(&harness, options).await,
        Proof::DeadWriter(options) => dead_writer::run(&harness, options).await,
        Proof::Slow(options) => slow::run(&harness, options).await,
        Proof::Storm(options) => storm::run(&harness, options).await,
        Proof::FanOut(options) => fan_out::run(&harness, options).await,
        Proof::Idle(options) => idle::run(&harness, options).await,
        Proof::Fairness(options) => fairness::run(&harness, options).await,
        Proof::Overload(options) => overload::run(&harness, options).await,
        Proof::FullDisk(options) => full_disk::run(&harness, options).await,
        Proof::HangUp(options) => hang_up::run(&harness, options).await,
        Proof::Hostile(options) => hostile::run(&harness, options).await,
        Proof::Worst(options) => worst::run(&harness, options).await,
        Proof::RawServer { .. } | Proof::HostilePeers { .. } => Ok(Value::Null),
    };
    harness.finish(outcome).await
}
