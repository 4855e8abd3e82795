//! One GraphQL operation as it is observed: its span, its phases, its statements and its outcome.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use async_graphql::parser::types::OperationType;
use opentelemetry::context::FutureExt as _;
use opentelemetry::trace::{SpanContext, Status, TraceContextExt as _};
use opentelemetry::{Context, KeyValue};
use tokio::time::Instant;

use super::Telemetry;
use super::calls::Called;
use super::metrics::{OperationLabels, trace_of};
use super::traces::NewSpan;
use crate::entity::UserId;

/// From when on an operation is logged as slow.
const SLOW: Duration = Duration::from_secs(1);

/// Links of one span at most: OpenTelemetry's own limit.
const LINKS: usize = 128;

/// How an operation came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As asked for; refusals that are data count as that.
    Ok,
    /// The client asked for what cannot be.
    ClientError(&'static str),
    /// We failed.
    ServerError(&'static str),
}

impl Outcome {
    fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::ClientError(_) => "client_error",
            Self::ServerError(_) => "server_error",
        }
    }
}

/// What is noted of an operation while it runs, by whoever runs in its context.
#[derive(Debug, Default)]
pub struct Notes {
    /// Statements so far.
    pub(super) queries: AtomicU32,
    /// Spans that were recorded below the operation's so far.
    pub(super) spans: AtomicU32,
    /// Whether each resolver, batch and statement gets a span of its own.
    pub closely: bool,
    /// Who is asking.
    pub(super) user: Option<UserId>,
    /// The spans of those who have asked a loader since the last batch.
    asked: Mutex<Vec<SpanContext>>,
    /// What was called for the parts of the answer that do not show it.
    called: Mutex<Vec<Called>>,
    /// When the first resolver asked for its scope.
    resolving: OnceLock<Instant>,
}

impl Notes {
    /// Whoever has asked a loader since this was asked last.
    pub(super) fn take_asked(&self) -> Vec<SpanContext> {
        std::mem::take(&mut *self.asked.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Resolvers were called for a part of the answer that does not show it.
    pub fn called(&self, called: Vec<Called>) {
        self.called
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(called);
    }

    /// Whatever was called for such parts.
    pub fn take_called(&self) -> Vec<Called> {
        std::mem::take(&mut *self.called.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The first resolver runs: what was before was validation.
    pub fn resolving(&self) {
        self.resolving.get_or_init(Instant::now);
    }
}

/// Something that runs and is observed.
pub struct Run {
    context: Context,
    notes: Arc<Notes>,
}

impl Run {
    /// Begins in a context with its span.
    fn new(context: &Context, notes: Notes) -> Self {
        let notes = Arc::new(notes);
        Self {
            context: context.with_value(Arc::clone(&notes)),
            notes,
        }
    }

    /// Whether its resolvers are looked at one by one.
    pub fn is_looked_at_closely(&self) -> bool {
        self.notes.closely
    }

    /// What its resolvers note.
    pub fn notes(&self) -> &Arc<Notes> {
        &self.notes
    }

    /// Runs a part of it.
    pub async fn run<F: Future>(&self, part: F) -> F::Output {
        part.with_context(self.context.clone()).await
    }

    /// It has come out: its span says so, and ends.
    pub fn end(&self, outcome: Outcome) {
        let span = self.context.span();
        if let Outcome::ClientError(code) | Outcome::ServerError(code) = outcome {
            span.set_attribute(KeyValue::new("error.type", code));
        }
        if let Outcome::ServerError(code) = outcome {
            span.set_status(Status::error(code));
        }
        span.end();
    }
}

/// One operation.
pub struct Operation {
    telemetry: Arc<Telemetry>,
    /// What runs.
    pub run: Run,
    kind: &'static str,
    name: Arc<String>,
    began: Instant,
    parsed: Duration,
}

impl Telemetry {
    /// Begins an operation whose document took `parsed` to read.
    pub fn operation(
        self: &Arc<Self>,
        kind: OperationType,
        name: Option<&str>,
        user: Option<UserId>,
        parsed: Duration,
    ) -> Operation {
        let kind_name = kind_name(kind);
        let name = self.metrics.graphql.name(name);
        let mut attributes = vec![
            KeyValue::new("graphql.operation.type", kind_name),
            KeyValue::new("graphql.operation.name", String::clone(&name)),
        ];
        attributes.extend(user.map(|user| KeyValue::new("user.id", user.to_string())));
        let parent = Context::current();
        let context = self
            .traces
            .begin(&parent, NewSpan::internal(kind_name, attributes));
        let closely = self.is_on && (kind == OperationType::Mutation || self.traces.looks_closely());
        let notes = Notes {
            closely,
            user,
            ..Notes::default()
        };
        Operation {
            telemetry: Arc::clone(self),
            run: Run::new(&context, notes),
            kind: kind_name,
            name,
            began: Instant::now(),
            parsed,
        }
    }

    /// Begins to resolve one message of a subscription: a trace of its own, linked to what caused the message.
    pub fn resolution(&self, field: &'static str, cause: Option<SpanContext>) -> Run {
        let attributes = vec![
            KeyValue::new("graphql.operation.type", "subscription"),
            KeyValue::new("graphql.selection.field.name", field),
        ];
        let mut span = NewSpan::internal("GraphQL Subscription Event", attributes);
        span.links = cause.into_iter().collect();
        let context = self.traces.begin(&Context::new(), span);
        let notes = Notes {
            closely: self.is_on && self.traces.looks_closely(),
            ..Notes::default()
        };
        Run::new(&context, notes)
    }

    /// A request was turned away because there are too many. It counts as what cannot be read does, and has no span: there
    /// would be thousands of them that say the same.
    pub fn turned_away(&self, outcome: Outcome, took: Duration) {
        if !self.is_on {
            return;
        }
        let labels = OperationLabels {
            operation_type: kind_name(OperationType::Query),
            operation_name: self.metrics.graphql.name(None),
            outcome: outcome.name(),
        };
        self.metrics.graphql.answered(&labels, took, None);
        self.metrics.http.answered("POST", "/graphql", 503, took, None);
    }

    /// What cannot be read was refused. It counts with queries, which most of it is.
    pub fn refused(self: &Arc<Self>, name: Option<&str>, outcome: Outcome) {
        self.operation(OperationType::Query, name, None, Duration::ZERO)
            .end(outcome);
    }
}

impl Operation {
    /// It has come out.
    pub fn end(self, outcome: Outcome) {
        if !self.telemetry.is_on {
            return;
        }
        let ended = Instant::now();
        let took = self.parsed + (ended - self.began);
        let resolving = self.run.notes.resolving.get().copied();
        let validated = resolving.unwrap_or(ended) - self.began;
        let executed = resolving.map(|resolving| ended - resolving);
        let queries = self.run.notes.queries.load(Ordering::Relaxed);
        let graphql = &self.telemetry.metrics.graphql;
        graphql.parsed(self.parsed);
        graphql.ran(&self.name, validated, executed.unwrap_or_default(), queries);
        let labels = OperationLabels {
            operation_type: self.kind,
            operation_name: Arc::clone(&self.name),
            outcome: outcome.name(),
        };
        graphql.answered(&labels, took, trace_of(&self.run.context));
        self.end_span(outcome, validated, executed, queries);
        self.log(outcome, took);
    }

    fn end_span(&self, outcome: Outcome, validated: Duration, executed: Option<Duration>, queries: u32) {
        let span = self.run.context.span();
        if !span.is_recording() {
            return;
        }
        let ms = |name, took: Duration| KeyValue::new(name, took.as_secs_f64() * 1_000.0);
        span.set_attribute(ms("graphql.processing.parse_ms", self.parsed));
        span.set_attribute(ms("graphql.processing.validate_ms", validated));
        span.set_attribute(ms("graphql.processing.execute_ms", executed.unwrap_or_default()));
        span.set_attribute(KeyValue::new(
            "graphql.processing.database_queries",
            i64::from(queries),
        ));
        self.run.end(outcome);
    }

    fn log(&self, outcome: Outcome, took: Duration) {
        let _in_context = self.run.context.clone().attach();
        let duration_ms = took.as_secs_f64() * 1_000.0;
        let (name, kind, outcome) = (self.name.as_str(), self.kind, outcome.name());
        if took >= SLOW {
            tracing::warn!(
                duration_ms,
                graphql_operation_name = name,
                graphql_operation_type = kind,
                outcome,
                "an operation was slow"
            );
        } else {
            tracing::debug!(
                duration_ms,
                graphql_operation_name = name,
                graphql_operation_type = kind,
                outcome,
                "an operation was answered"
            );
        }
    }
}

/// Whoever runs now is about to ask a loader: the batch is linked to it.
pub fn asks_a_loader() {
    Context::map_current(|context| {
        if let Some(notes) = notes_of(context).filter(|notes| notes.closely) {
            let span = context.span();
            let mut asked = notes.asked.lock().unwrap_or_else(PoisonError::into_inner);
            if span.span_context().is_sampled() && asked.len() < LINKS {
                asked.push(span.span_context().clone());
            }
        }
    });
}

/// The name of a kind of operation, as GraphQL writes it.
fn kind_name(kind: OperationType) -> &'static str {
    match kind {
        OperationType::Query => "query",
        OperationType::Mutation => "mutation",
        OperationType::Subscription => "subscription",
    }
}

/// The notes of the operation that runs now, if one does.
pub(super) fn notes_of(context: &Context) -> Option<&Arc<Notes>> {
    context.get::<Arc<Notes>>()
}
