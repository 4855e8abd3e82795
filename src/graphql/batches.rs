//! When loaders load: as soon as nobody else can ask.
//!
//! A loader gathers keys for a while and then asks for all of them at once. How long it has to wait cannot be known from
//! outside: a timer either waits for nothing or misses somebody. But an operation is one task. When it has been polled
//! and waits, every field that can be resolved has been, and whoever will ask has asked; so its batches run then, in the
//! same task, without a timer and without another task. One that only [gives way](super::slices) has not come so far.
//!
//! Batches that run at the same time give what they have loaded together, when the last of them has it. Otherwise it
//! would depend on how long each takes whether those who go on ask with one another or one after the other.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use async_graphql::runtime::Timer;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use futures_util::task::{FutureObj, Spawn, SpawnError};
use opentelemetry::context::FutureExt as _;
use tokio::runtime::Handle;
use tokio::sync::Notify;

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

/// The batches of an operation that are under way.
#[derive(Default)]
pub(super) struct Together {
    under_way: AtomicUsize,
    all_done: Notify,
}

impl Together {
    /// What a batch loads, when all others that are under way have loaded, too.
    pub(super) async fn with_others<T>(&self, load: impl Future<Output = T>) -> T {
        let part = Part::of(self);
        let loaded = load.await;
        // Listens before it is done, so that it cannot miss the last one.
        let mut all_done = pin!(self.all_done.notified());
        all_done.as_mut().enable();
        drop(part);
        if self.under_way.load(Ordering::Acquire) > 0 {
            all_done.await;
        }
        loaded
    }
}

/// A batch that is under way, until it is done or nobody waits for it any more.
struct Part<'a>(&'a Together);

impl<'a> Part<'a> {
    fn of(together: &'a Together) -> Self {
        together.under_way.fetch_add(1, Ordering::AcqRel);
        Self(together)
    }
}

impl Drop for Part<'_> {
    fn drop(&mut self) {
        if self.0.under_way.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.all_done.notify_waiters();
        }
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

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use tokio::sync::oneshot;

    use super::*;

    #[test]
    fn what_is_loaded_at_the_same_time_is_given_together() {
        let together = Together::default();
        let (done, slow) = oneshot::channel::<u8>();
        let mut fast = pin!(together.with_others(std::future::ready(1)));
        let mut slow = Box::pin(together.with_others(slow));
        assert_eq!(slow.as_mut().now_or_never(), None);
        assert_eq!(fast.as_mut().now_or_never(), None, "another is under way");
        done.send(2).unwrap();
        assert_eq!(slow.as_mut().now_or_never(), Some(Ok(2)));
        assert_eq!(fast.as_mut().now_or_never(), Some(1));
        assert_eq!(
            together.with_others(std::future::ready(3)).now_or_never(),
            Some(3)
        );
    }

    #[test]
    fn nobody_waits_for_what_was_given_up() {
        let together = Together::default();
        let mut given_up = Box::pin(together.with_others(std::future::pending::<()>()));
        let mut fast = pin!(together.with_others(std::future::ready(1)));
        assert_eq!(given_up.as_mut().now_or_never(), None);
        assert_eq!(fast.as_mut().now_or_never(), None);
        drop(given_up);
        assert_eq!(fast.as_mut().now_or_never(), Some(1));
    }
}
