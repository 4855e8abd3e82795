//! The resolvers of an operation that is looked at closely: how long each took, with a span of its own.
//!
//! It is registered with a schema of its own, over the same resolvers: the mere presence of an extension
//! takes half as long again for every field of every operation.

use std::sync::Arc;

use async_graphql::extensions::{Extension, ExtensionContext, ExtensionFactory, NextResolve, ResolveInfo};
use async_graphql::{ServerResult, Value};
use opentelemetry::context::FutureExt as _;
use opentelemetry::trace::{Status, TraceContextExt as _};
use opentelemetry::{Context, KeyValue};
use tokio::time::Instant;

use super::Telemetry;
use super::calls::Calls;
use super::metrics::trace_of;
use super::traces::NewSpan;

/// Looks at resolvers one by one.
#[derive(Clone)]
pub struct Resolvers {
    /// Where it is noted.
    pub telemetry: Arc<Telemetry>,
    /// What is known of the fields.
    pub calls: Arc<Calls>,
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
        let began = Instant::now();
        let attributes = vec![
            KeyValue::new("graphql.selection.field.coordinate", field.coordinate.clone()),
            KeyValue::new("graphql.selection.field.name", info.name.to_owned()),
            KeyValue::new("graphql.selection.field.parent_type", info.parent_type.to_owned()),
        ];
        let span = NewSpan::internal(field.coordinate.clone(), attributes);
        let span = self.telemetry.traces.begin(&Context::current(), span);
        let resolved = next.run(context, info).with_context(span.clone()).await;
        let metrics = &self.telemetry.metrics.graphql;
        metrics.resolved(&field.metrics, began.elapsed(), trace_of(&span));
        if resolved.is_err() {
            span.span().set_status(Status::error("the field failed"));
        }
        span.span().end();
        resolved
    }
}
