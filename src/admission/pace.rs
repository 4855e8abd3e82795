//! How fast a queue moves.

use std::time::Duration;

/// For how long departures are counted until they say how fast it moves: several may leave at the same moment, and none for
/// a while after that.
const WINDOW: Duration = Duration::from_millis(50);
/// How much the last window counts for what is expected of the next.
const WEIGHT: f64 = 1.0 / 4.0;
/// How much the last departure counts for how long one is served.
const HELD_WEIGHT: f64 = 1.0 / 16.0;
/// When nobody has left for so long, it is taking longer: four times as long as one takes, from then on.
const STALLED_AFTER: Duration = Duration::from_secs(1);
const STALLED: u32 = 4;

/// The time between two departures while somebody waits: what one who comes last has to wait for each before her.
#[derive(Debug)]
pub(super) struct Pace {
    /// Seconds.
    interval: f64,
    /// Those who have left while somebody waits.
    window: Option<Window>,
    /// Seconds that one is served.
    held: f64,
}

/// Departures that are being counted.
#[derive(Debug)]
struct Window {
    since: Duration,
    departures: u32,
    last: Duration,
}

impl Window {
    fn new(now: Duration) -> Self {
        Self {
            since: now,
            departures: 0,
            last: now,
        }
    }
}

impl Pace {
    /// A first guess.
    pub(super) fn new(guess: Duration) -> Self {
        Self {
            interval: guess.as_secs_f64(),
            window: None,
            held: 0.0,
        }
    }

    /// Somebody has begun to wait where nobody did.
    pub(super) fn somebody_waits(&mut self, now: Duration) {
        self.window = Some(Window::new(now));
    }

    /// Nobody waits any more.
    pub(super) fn nobody_waits(&mut self) {
        self.window = None;
    }

    /// Somebody has left who was served for so long.
    pub(super) fn departed(&mut self, held: Duration, now: Duration) {
        self.held += (held.as_secs_f64() - self.held) * HELD_WEIGHT;
        let Some(window) = &mut self.window else { return };
        window.departures += 1;
        window.last = now;
        let took = now.saturating_sub(window.since);
        if took >= WINDOW {
            let interval = took.as_secs_f64() / f64::from(window.departures);
            self.interval += (interval - self.interval) * WEIGHT;
            *window = Window::new(now);
        }
    }

    /// How many may be served at once so that each takes no longer than this, as far as that is known.
    pub(super) fn at_once(&self, within: Duration) -> Option<usize> {
        if self.window.is_some() {
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
        let stands_still =
            |window: &Window| now.saturating_sub(window.last).saturating_sub(STALLED_AFTER) / STALLED;
        let idle = self.window.as_ref().map_or(Duration::ZERO, stands_still);
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
        for departure in 1..=2_000 {
            pace.departed(MS(1), MS(90_000 + 2 * departure));
        }
        assert_eq!(pace.at_once(MS(101)), Some(50));
        let expected = pace.expected(100, MS(94_000));
        assert!(expected > MS(199) && expected < MS(201), "{expected:?}");
    }

    #[test]
    fn those_who_leave_together_do_not_make_it_seem_faster() {
        let mut pace = Pace::new(MS(10));
        pace.somebody_waits(MS(0));
        // Twenty at the same moment, every forty milliseconds.
        for moment in 1..=50 {
            for _ in 0..20 {
                pace.departed(MS(1), MS(40 * moment));
            }
            let expected = pace.expected(100, MS(40 * moment));
            assert!(
                moment < 20 || expected > MS(150) && expected < MS(250),
                "{expected:?}"
            );
        }
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
