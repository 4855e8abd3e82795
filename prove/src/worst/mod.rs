//! The worst document that is accepted: looked for by measuring, over data as fat as the server takes.
//!
//! Documents are made from what introspection tells, and by changing those that were worst so far: by processor time, by
//! memory, and by statements. What the search begins with are attacks that are known.

mod dice;
mod document;
mod known;
mod measure;
mod schema;
mod search;
mod streams;
mod world;

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use self::search::Search;
use self::world::World;
use crate::failure::{Result, ensure};
use crate::harness::Harness;

/// How long, and what is too much.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// The seed of the search; the same documents are tried in the same order, as far as measuring is the same.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How long to search.
    #[arg(long, default_value_t = 120)]
    seconds: u64,
    /// Documents to try at most.
    #[arg(long, default_value_t = usize::MAX)]
    documents: usize,
    /// Do not search: measure the document in this file, over the same data.
    #[arg(long, value_name = "FILE")]
    document: Option<PathBuf>,
    /// How often the worst are measured again at the end.
    #[arg(long, default_value_t = 5)]
    repeat: usize,
    /// Entries in each list.
    #[arg(long, default_value_t = 100)]
    entries: usize,
    /// Characters of the long texts.
    #[arg(long, default_value_t = 2_000)]
    text: usize,
    /// Milliseconds of processor time that a document may take.
    #[arg(long, default_value_t = 250.0)]
    max_cpu_ms: f64,
    /// MiB by which a document may have the server grow.
    #[arg(long, default_value_t = 64.0)]
    max_mib: f64,
    /// Statements that a document may make.
    #[arg(long, default_value_t = 250)]
    max_statements: u64,
}

/// Runs the proof.
pub async fn run(harness: &Harness, options: &Options) -> Result<Value> {
    let mut server = harness.server("server").await?;
    let world = World::make(harness, &server, options.entries, options.text).await?;
    let mut search = Search::begin(harness, &server, &world, options.seed).await?;
    if let Some(file) = &options.document {
        return search.measure(&mut server, file, options.repeat).await;
    }
    let known = search.known().await?;
    search.run(options.seconds, options.documents).await?;
    let streams = streams::worst(harness, &server, &world, search.told(), options.documents).await?;
    let worst = search.judge(&mut server, options.repeat).await?;
    let figures = json!({
        "proof": "worst", "seed": options.seed, "database": if harness.common.sqlite { "sqlite" } else { "postgres" },
        "tried": search.tried, "accepted": search.accepted, "known": known, "worst": worst.told(), "event": streams.told(),
    });
    ensure(search.accepted > 0 && search.failed.is_empty(), || {
        format!(
            "nothing was accepted, or something went wrong: {:?}\n{figures}",
            search.failed
        )
    })?;
    ensure(worst.statements <= options.max_statements, || {
        format!("a document makes {} statements\n{figures}", worst.statements)
    })?;
    harness.ensure_figure(
        [worst.cpu_ms, streams.cpu_ms, search.before_running_ms]
            .iter()
            .all(|cpu_ms| *cpu_ms <= options.max_cpu_ms),
        || format!("a document takes more than {} ms\n{figures}", options.max_cpu_ms),
    )?;
    harness.ensure_figure(worst.mib <= options.max_mib, || {
        format!("a document takes more than {} MiB\n{figures}", options.max_mib)
    })?;
    Ok(figures)
}
