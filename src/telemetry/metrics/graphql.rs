//! Operations, resolvers and loaders.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::{REQUEST_EDGES, Timing, Timings, TraceLabel, request_timing, timings};
use crate::config::observability::is_name;
use crate::config::{Config, Environment};

/// Names that a development server takes as they come.
const DEVELOPMENT_NAMES: usize = 50;
/// What all others are called, and those without a name.
const OTHER: &str = "other";
const RESOLVER_EDGES: [f64; 10] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0];
const COUNT_EDGES: [f64; 9] = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0];

/// Operations, resolvers and loaders.
#[derive(Debug)]
pub struct Graphql {
    names: Names,
    requests: Timings<OperationLabels>,
    parse: Histogram,
    validate: Histogram,
    execute: Histogram,
    calls: Family<FieldLabels, Counter>,
    errors: Family<FieldLabels, Counter>,
    durations: Timings<FieldLabels>,
    batches: Family<Loader, Histogram, fn() -> Histogram>,
    queries: Family<Name, Histogram, fn() -> Histogram>,
}

/// What is told of an operation.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OperationLabels {
    /// `query`, `mutation` or `subscription`.
    pub operation_type: &'static str,
    /// A name that metrics may tell apart.
    pub operation_name: Arc<String>,
    /// `ok`, `client_error` or `server_error`.
    pub outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FieldLabels {
    r#type: String,
    field: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Loader {
    loader: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Name {
    operation_name: Arc<String>,
}

/// Handles of one field, found in advance.
#[derive(Clone, Debug)]
pub struct FieldMetrics {
    /// Calls so far.
    pub calls: Counter,
    /// Calls that ended with an error.
    pub errors: Counter,
    labels: FieldLabels,
}

impl Graphql {
    pub(super) fn register(registry: &mut Registry, config: &Config) -> Self {
        let count = || Histogram::new(COUNT_EDGES);
        let phase = || Histogram::new([0.0001, 0.00025].into_iter().chain(REQUEST_EDGES));
        let graphql = Self {
            names: Names::new(config),
            requests: timings(request_timing),
            parse: phase(),
            validate: phase(),
            execute: phase(),
            calls: Family::default(),
            errors: Family::default(),
            durations: timings(|| Timing::new(RESOLVER_EDGES.into_iter())),
            batches: Family::new_with_constructor(count),
            queries: Family::new_with_constructor(count),
        };
        registry.register(
            "graphql_server_request_duration_seconds",
            "Operations from their document to their answer; a subscription until it is open",
            graphql.requests.clone(),
        );
        for (name, help, histogram) in [
            ("parse", "Reading a document", &graphql.parse),
            (
                "validate",
                "From a document that was read to its first resolver",
                &graphql.validate,
            ),
            (
                "execute",
                "From the first resolver to the answer",
                &graphql.execute,
            ),
        ] {
            let name = format!("graphql_server_request_{name}_duration_seconds");
            registry.register(name, help, histogram.clone());
        }
        registry.register(
            "graphql_resolver_calls",
            "Calls of a field's resolver, counted in the answers",
            graphql.calls.clone(),
        );
        registry.register(
            "graphql_resolver_errors",
            "Calls that ended with an error",
            graphql.errors.clone(),
        );
        registry.register(
            "graphql_resolver_duration_seconds",
            "What fields took that do work, of RESOLVER_SPANS_RATIO of all queries and of every mutation",
            graphql.durations.clone(),
        );
        registry.register(
            "graphql_dataloader_batch_size",
            "Keys that were loaded together",
            graphql.batches.clone(),
        );
        registry.register(
            "graphql_database_queries_per_operation",
            "Statements that one operation took",
            graphql.queries.clone(),
        );
        graphql.begin();
        graphql
    }

    /// A series for each family and outcome, before anything happened.
    fn begin(&self) {
        let other = self.names.of(None);
        for operation_type in ["query", "mutation", "subscription"] {
            for outcome in ["ok", "client_error", "server_error"] {
                drop(self.requests.get_or_create(&OperationLabels {
                    operation_type,
                    operation_name: Arc::clone(&other),
                    outcome,
                }));
            }
        }
        drop(self.batches.get_or_create(&Loader { loader: "User" }));
        drop(self.queries.get_or_create(&Name {
            operation_name: other,
        }));
        drop(self.durations.get_or_create(&FieldLabels {
            r#type: "Query".to_owned(),
            field: "viewer".to_owned(),
        }));
    }

    /// The name under which metrics and spans know an operation.
    pub fn name(&self, name: Option<&str>) -> Arc<String> {
        self.names.of(name)
    }

    /// A document was read.
    pub fn parsed(&self, took: Duration) {
        self.parse.observe(took.as_secs_f64());
    }

    /// An operation was answered.
    pub fn answered(&self, labels: &OperationLabels, took: Duration, trace: Option<TraceLabel>) {
        self.requests
            .get_or_create(labels)
            .observe(took.as_secs_f64(), trace, None);
    }

    /// How long an operation was validated and executed, and the statements that took.
    pub fn ran(&self, name: &Arc<String>, validated: Duration, executed: Duration, queries: u32) {
        self.validate.observe(validated.as_secs_f64());
        self.execute.observe(executed.as_secs_f64());
        let name = Name {
            operation_name: Arc::clone(name),
        };
        self.queries.get_or_create(&name).observe(f64::from(queries));
    }

    /// Keys were loaded together.
    pub fn batch(&self, loader: &'static str, keys: usize) {
        let keys = f64::from(u32::try_from(keys).unwrap_or(u32::MAX));
        self.batches.get_or_create(&Loader { loader }).observe(keys);
    }

    /// The handles of a field. Calls of an interface's count with those of its objects, and not with these; what a call took
    /// is known by the type on which the field was selected.
    pub fn field(&self, of_type: &str, is_object: bool, field: &str) -> FieldMetrics {
        let labels = FieldLabels {
            r#type: of_type.to_owned(),
            field: field.to_owned(),
        };
        let (calls, errors) = if is_object {
            (
                self.calls.get_or_create_owned(&labels),
                self.errors.get_or_create_owned(&labels),
            )
        } else {
            Default::default()
        };
        FieldMetrics {
            calls,
            errors,
            labels,
        }
    }

    /// What a call of a field took.
    pub fn resolved(&self, field: &FieldMetrics, took: Duration, trace: Option<TraceLabel>) {
        let durations = self.durations.get_or_create(&field.labels);
        durations.observe(took.as_secs_f64(), trace, None);
    }
}

/// The operation names that metrics tell apart: strangers must not fill the space with theirs.
#[derive(Debug)]
struct Names {
    known: HashSet<Arc<String>>,
    other: Arc<String>,
    /// In development, what came first.
    seen: Option<Mutex<HashSet<Arc<String>>>>,
}

impl Names {
    fn new(config: &Config) -> Self {
        let trusted = config
            .trusted_documents
            .iter()
            .flat_map(|manifest| manifest.names());
        let named = config.observability.operation_names.iter().map(String::as_str);
        let known = trusted.chain(named).filter(|name| is_name(name));
        Self {
            known: known.map(|name| Arc::new(name.to_owned())).collect(),
            other: Arc::new(OTHER.to_owned()),
            seen: (config.environment == Environment::Development).then(Mutex::default),
        }
    }

    fn of(&self, name: Option<&str>) -> Arc<String> {
        let Some(name) = name else {
            return Arc::clone(&self.other);
        };
        let name = name.to_owned();
        if let Some(known) = self.known.get(&name) {
            return Arc::clone(known);
        }
        let Some(seen) = &self.seen else {
            return Arc::clone(&self.other);
        };
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = seen.get(&name) {
            return Arc::clone(known);
        }
        if seen.len() >= DEVELOPMENT_NAMES || !is_name(&name) {
            return Arc::clone(&self.other);
        }
        let name = Arc::new(name);
        seen.insert(Arc::clone(&name));
        name
    }
}
