//! Time and identifiers: the only place that asks the system for either.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use tokio::sync::watch;
use tokio::time::Instant;
use uuid::Uuid;
use uuid::timestamp::Timestamp;
use uuid::timestamp::context::ContextV7;

/// The time and new identifiers, from the system or set by hand.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    time: Time,
    ids: Mutex<ContextV7>,
}

#[derive(Debug)]
enum Time {
    /// The system's, and when this clock was made.
    System(Instant),
    /// Set by hand, and when this clock was made.
    Manual(watch::Sender<DateTime<Utc>>, DateTime<Utc>),
}

/// The time of a log line: always the system's, because a line tells when it was written.
pub(crate) fn log_time() -> DateTime<Utc> {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that may ask")]
    Utc::now()
}

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self::over(Time::System(Instant::now()))
    }

    /// A clock that stands still until it is [advanced](Self::advance), for tests and seeds.
    pub fn manual(start: DateTime<Utc>) -> Self {
        let start = start.trunc_subsecs(6);
        Self::over(Time::Manual(watch::Sender::new(start), start))
    }

    fn over(time: Time) -> Self {
        Self(Arc::new(Inner {
            time,
            ids: Mutex::new(ContextV7::new()),
        }))
    }

    /// The time now, in whole microseconds: what Postgres can store.
    pub fn now(&self) -> DateTime<Utc> {
        match &self.0.time {
            Time::Manual(now, _) => *now.borrow(),
            #[expect(clippy::disallowed_methods, reason = "this is the one place that may ask")]
            Time::System(_) => Utc::now().trunc_subsecs(6),
        }
    }

    /// How long ago this clock was made: what deadlines are counted in, because it never goes back.
    pub fn elapsed(&self) -> Duration {
        match &self.0.time {
            Time::Manual(now, start) => (*now.borrow() - *start).to_std().unwrap_or_default(),
            Time::System(start) => start.elapsed(),
        }
    }

    /// Waits until [`elapsed`](Self::elapsed) has reached `at`.
    pub async fn reach(&self, at: Duration) {
        match &self.0.time {
            Time::System(start) => tokio::time::sleep_until(*start + at).await,
            Time::Manual(now, start) => {
                let reached = |now: &DateTime<Utc>| (*now - *start).to_std().unwrap_or_default() >= at;
                // It fails only if the clock is gone, and this holds it.
                let _gone = now.subscribe().wait_for(reached).await.is_err();
            }
        }
    }

    /// A new id (UUID version 7): greater than every one this clock made before.
    pub fn new_id(&self) -> Uuid {
        let now = self.now();
        let seconds = u64::try_from(now.timestamp()).unwrap_or(0);
        let timestamp = Timestamp::from_unix(&self.0.ids, seconds, now.timestamp_subsec_nanos());
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the one place that may make one"
        )]
        Uuid::new_v7(timestamp)
    }

    /// Moves a manual clock on; a system clock cannot be moved and stays.
    pub fn advance(&self, by: TimeDelta) {
        if let Time::Manual(now, _) = &self.0.time {
            now.send_modify(|now| *now += by);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_grow_while_time_stands_still() {
        let clock = Clock::manual(DateTime::UNIX_EPOCH + TimeDelta::days(20_000));
        let ids: Vec<_> = (0..10_000).map(|_| clock.new_id()).collect();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn time_is_in_whole_microseconds() {
        assert_eq!(Clock::system().now().timestamp_subsec_nanos() % 1000, 0);
    }
}
