//! How slowly bytes may go over a connection.

use std::time::Duration;

/// For how long nothing at all may go on.
pub const GRACE: Duration = Duration::from_secs(10);

/// Whether bytes that somebody waits for go on fast enough: each gives time, and there is never more of it than
/// [`GRACE`]. So a peer may pause, and one that trickles is ended whatever it trickles.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    until: Duration,
}

impl Pace {
    /// Begins to wait, by the process's clock.
    pub fn begin(now: Duration) -> Self {
        Self { until: now + GRACE }
    }

    /// Takes note of bytes that went on, of which there have to be so many a second. Says whether the peer keeps up.
    pub fn went_on(&mut self, bytes: usize, per_second: usize, now: Duration) -> bool {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let rate = u32::try_from(per_second).unwrap_or(u32::MAX).max(1);
        let most = now + GRACE;
        self.until = most.min(self.until + Duration::from_secs(1) * bytes / rate);
        self.until == most
    }

    /// When it is too late, if nothing goes on until then.
    pub fn until(self) -> Duration {
        self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The second in which a peer is given up that does so many bytes each second.
    fn given_up(bytes: usize) -> Option<u64> {
        let mut pace = Pace::begin(Duration::ZERO);
        (1..10_000).find(|second| {
            let now = Duration::from_secs(*second);
            let is_late = now >= pace.until();
            pace.went_on(bytes, 1024, now);
            is_late
        })
    }

    #[test]
    fn a_trickle_is_given_up_and_a_slow_line_is_not() {
        assert_eq!(given_up(0), Some(10));
        assert_eq!(given_up(1), Some(11));
        assert_eq!(given_up(512), Some(19));
        assert_eq!(given_up(1024), None);
    }

    #[test]
    fn what_came_early_gives_no_more_than_the_grace() {
        let mut pace = Pace::begin(Duration::ZERO);
        assert!(pace.went_on(10_000_000, 1024, Duration::from_secs(1)));
        assert_eq!(pace.until(), Duration::from_secs(11));
    }
}
