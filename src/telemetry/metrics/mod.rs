//! Metrics: what `/metrics` shows. Their names are a promise to whoever has built on them.
//!
//! Every family has a series from the start. Labels are bounded: by the schema, by the program's own
//! statements and addresses, or, where a client chooses the name, by a list.

mod business;
mod connections;
mod database;
mod graphql;
mod http;
mod live;
mod process;
mod shedding;
mod text;

use std::fmt;

use opentelemetry::Context;
use opentelemetry::trace::TraceContextExt as _;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::exemplar::HistogramWithExemplars;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

pub use self::business::Business;
pub use self::connections::{Connections, Late, Refused};
pub use self::database::{DatabaseMetrics, Statement};
pub use self::graphql::{FieldMetrics, Graphql, OperationLabels};
pub use self::http::Http;
pub use self::live::{Counted, Delivery, EndedBy, Live, Source};
pub(crate) use self::process::{most_files, open_files};
pub use self::shedding::{Refusals, Shedding};
pub use self::text::plain;
use crate::config::Config;

/// Edges for whole requests and operations, in seconds.
const REQUEST_EDGES: [f64; 15] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.0, 2.5, 5.0, 7.5, 10.0,
];

/// What a bucket remembers of one measurement: the trace that it was made in.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct TraceLabel {
    trace_id: String,
}

/// A histogram whose buckets name traces.
pub type Timing = HistogramWithExemplars<TraceLabel>;
/// Such histograms by their labels.
type Timings<L> = Family<L, Timing, fn() -> Timing>;

/// All metrics of a process.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// HTTP requests.
    pub http: Http,
    /// Connections, of whatever kind.
    pub connections: Connections,
    /// Operations and resolvers.
    pub graphql: Graphql,
    /// Statements and connections.
    pub database: DatabaseMetrics,
    /// Live streams.
    pub live: Live,
    /// What members do.
    pub business: Business,
    /// Who is turned away.
    pub shedding: Shedding,
    /// Whether what the process needs is there, by its name in `/health/ready`.
    pub dependencies: Family<Part, Gauge>,
    /// Spans that nobody was sent.
    pub dropped_spans: Counter,
}

/// A part of `/health/ready`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Part {
    /// Its name.
    pub part: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Signal {
    signal: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Version {
    version: &'static str,
}

impl Metrics {
    /// The metrics of a process.
    pub fn new(config: &Config) -> Self {
        let mut registry = Registry::default();
        let dependencies = Family::<Part, Gauge>::default();
        registry.register(
            "plant_care_dependency_up",
            "Whether a part of /health/ready is ok: 1 or 0",
            dependencies.clone(),
        );
        let dropped = Family::<Signal, Counter>::default();
        registry.register(
            "plant_care_telemetry_dropped",
            "Telemetry that was recorded and could not be sent",
            dropped.clone(),
        );
        let build = Family::<Version, Gauge>::default();
        registry.register(
            "plant_care_build_info",
            "The running version; always 1",
            build.clone(),
        );
        build
            .get_or_create(&Version {
                version: env!("CARGO_PKG_VERSION"),
            })
            .set(1);
        process::register(&mut registry);
        Self {
            http: Http::register(&mut registry),
            connections: Connections::register(&mut registry),
            graphql: Graphql::register(&mut registry, config),
            database: DatabaseMetrics::register(&mut registry),
            live: Live::register(&mut registry),
            business: Business::register(&mut registry),
            shedding: Shedding::register(&mut registry),
            dropped_spans: dropped.get_or_create_owned(&Signal { signal: "spans" }),
            dependencies,
            registry,
        }
    }

    /// Everything in the `OpenMetrics` text format.
    pub fn open_metrics(&self) -> Result<String, fmt::Error> {
        let mut text = String::with_capacity(64 * 1024);
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

fn timings<L>(make: fn() -> Timing) -> Timings<L>
where
    L: Clone + std::hash::Hash + Eq,
{
    Family::new_with_constructor(make)
}

fn request_timing() -> Timing {
    Timing::new(REQUEST_EDGES.into_iter())
}

/// The trace of a context, if it is recorded here.
pub(crate) fn trace_of(context: &Context) -> Option<TraceLabel> {
    let span = context.span();
    let span = span.span_context();
    (span.is_valid() && span.is_sampled() && !span.is_remote()).then(|| TraceLabel {
        trace_id: span.trace_id().to_string(),
    })
}
