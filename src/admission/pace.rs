//! How fast a queue moves.

use std::time::Duration;

/// How much the last departure counts for what is expected of the next.
const WEIGHT: f64 = 1.0 / 16.0;
/// When nobody has left for so long, it is taking longer: four times as long as one takes, from then on.
const STALLED_AFTER: Duration = Duration::from_secs(1);
const STALLED: u32 = 4;

/// The time between two departures while somebody waits: what one who comes last has to wait for each before her.
#[derive(Debug)]
pub(super) struct Pace {
    /// Seconds.
    interval: f64,
    /// The last departure, or since when somebody waits.
    since: Option<Duration>,
    /// Seconds that one is served.
    held: f64,
}

impl Pace {
    /// A first guess.
    pub(super) fn new(guess: Duration) -> Self {
        Self {
            interval: guess.as_secs_f64(),
            since: None,
            held: 0.0,
        }
    }

    /// Somebody has begun to wait where nobody did.
    pub(super) fn somebody_waits(&mut self, now: Duration) {
        self.since = Some(now);
    }

    /// Nobody waits any more.
    pub(super) fn nobody_waits(&mut self) {
        self.since = None;
    }

    /// Somebody has left who was served for so long.
    pub(super) fn departed(&mut self, held: Duration, now: Duration) {
        self.held += (held.as_secs_f64() - self.held) * WEIGHT;
        if let Some(since) = &mut self.since {
            let took = now.saturating_sub(*since).as_secs_f64();
            self.interval += (took - self.interval) * WEIGHT;
            *since = now;
        }
    }

    /// How many may be served at once so that each takes no longer than this, as far as that is known.
    pub(super) fn at_once(&self, within: Duration) -> Option<usize> {
        if self.since.is_some() {
            let many = within.as_secs_f64() / self.interval.max(1e-9);
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "it is positive, and a cast stops at the greatest"
            )]
            return Some(many as usize);
        }
        // Nobody waits, and yet they take long: they wait for each other.
        (self.held > 2.0 * within.as_secs_f64()).then_some(0)
    }

    /// How long it takes until so many have left.
    pub(super) fn expected(&self, departures: usize, now: Duration) -> Duration {
        let stands_still = |since| now.saturating_sub(since).saturating_sub(STALLED_AFTER) / STALLED;
        let idle = self.since.map_or(Duration::ZERO, stands_still);
        let interval = self.interval.max(idle.as_secs_f64());
        let departures = f64::from(u32::try_from(departures).unwrap_or(u32::MAX));
        Duration::try_from_secs_f64(interval * departures).unwrap_or(Duration::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn it_is_what_departures_take_while_somebody_waits() {
        let mut pace = Pace::new(MS(10));
        assert_eq!(pace.expected(7, MS(0)), MS(70));
        // Nobody waits: that nobody has left says nothing.
        pace.departed(MS(1), MS(60_000));
        assert_eq!(pace.expected(7, MS(90_000)), MS(70));
        pace.somebody_waits(MS(90_000));
        for departure in 1..=200 {
            pace.departed(MS(1), MS(90_000 + 2 * departure));
        }
        assert_eq!(pace.at_once(MS(101)), Some(50));
        let expected = pace.expected(100, MS(90_400));
        assert!(expected > MS(199) && expected < MS(201), "{expected:?}");
    }

    #[test]
    fn those_who_are_served_wait_for_each_other_when_they_take_long() {
        let mut pace = Pace::new(MS(1));
        assert_eq!(pace.at_once(MS(100)), None);
        for _ in 0..100 {
            pace.departed(MS(300), MS(0));
        }
        assert_eq!(pace.at_once(MS(100)), Some(0));
        assert_eq!(pace.at_once(MS(200)), None);
    }

    #[test]
    fn a_queue_that_stands_still_moves_slowly() {
        let mut pace = Pace::new(MS(1));
        pace.somebody_waits(MS(0));
        assert_eq!(pace.expected(10, MS(1_000)), MS(10));
        assert_eq!(pace.expected(10, MS(5_000)), MS(10_000));
        pace.nobody_waits();
        assert_eq!(pace.expected(10, MS(8_000)), MS(10));
    }
}
