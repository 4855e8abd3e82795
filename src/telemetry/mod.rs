//! Logs. (Spans, metrics and their exporters will live here too, and nowhere else.)

pub mod outage;

use std::io;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;

use crate::config::{Config, LogFormat};

/// Where log lines go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogTo {
    /// Standard output: the server's, for collectors.
    Stdout,
    /// Standard error: a command's, whose output is its answer.
    Stderr,
}

/// Starts logging. A second call in one process changes nothing.
pub fn start(config: &Config, to: LogTo) {
    let filter = EnvFilter::new(&config.log_filter);
    let writer = match to {
        LogTo::Stdout => BoxMakeWriter::new(io::stdout),
        LogTo::Stderr => BoxMakeWriter::new(io::stderr),
    };
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer);
    let started = match config.log_format {
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
        LogFormat::Pretty => lines.with_target(false).try_init(),
    };
    if started.is_err() {
        tracing::debug!("logging had been started before");
    }
}
