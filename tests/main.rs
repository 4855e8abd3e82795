//! The tests of the whole server: each starts one, on a database of its own, and sees what a client sees.
//!
//! On SQLite by default; on Postgres with `TEST_DATABASE_URL`, an address of any database of a server on
//! which databases may be created. The tests of the bus use the NATS server at `TEST_NATS_URL`, or start one.

#[cfg(test)]
mod access;
#[cfg(test)]
mod accounts;
#[cfg(test)]
mod at_hand;
#[cfg(test)]
mod batching;
#[cfg(test)]
mod board;
#[cfg(test)]
mod bus;
#[cfg(test)]
mod care_events;
#[cfg(test)]
mod care_requests;
#[cfg(test)]
mod commands;
#[cfg(test)]
mod database;
#[cfg(test)]
mod demo;
#[cfg(test)]
mod feed;
#[cfg(test)]
mod health;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod http;
#[cfg(test)]
mod jobs;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod live;
#[cfg(test)]
mod offers;
#[cfg(test)]
mod overload;
#[cfg(test)]
mod plans;
#[cfg(test)]
mod prove;
#[cfg(test)]
mod relay;
#[cfg(test)]
mod restore;
#[cfg(test)]
mod retention;
#[cfg(test)]
mod schema;
#[cfg(test)]
mod security;
#[cfg(test)]
mod seed;
#[cfg(test)]
mod specification;
#[cfg(test)]
mod sse;
#[cfg(test)]
mod statements;
#[cfg(test)]
mod support;
#[cfg(test)]
mod telemetry;
#[cfg(test)]
mod text;
#[cfg(test)]
mod websocket;
