//! tmp

pub mod app;
pub mod auth;
pub mod clock;
pub mod config;
pub mod crypto;
pub mod database;
pub mod domain;
pub mod entity;
pub mod graphql;
pub mod live;
