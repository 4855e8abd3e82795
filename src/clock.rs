//! Time and identifiers: the only place that asks the system for either.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use uuid::Uuid;
use uuid::timestamp::Timestamp;
use uuid::timestamp::context::ContextV7;

/// The time and new identifiers, from the system or set by hand.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// `None`: the system's time.
    manual: Option<Mutex<DateTime<Utc>>>,
    ids: Mutex<ContextV7>,
}

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self::over(None)
    }

    /// A clock that stands still until it is [advanced](Self::advance), for tests and seeds.
    pub fn manual(start: DateTime<Utc>) -> Self {
        Self::over(Some(Mutex::new(start.trunc_subsecs(6))))
    }

    fn over(manual: Option<Mutex<DateTime<Utc>>>) -> Self {
        Self(Arc::new(Inner {
            manual,
            ids: Mutex::new(ContextV7::new()),
        }))
    }

    /// The time now, in whole microseconds: what Postgres can store.
    pub fn now(&self) -> DateTime<Utc> {
        match &self.0.manual {
            Some(now) => *now.lock().unwrap_or_else(PoisonError::into_inner),
            #[expect(clippy::disallowed_methods, reason = "this is the one place that may ask")]
            None => Utc::now().trunc_subsecs(6),
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
        if let Some(now) = &self.0.manual {
            *now.lock().unwrap_or_else(PoisonError::into_inner) += by;
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
