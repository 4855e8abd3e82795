//! The database schema of Plant Care, for SQLite and Postgres.
//!
//! Each migration is plain SQL with the few type names that differ between the two databases
//! written in braces; see [`dialect`]. Migrations never import the server's entities: they describe
//! the schema as it was when they were written.

pub use sea_orm_migration::prelude::*;

mod dialect;
mod m0001_members;
mod m0002_care;
mod m0003_log;
mod m0004_live;
mod m0005_stream_tickets;
mod m0006_heartbeats;
mod m0007_key_fingerprints;

/// All migrations, oldest first.
#[derive(Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_members::MIGRATION),
            Box::new(m0002_care::MIGRATION),
            Box::new(m0003_log::MIGRATION),
            Box::new(m0004_live::MIGRATION),
            Box::new(m0005_stream_tickets::MIGRATION),
            Box::new(m0006_heartbeats::MIGRATION),
            Box::new(m0007_key_fingerprints::MIGRATION),
        ]
    }
}
