//! How large an answer becomes, counted while it is made: what is larger than allowed is not made to its end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_graphql::extensions::{Extension, ExtensionContext, ExtensionFactory, NextResolve, ResolveInfo};
use async_graphql::{QueryPathSegment, Response, ServerResult, Value};

use super::error::{ApiError, Exceeded};
use super::json;
use super::scope::Scope;
use super::slices::give_way;
use crate::config::Limits;
use crate::entity::loaded::Loaded;
use crate::telemetry::resolvers::Resolvers;

/// From which cost on an operation is watched while it is resolved. What costs less is answered before it could be too
/// large, or take a turn that is too long.
pub(super) const WATCHED_FROM: usize = 300;

/// The bytes of an answer so far.
#[derive(Debug)]
pub struct Meter {
    bytes: AtomicUsize,
    maximum: usize,
    /// The bytes of the rows that it is made of.
    pub(super) loaded: Arc<Loaded>,
}

impl Meter {
    /// Nothing so far.
    pub fn new(limits: &Limits) -> Self {
        Self {
            bytes: AtomicUsize::new(0),
            maximum: limits.answer_bytes,
            loaded: Arc::new(Loaded::new(limits.loaded_bytes)),
        }
    }

    /// Counts bytes that were made.
    pub fn add(&self, bytes: usize) -> Result<(), ApiError> {
        let before = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.with_room_for(before.saturating_add(bytes))
    }

    /// Refuses to make more, if so many besides those that are counted are too many.
    pub fn has_room_for(&self, bytes: usize) -> Result<(), ApiError> {
        self.with_room_for(self.bytes.load(Ordering::Relaxed).saturating_add(bytes))
    }

    fn with_room_for(&self, value: usize) -> Result<(), ApiError> {
        if value > self.maximum {
            return Err(ApiError::LimitExceeded(Exceeded {
                limit: "ANSWER_BYTES",
                value,
                maximum: self.maximum,
            }));
        }
        Ok(())
    }

    /// The answer, unless it is too large: then that is all that is told.
    pub(super) fn bounded(&self, answer: Response, is_mutation: bool) -> Response {
        let within = match self.loaded.exceeded() {
            None => self.has_room_for(0),
            Some((value, maximum)) => Err(ApiError::LimitExceeded(Exceeded {
                limit: "LOADED_BYTES",
                value,
                maximum,
            })),
        };
        let refusal = within.and_then(|()| self.with_room_for(json::length(&answer.data)));
        let Err(refusal) = refusal else { return answer };
        let mut answer = refusal.into_response();
        if is_mutation {
            for error in &mut answer.errors {
                // It was done, or a part of it; what came of it was too large to be told.
                error.extensions.get_or_insert_default().set("written", "UNKNOWN");
            }
        }
        answer
    }
}

/// Watches resolvers: it counts what they give, has them take turns, and looks at them closely where that is wanted. Only
/// what costs much is resolved with it.
#[derive(Clone)]
pub(super) struct Watched(pub(super) Resolvers);

impl ExtensionFactory for Watched {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(self.clone())
    }
}

#[async_trait::async_trait]
impl Extension for Watched {
    async fn resolve(
        &self,
        context: &ExtensionContext<'_>,
        info: ResolveInfo<'_>,
        next: NextResolve<'_>,
    ) -> ServerResult<Option<Value>> {
        let Some(scope) = context.data_opt::<Scope>() else {
            return next.run(context, info).await;
        };
        give_way().await;
        let refused = ApiError::into_server_error;
        scope.meter.has_room_for(0).map_err(refused)?;
        let key = match info.path_node.segment {
            // The quotes and the colon.
            QueryPathSegment::Name(name) => name.len() + 3,
            QueryPathSegment::Index(_) => 0,
        };
        let resolved = if scope.notes.closely {
            self.0.resolve(context, info, next).await
        } else {
            next.run(context, info).await
        }?;
        let leaf = match &resolved {
            Some(Value::String(text)) => text.len() + 2,
            Some(Value::Enum(name)) => name.len() + 2,
            _ => 1,
        };
        scope.meter.add(key + leaf).map_err(refused)?;
        Ok(resolved)
    }
}
