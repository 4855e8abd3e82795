//! Log lines: one JSON object each, with the trace that they belong to.

use std::fmt;
use std::io::{self, IsTerminal as _};

use chrono::SecondsFormat;
use opentelemetry::Context;
use opentelemetry::trace::TraceContextExt as _;
use serde_json::{Map, Number, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, Registry, reload};

use super::operation::notes_of;
use crate::config::{Config, LogFormat};

/// Where log lines go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogTo {
    /// Standard output: the server's, for collectors.
    Stdout,
    /// Standard error: a command's, whose output is its answer.
    Stderr,
}

/// Changes what is logged while the process runs; by default there is nothing to change.
#[derive(Clone, Default)]
pub struct LogLevel(Option<Handle>);

type Handle = reload::Handle<EnvFilter, Registry>;

/// Why what is logged was not changed.
#[derive(Debug, thiserror::Error)]
pub enum LogLevelError {
    /// The directives cannot be read.
    #[error("it takes filter directives such as info,plant_care=debug")]
    Directives,
    /// Logging was started by somebody else.
    #[error("the log is not this process's to change")]
    Foreign,
}

impl LogLevel {
    /// Logs what directives in the manner of `RUST_LOG` say from now on.
    pub fn set(&self, directives: &str) -> Result<(), LogLevelError> {
        let directives = directives.trim();
        if directives.is_empty() {
            return Err(LogLevelError::Directives);
        }
        let filter = EnvFilter::try_new(directives).map_err(|_| LogLevelError::Directives)?;
        let handle = self.0.as_ref().ok_or(LogLevelError::Foreign)?;
        handle.reload(filter).map_err(|_| LogLevelError::Foreign)
    }
}

/// Starts logging. A second call in one process changes nothing that is logged.
pub fn start(config: &Config, to: LogTo) -> LogLevel {
    let (filter, level) = reload::Layer::new(EnvFilter::new(&config.log_filter));
    let (writer, is_terminal) = match to {
        LogTo::Stdout => (BoxMakeWriter::new(io::stdout), io::stdout().is_terminal()),
        LogTo::Stderr => (BoxMakeWriter::new(io::stderr), io::stderr().is_terminal()),
    };
    let mut lines = tracing_subscriber::fmt::layer().with_writer(writer);
    // Whether NO_COLOR is set, the layer looks by itself.
    if !is_terminal {
        lines = lines.with_ansi(false);
    }
    let lines = match config.log_format {
        LogFormat::Json => lines
            .event_format(Json::new(&config.observability.service_name))
            .boxed(),
        LogFormat::Pretty => lines.with_target(false).boxed(),
    };
    let started = tracing_subscriber::registry().with(filter).with(lines).try_init();
    if started.is_err() {
        tracing::debug!("logging had been started before");
    }
    LogLevel(started.is_ok().then_some(level))
}

/// Lines of JSON.
#[derive(Debug)]
pub struct Json {
    service: String,
}

impl Json {
    /// Lines of a service.
    pub fn new(service: &str) -> Self {
        Self {
            service: service.to_owned(),
        }
    }

    fn object(&self, event: &Event<'_>) -> Map<String, Value> {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let mut line = Map::new();
        let mut put = |name: &str, value: String| line.insert(name.to_owned(), Value::String(value));
        let now = crate::clock::log_time();
        put("timestamp", now.to_rfc3339_opts(SecondsFormat::Micros, true));
        put("level", level(*event.metadata().level()).to_owned());
        put("service", self.service.clone());
        Context::map_current(|context| {
            let span = context.span();
            let span = span.span_context();
            if span.is_valid() {
                put("trace_id", span.trace_id().to_string());
                put("span_id", span.span_id().to_string());
            }
            if let Some(user) = notes_of(context).and_then(|notes| notes.user) {
                put("user_id", user.to_string());
            }
        });
        put("message", fields.message);
        put("target", event.metadata().target().to_owned());
        for (name, value) in fields.others {
            line.entry(name).or_insert(value);
        }
        line
    }
}

impl<S, N> FormatEvent<S, N> for Json
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let line = serde_json::to_string(&self.object(event)).map_err(|_| fmt::Error)?;
        writeln!(writer, "{line}")
    }
}

fn level(level: Level) -> &'static str {
    match level {
        Level::ERROR => "ERROR",
        Level::WARN => "WARNING",
        Level::INFO => "INFO",
        _ => "DEBUG",
    }
}

/// The fields of an event, numbers as numbers.
#[derive(Default)]
struct Fields {
    message: String,
    others: Map<String, Value>,
}

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        // Names in the log have no dots: `error.id` is `error_id`.
        self.others.insert(field.name().replace('.', "_"), value);
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = format!("{value:?}");
        if field.name() == "message" {
            self.message = text;
        } else {
            self.put(field, Value::String(text));
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            value.clone_into(&mut self.message);
        } else {
            self.put(field, Value::String(value.to_owned()));
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, Value::Bool(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, Value::Number(value.into()));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, Value::Number(value.into()));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, Number::from_f64(value).map_or(Value::Null, Value::Number));
    }
}
