//! Slices of time: an operation for which nothing waits would keep its thread to its end, and neither its own deadline nor
//! anybody else's operation would come to it. So whoever resolves much gives way from time to time.

use std::cell::Cell;
use std::time::Duration;

use tokio::task::yield_now;
use tokio::time::Instant;

/// How long an operation goes on before others do.
const SLICE: Duration = Duration::from_millis(5);

thread_local! {
    /// The end of the slice of what is being polled; nothing where time is not sliced.
    static ENDS: Cell<Option<Instant>> = const { Cell::new(None) };
    /// Whether it has given way.
    static GAVE_WAY: Cell<bool> = const { Cell::new(false) };
}

/// Polls a part for one slice, and says whether it waits for nothing but its next.
pub(super) fn slice<T>(part: impl FnOnce() -> T) -> (T, bool) {
    let outer = Restored(
        ENDS.replace(Some(Instant::now() + SLICE)),
        GAVE_WAY.replace(false),
    );
    let given = part();
    let gave_way = GAVE_WAY.get();
    drop(outer);
    (given, gave_way)
}

/// What was before, put back however the part ends.
struct Restored(Option<Instant>, bool);

impl Drop for Restored {
    fn drop(&mut self) {
        ENDS.set(self.0);
        GAVE_WAY.set(self.1);
    }
}

/// Waits for the next slice if this one is over. All who resolve for an operation come to it in one poll, so that the
/// first of them ends it for all.
pub(super) async fn give_way() {
    while GAVE_WAY.get() || ENDS.get().is_some_and(|ends| Instant::now() >= ends) {
        GAVE_WAY.set(true);
        // Its waker is called when the runtime has looked at its sockets and timers.
        yield_now().await;
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    #[test]
    fn a_slice_that_is_over_ends_for_all() {
        let mut context = Context::from_waker(Waker::noop());
        let (mut one, mut other) = (pin!(give_way()), pin!(give_way()));
        // However slow the machine is.
        let long = || ENDS.set(Some(Instant::now() + Duration::from_hours(1)));
        let (polled, gave_way) = slice(|| {
            long();
            pin!(give_way()).poll(&mut context)
        });
        assert!(polled.is_ready() && !gave_way);
        let (polled, gave_way) = slice(|| {
            ENDS.set(Some(Instant::now()));
            (one.as_mut().poll(&mut context), other.as_mut().poll(&mut context))
        });
        assert!(polled.0.is_pending() && polled.1.is_pending() && gave_way);
        let (polled, gave_way) = slice(|| {
            long();
            (one.poll(&mut context), other.poll(&mut context))
        });
        assert!(polled.0.is_ready() && polled.1.is_ready() && !gave_way);
        // Where time is not sliced, nobody waits.
        assert!(pin!(give_way()).poll(&mut context).is_ready());
    }
}
