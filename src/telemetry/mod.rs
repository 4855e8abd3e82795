//! Logs, metrics and spans: the only place that names an exporter.
//!
//! Metrics count everything. Spans are for a share of it, decided once for each operation: a span of the
//! request, one of the operation, and where it is looked at closely one of each resolver that does work,
//! each batch of a loader and each statement.

pub mod calls;
mod export;
pub mod logs;
pub mod metrics;
pub mod operation;
pub mod outage;
pub mod resolvers;
pub mod traces;

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use opentelemetry::context::FutureExt as _;
use opentelemetry::trace::{SpanKind, TraceContextExt as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::ExporterBuildError;
use sea_orm::metric;

use self::metrics::{Metrics, Statement, trace_of};
use self::operation::notes_of;
use self::traces::{NewSpan, Traces};
use crate::config::Config;

pub use self::logs::{LogLevel, LogTo};

/// What a process tells of itself besides its logs.
#[derive(Debug)]
pub struct Telemetry {
    /// `ENABLE_OBSERVABILITY`: without it nothing is measured.
    pub is_on: bool,
    /// What `/metrics` shows.
    pub metrics: Metrics,
    /// Spans.
    pub traces: Traces,
}

impl Telemetry {
    /// Starts what is configured.
    pub fn start(config: &Config) -> Result<Arc<Self>, ExporterBuildError> {
        let metrics = Metrics::new(config);
        let traces = Traces::start(config, metrics.dropped_spans.clone())?;
        Ok(Arc::new(Self {
            is_on: config.observability.enabled,
            metrics,
            traces,
        }))
    }

    /// A statement was run: `SeaORM` says so in the task of whoever asked for it.
    pub fn statement(&self, info: &metric::Info<'_>) {
        if !self.is_on {
            return;
        }
        let statement = Statement::of(&info.statement.sql);
        Context::map_current(|context| {
            self.metrics
                .database
                .took(statement, info.elapsed, trace_of(context));
            let Some(notes) = notes_of(context) else { return };
            notes.queries.fetch_add(1, Relaxed);
            if notes.closely && context.span().span_context().is_sampled() {
                notes.spans.fetch_add(1, Relaxed);
                self.traces
                    .record(context, self.statement_span(statement, info.failed), info.elapsed);
            }
        });
    }

    fn statement_span(&self, statement: Statement<'_>, failed: bool) -> NewSpan {
        let summary = format!("{} {}", statement.operation, statement.table);
        let mut attributes = Vec::with_capacity(6);
        attributes.extend_from_slice(self.traces.database());
        attributes.push(KeyValue::new("db.operation.name", statement.operation));
        attributes.push(KeyValue::new("db.collection.name", statement.table.to_owned()));
        attributes.push(KeyValue::new("db.query.summary", summary.clone()));
        if failed {
            attributes.push(KeyValue::new("error.type", "database"));
        }
        NewSpan::of(SpanKind::Client, summary, attributes)
    }

    /// Keys of a loader are about to be loaded together: runs that in a span of its own, if the operation is
    /// looked at closely, with links to the fields that asked.
    pub async fn batch<F: Future>(&self, loader: &'static str, keys: usize, load: F) -> F::Output {
        if !self.is_on {
            return load.await;
        }
        self.metrics.graphql.batch(loader, keys);
        let current = Context::current();
        let notes =
            notes_of(&current).filter(|notes| notes.closely && current.span().span_context().is_sampled());
        let Some(notes) = notes else { return load.await };
        let attributes = vec![
            KeyValue::new("graphql.dataloader.name", loader),
            KeyValue::new(
                "graphql.dataloader.batch.size",
                i64::try_from(keys).unwrap_or(i64::MAX),
            ),
        ];
        let mut span = NewSpan::internal(format!("GraphQL DataLoader Batch {loader}"), attributes);
        span.links = notes.take_asked();
        notes.spans.fetch_add(1, Relaxed);
        let context = self.traces.begin(&current, span);
        let rows = load.with_context(context.clone()).await;
        context.span().end();
        rows
    }

    /// Waits until what was recorded is sent, for a few seconds at most.
    pub async fn stop(&self) {
        self.traces.stop().await;
    }
}
