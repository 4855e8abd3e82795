//! The resolvers of an operation that is looked at closely: how long each took, with a span of its own.
//!
//! It is registered with a schema of its own, over the same resolvers: the mere presence of an extension
//! takes half as long again for every field of every operation.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use async_graphql::extensions::{Extension, ExtensionContext, ExtensionFactory, NextResolve, ResolveInfo};
use async_graphql::{ServerError, ServerResult, Value};
use opentelemetry::context::FutureExt as _;
use opentelemetry::trace::Status;
use opentelemetry::{Context, KeyValue};
use tokio::time::Instant;

use super::Telemetry;
use super::calls::Calls;
use super::metrics::trace_of;
use super::operation::notes_of;
use super::traces::NewSpan;

/// Looks at resolvers one by one.
#[derive(Clone)]
pub struct Resolvers {
    /// Where it is noted.
    pub telemetry: Arc<Telemetry>,
    /// What is known of the fields.
    pub calls: Arc<Calls>,
    /// Whether an error is our failure, and not the client's.
    pub is_ours: fn(&ServerError) -> bool,
}

impl ExtensionFactory for Resolvers {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(self.clone())
    }
}

#[async_trait::async_trait]
impl Extension for Resolvers {
    async fn resolve(
        &self,
        context: &ExtensionContext<'_>,
        info: ResolveInfo<'_>,
        next: NextResolve<'_>,
    ) -> ServerResult<Option<Value>> {
        let field = self
            .calls
            .field(info.parent_type, info.name)
            .filter(|field| field.works);
        let Some(field) = field.filter(|_| !info.is_for_introspection) else {
            return next.run(context, info).await;
        };
        let (of_type, name) = (info.parent_type, info.name);
        let began = Instant::now();
        let traces = &self.telemetry.traces;
        let metrics = &self.telemetry.metrics.graphql;
        let current = Context::current();
        let notes = notes_of(&current);
        let spans = || notes.map_or(0, |notes| notes.spans.load(Relaxed));
        let before = spans();
        let Some(foreseen) = traces.foresee(&current) else {
            let resolved = next.run(context, info).await;
            metrics.resolved(&field.metrics, began.elapsed(), None);
            return resolved;
        };
        let mut waited = false;
        let resolved = {
            let mut resolving = pin!(next.run(context, info).with_context(foreseen.context.clone()));
            poll_fn(|task| {
                let polled = resolving.as_mut().poll(task);
                waited |= polled.is_pending();
                polled
            })
            .await
        };
        let took = began.elapsed();
        metrics.resolved(&field.metrics, took, trace_of(&foreseen.context));
        // What was at hand, and all below it, has no span: a list of hundreds would have one each.
        if waited || spans() != before || resolved.is_err() {
            if let Some(notes) = notes {
                notes.spans.fetch_add(1, Relaxed);
            }
            let status = match &resolved {
                Err(error) if (self.is_ours)(error) => Status::error("the field failed"),
                _ => Status::Unset,
            };
            let attributes = vec![
                KeyValue::new("graphql.selection.field.coordinate", field.coordinate.clone()),
                KeyValue::new("graphql.selection.field.name", name.to_owned()),
                KeyValue::new("graphql.selection.field.parent_type", of_type.to_owned()),
            ];
            let span = NewSpan::internal(field.coordinate.clone(), attributes);
            traces.record_foreseen(foreseen, span, took, status);
        }
        resolved
    }
}
