//! When loaders load: as soon as nobody else can ask.
//!
//! A loader gathers keys for a while and then asks for all of them at once. How long it has to wait cannot be known from
//! outside: a timer either waits for nothing or misses somebody. But an operation is one task. When it has been polled
//! and waits, every field that can be resolved has been, and whoever will ask has asked; so its batches run then, in the
//! same task, without a timer and without another task. One that only [gives way](super::slices) has not come so far.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use async_graphql::runtime::Timer;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use futures_util::task::{FutureObj, Spawn, SpawnError};
use opentelemetry::context::FutureExt as _;
use tokio::runtime::Handle;

use super::slices::slice;
use crate::entity::loaded::Loaded;

type Batch = FutureObj<'static, ()>;

thread_local! {
    /// The batches that were begun by what is being polled; nothing where nobody runs them.
    static BEGUN: RefCell<Option<Vec<Batch>>> = const { RefCell::new(None) };
}

/// Runs what asks loaders, and their batches with it, and counts what both load.
pub(super) async fn with_batches<F: Future>(mut work: Pin<Box<F>>, loaded: &Arc<Loaded>) -> F::Output {
    let mut batches = FuturesUnordered::new();
    poll_fn(|task| {
        loop {
            let polling = || gathering(|| work.as_mut().poll(task));
            let ((polled, begun), gave_way) = loaded.counting(|| slice(polling));
            if polled.is_ready() {
                return polled;
            }
            batches.extend(begun);
            if gave_way {
                return Poll::Pending;
            }
            let mut has_loaded = false;
            while let (Poll::Ready(Some(())), begun) =
                loaded.counting(|| gathering(|| batches.poll_next_unpin(task)))
            {
                batches.extend(begun);
                has_loaded = true;
            }
            if !has_loaded {
                return Poll::Pending;
            }
        }
    })
    .await
}

/// What a part gives, and the batches that it began.
fn gathering<T>(part: impl FnOnce() -> T) -> (T, Vec<Batch>) {
    let outer = Restored(BEGUN.replace(Some(Vec::new())));
    let given = part();
    let begun = BEGUN.take().unwrap_or_default();
    drop(outer);
    (given, begun)
}

/// What was gathered before, put back however the part ends.
struct Restored(Option<Vec<Batch>>);

impl Drop for Restored {
    fn drop(&mut self) {
        drop(BEGUN.replace(self.0.take()));
    }
}

/// Starts batches in the context of whoever asked first: with the operation, or on a task of their own.
pub(super) struct InContext(pub(super) Handle);

impl Spawn for InContext {
    fn spawn_obj(&self, batch: Batch) -> Result<(), SpawnError> {
        let batch = batch.with_current_context();
        BEGUN.with_borrow_mut(|begun| match begun {
            Some(begun) => begun.push(Box::new(batch).into()),
            None => drop(self.0.spawn(batch)),
        });
        Ok(())
    }
}

/// How long a batch waits for others who ask: not at all where it runs when they have.
pub(super) struct Patience;

impl Timer for Patience {
    fn delay(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let runs_with_operation = BEGUN.with_borrow(Option::is_some);
        Box::pin(async move {
            if !runs_with_operation {
                tokio::time::sleep(duration).await;
            }
        })
    }
}
