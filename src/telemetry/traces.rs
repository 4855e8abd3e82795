//! Spans: recorded where they cost little, and sent by a task that nothing waits for.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use opentelemetry::trace::{
    Link, SpanBuilder, SpanContext, SpanId, SpanKind, Status, TraceContextExt as _, TraceFlags, TraceId,
    TraceState, Tracer as _, TracerProvider as _,
};
use opentelemetry::{Context, InstrumentationScope, KeyValue};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{
    IdGenerator as _, RandomIdGenerator, Sampler, SdkTracer, SdkTracerProvider, SpanData, SpanEvents,
    SpanExporter as _, SpanLinks,
};
use prometheus_client::metrics::counter::Counter;
use tokio::task::JoinHandle;

use super::export::{self, Queue, ToQueue};
use crate::config::{Config, Observability, Sampling};

/// How long the collector may take to answer.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the last spans may take when the process stops.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// The way to the collector, if there is one.
#[derive(Debug)]
pub struct Traces {
    on: Option<On>,
    /// What the database is called in spans, and which it is.
    database: [KeyValue; 2],
    resolver_spans_ratio: f64,
}

#[derive(Debug)]
struct On {
    tracer: SdkTracer,
    provider: SdkTracerProvider,
    queue: Arc<Queue>,
    scope: InstrumentationScope,
    sending: Mutex<Option<JoinHandle<()>>>,
}

impl Traces {
    /// Starts what sends spans, if a collector is configured. Its task runs until [`stop`](Self::stop).
    pub fn start(config: &Config, dropped: Counter) -> Result<Self, ExporterBuildError> {
        let settings = &config.observability;
        let endpoint = settings.otlp_endpoint.as_ref().filter(|_| settings.enabled);
        let on = match endpoint {
            None => None,
            Some(endpoint) => Some(On::start(settings, endpoint.0.as_str(), dropped)?),
        };
        let name = if config.sqlite_file().is_some() {
            "sqlite"
        } else {
            "postgresql"
        };
        Ok(Self {
            on,
            database: [
                KeyValue::new("db.system.name", name),
                KeyValue::new("db.namespace", database_name(config)),
            ],
            resolver_spans_ratio: settings.resolver_spans_ratio,
        })
    }

    /// Begins a span below `parent`: the answer is a context with it. Without a
    /// collector it is the parent, in which there is no span either.
    pub fn begin(&self, parent: &Context, span: NewSpan) -> Context {
        let Some(on) = &self.on else {
            return parent.clone();
        };
        parent.with_span(on.tracer.build_with_context(span.builder(), parent))
    }

    /// Records a span below `parent` that has ended now.
    pub fn record(&self, parent: &Context, span: NewSpan, took: Duration) {
        let Some(on) = &self.on else { return };
        let end = SystemTime::now();
        let mut builder = span.builder();
        builder.start_time = end.checked_sub(took);
        let mut span = on.tracer.build_with_context(builder, parent);
        opentelemetry::trace::Span::end_with_timestamp(&mut span, end);
    }

    /// A place below `parent` for a span that is only recorded if it turns out to be worth it: nothing if
    /// the trace is not recorded.
    pub fn foresee(&self, parent: &Context) -> Option<Foreseen> {
        self.on.as_ref()?;
        let span = parent.span();
        let above = span.span_context();
        if !above.is_valid() || !above.is_sampled() {
            return None;
        }
        let own = SpanContext::new(
            above.trace_id(),
            RandomIdGenerator::default().new_span_id(),
            above.trace_flags(),
            false,
            TraceState::default(),
        );
        Some(Foreseen {
            above: above.clone(),
            context: parent.with_remote_span_context(own.clone()),
            own,
        })
    }

    /// Records a span that was foreseen and has ended now.
    pub fn record_foreseen(&self, foreseen: Foreseen, span: NewSpan, took: Duration, status: Status) {
        let Some(on) = &self.on else { return };
        let end = SystemTime::now();
        on.queue.push(SpanData {
            span_context: foreseen.own,
            parent_span_id: foreseen.above.span_id(),
            parent_span_is_remote: false,
            span_kind: span.kind,
            name: span.name,
            start_time: end.checked_sub(took).unwrap_or(end),
            end_time: end,
            attributes: span.attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status,
            instrumentation_scope: on.scope.clone(),
        });
    }

    /// What spans say of the database.
    pub fn database(&self) -> &[KeyValue; 2] {
        &self.database
    }

    /// Whether the resolvers of the next query are looked at one by one: for as many as are configured, in no
    /// order that clients could be in step with.
    pub fn looks_closely(&self) -> bool {
        let chance = u64::from_be_bytes(RandomIdGenerator::default().new_span_id().to_bytes());
        // The upper 53 bits as a fraction.
        #[expect(clippy::cast_precision_loss, reason = "53 bits are a float's")]
        let fraction = (chance >> 11) as f64 / (1_u64 << 53) as f64;
        fraction < self.resolver_spans_ratio
    }

    /// Sends what waits, for a few seconds at most.
    pub async fn stop(&self) {
        let Some(on) = &self.on else { return };
        // Nothing more is recorded; with the last sender the task ends.
        let closed = on.provider.shutdown();
        tracing::trace!(closed = closed.is_ok(), "no more spans are taken");
        let sending = on.sending.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut sending) = sending else { return };
        if tokio::time::timeout(LAST_WORDS, &mut sending).await.is_err() {
            sending.abort();
            tracing::warn!("the last spans were not sent: the collector takes too long");
        }
    }
}

/// A place in a trace that is kept for a span.
pub struct Foreseen {
    above: SpanContext,
    own: SpanContext,
    /// In which what it is about has to run.
    pub context: Context,
}

/// What records the spans, by its name in them.
const SCOPE: &str = "plant-care";

/// A span to begin.
pub struct NewSpan {
    /// Its name.
    pub name: Cow<'static, str>,
    /// Its kind.
    pub kind: SpanKind,
    /// What is known of it.
    pub attributes: Vec<KeyValue>,
    /// What else it has to do with.
    pub links: Vec<SpanContext>,
}

impl NewSpan {
    /// A span inside the process.
    pub fn internal(name: impl Into<Cow<'static, str>>, attributes: Vec<KeyValue>) -> Self {
        Self::of(SpanKind::Internal, name, attributes)
    }

    /// A span of a kind.
    pub fn of(kind: SpanKind, name: impl Into<Cow<'static, str>>, attributes: Vec<KeyValue>) -> Self {
        Self {
            name: name.into(),
            kind,
            attributes,
            links: Vec::new(),
        }
    }

    fn builder(self) -> SpanBuilder {
        let mut builder = SpanBuilder::from_name(self.name)
            .with_kind(self.kind)
            .with_attributes(self.attributes);
        if !self.links.is_empty() {
            builder = builder.with_links(self.links.into_iter().map(Link::with_context).collect());
        }
        builder
    }
}

impl On {
    fn start(settings: &Observability, endpoint: &str, dropped: Counter) -> Result<Self, ExporterBuildError> {
        let resource = Resource::builder_empty()
            .with_service_name(settings.service_name.clone())
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        let mut exporter = SpanExporter::builder()
            .with_tonic()
            .with_endpoint(endpoint)
            .with_timeout(EXPORT_TIMEOUT)
            .build()?;
        exporter.set_resource(&resource);
        let (queue, waiting) = Queue::new(dropped.clone());
        let queue = Arc::new(queue);
        #[expect(
            clippy::disallowed_methods,
            reason = "it outlives the tracked tasks, whose spans it sends; `stop` waits for it"
        )]
        let sending = tokio::spawn(export::send(exporter, waiting, dropped));
        let provider = SdkTracerProvider::builder()
            .with_resource(resource)
            .with_sampler(sampler(settings.sampling))
            .with_span_processor(ToQueue(Arc::clone(&queue)))
            .build();
        Ok(Self {
            tracer: provider.tracer(SCOPE),
            provider,
            queue,
            scope: InstrumentationScope::builder(SCOPE).build(),
            sending: Mutex::new(Some(sending)),
        })
    }
}

fn sampler(sampling: Sampling) -> Sampler {
    let root = if sampling.ratio >= 1.0 {
        Sampler::AlwaysOn
    } else if sampling.ratio <= 0.0 {
        Sampler::AlwaysOff
    } else {
        Sampler::TraceIdRatioBased(sampling.ratio)
    };
    if sampling.parent_based {
        Sampler::ParentBased(Box::new(root))
    } else {
        root
    }
}

/// The caller's place in a trace, in the words of W3C Trace Context.
pub fn parse_traceparent(text: &str) -> Option<SpanContext> {
    let mut parts = text.split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_hex = |text: &str, length| {
        text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let known = is_hex(version, 2) && version != "ff" && (version != "00" || parts.next().is_none());
    if !known || !is_hex(trace, 32) || !is_hex(span, 16) || !is_hex(flags, 2) {
        return None;
    }
    let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?) & TraceFlags::SAMPLED;
    let context = SpanContext::new(
        TraceId::from_hex(trace).ok()?,
        SpanId::from_hex(span).ok()?,
        flags,
        true,
        TraceState::default(),
    );
    context.is_valid().then_some(context)
}

/// A context below a caller's span, as it says in its `traceparent`.
pub fn remote(traceparent: Option<&str>) -> Context {
    match traceparent.and_then(parse_traceparent) {
        Some(span) => Context::new().with_remote_span_context(span),
        None => Context::new(),
    }
}

/// The present place in a trace, if there is one.
pub fn current_traceparent() -> Option<String> {
    Context::map_current(|context| {
        let span = context.span();
        let span = span.span_context();
        span.is_valid().then(|| {
            format!(
                "00-{}-{}-{:02x}",
                span.trace_id(),
                span.span_id(),
                span.trace_flags().to_u8()
            )
        })
    })
}

/// The database's name, as its address gives it.
fn database_name(config: &Config) -> String {
    match config.sqlite_file() {
        Some(file) => file
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
        None => url::Url::parse(&config.database_url.0)
            .map(|url| url.path().trim_start_matches('/').to_owned())
            .unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_is_read_as_w3c_writes_it() {
        let trace = "0af7651916cd43dd8448eb211c80319c";
        let good = format!("00-{trace}-b7ad6b7169203331-01");
        let span = parse_traceparent(&good).unwrap();
        assert!(span.is_sampled() && span.is_remote());
        assert_eq!(span.trace_id().to_string(), trace);
        assert!(parse_traceparent(&format!("cc-{trace}-b7ad6b7169203331-00-more")).is_some());
        for bad in [
            "",
            "00-0-0-0",
            &format!("00-{trace}-0000000000000000-01"),
            &format!("00-{trace}-b7ad6b7169203331-01-more"),
            &format!("ff-{trace}-b7ad6b7169203331-01"),
            &format!("00-{}-b7ad6b7169203331-01", trace.to_uppercase()),
        ] {
            assert!(parse_traceparent(bad).is_none(), "{bad}");
        }
    }
}
