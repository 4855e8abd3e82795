//! Time and identifiers: the only place that asks the system for either.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

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
    /// Set by hand.
    Manual(watch::Sender<Hands>),
}

/// What a clock shows that is set by hand.
#[derive(Clone, Copy, Debug)]
struct Hands {
    now: DateTime<Utc>,
    /// How long ago the clock was made, whatever time it shows.
    elapsed: Duration,
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
        Self::over(Time::Manual(watch::Sender::new(Hands {
            now: start.trunc_subsecs(6),
            elapsed: Duration::ZERO,
        })))
    }

    fn over(time: Time) -> Self {
        Self(Arc::new(Inner {
            time,
            ids: Mutex::new(ContextV7::new()),
        }))
    }

    /// The time now, in whole microseconds: what Postgres can store.
    pub fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.unix_micros()).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }

    /// The same in microseconds since 1970: what is asked for each delivery, without the making of a date.
    pub fn unix_micros(&self) -> i64 {
        match &self.0.time {
            Time::Manual(hands) => hands.borrow().now.timestamp_micros(),
            Time::System(_) => {
                let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
                since.map_or(0, |since| i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
            }
        }
    }

    /// How long ago this clock was made: what deadlines are counted in, because it never goes back.
    pub fn elapsed(&self) -> Duration {
        match &self.0.time {
            Time::Manual(hands) => hands.borrow().elapsed,
            Time::System(start) => start.elapsed(),
        }
    }

    /// Waits until [`elapsed`](Self::elapsed) has reached `at`.
    pub async fn reach(&self, at: Duration) {
        match &self.0.time {
            Time::System(start) => tokio::time::sleep_until(*start + at).await,
            Time::Manual(hands) => {
                let reached = |hands: &Hands| hands.elapsed >= at;
                // It fails only if the clock is gone, and this holds it.
                let _gone = hands.subscribe().wait_for(reached).await.is_err();
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
        if let Time::Manual(hands) = &self.0.time {
            hands.send_modify(|hands| {
                hands.now += by;
                hands.elapsed += by.to_std().unwrap_or_default();
            });
        }
    }

    /// Sets a manual clock to another time, as operators and time servers do with a system's: it shows another time,
    /// and nothing has taken longer.
    pub fn set(&self, by: TimeDelta) {
        if let Time::Manual(hands) = &self.0.time {
            hands.send_modify(|hands| hands.now += by);
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

    #[tokio::test]
    async fn what_has_taken_long_has_whatever_time_the_clock_is_set_to() {
        let clock = Clock::manual(DateTime::UNIX_EPOCH + TimeDelta::days(20_000));
        let before = clock.now();
        clock.set(TimeDelta::hours(-1));
        assert_eq!(clock.now(), before - TimeDelta::hours(1));
        assert_eq!(clock.elapsed(), Duration::ZERO);
        clock.advance(TimeDelta::seconds(1));
        assert_eq!(clock.elapsed(), Duration::from_secs(1));
        clock.reach(Duration::from_secs(1)).await;
    }

    #[test]
    fn time_is_in_whole_microseconds() {
        let clock = Clock::system();
        let before = clock.unix_micros();
        let now = clock.now();
        assert_eq!(now.timestamp_subsec_nanos() % 1000, 0);
        assert!((before..=clock.unix_micros()).contains(&now.timestamp_micros()));
    }
}
