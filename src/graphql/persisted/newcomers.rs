//! How many new texts come from an address in a minute, which begins with the first of them.

use std::collections::HashMap;
use std::time::Duration;

use crate::network::Network;

const MINUTE: Duration = Duration::from_mins(1);
/// Addresses that are kept in mind. From others nothing is kept until a minute is over.
const REMEMBERED: usize = 10_000;

/// Counts new texts. Times are those of the process's clock that never goes back.
#[derive(Debug)]
pub(super) struct Newcomers {
    maximum: usize,
    minutes: HashMap<Network, Minute>,
}

#[derive(Debug)]
struct Minute {
    began: Duration,
    let_in: usize,
}

impl Newcomers {
    /// Lets so many in from an address in a minute.
    pub(super) fn new(maximum: usize) -> Self {
        Self {
            maximum,
            minutes: HashMap::new(),
        }
    }

    /// Lets one in and counts it, if it is not too many.
    pub(super) fn lets_in(&mut self, from: Network, now: Duration) -> bool {
        let is_over = |minute: &Minute| now.saturating_sub(minute.began) >= MINUTE;
        if self.minutes.len() >= REMEMBERED && !self.minutes.contains_key(&from) {
            self.minutes.retain(|_, minute| !is_over(minute));
            if self.minutes.len() >= REMEMBERED {
                return false;
            }
        }
        let new = || Minute {
            began: now,
            let_in: 0,
        };
        let minute = self.minutes.entry(from).or_insert_with(new);
        if is_over(minute) {
            *minute = new();
        }
        let is_let_in = minute.let_in < self.maximum;
        minute.let_in += usize::from(is_let_in);
        is_let_in
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(number: usize) -> Network {
        let number = u32::try_from(number).unwrap();
        Network::of(std::net::Ipv4Addr::from_bits(number).into())
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn new_persisted_queries_of_an_address_are_counted_from_the_first_for_a_minute() {
        let mut newcomers = Newcomers::new(2);
        assert!(newcomers.lets_in(from(1), at(30)));
        assert!(newcomers.lets_in(from(1), at(31)));
        assert!(!newcomers.lets_in(from(1), at(32)));
        assert!(newcomers.lets_in(from(2), at(32)));
        assert!(!newcomers.lets_in(from(1), at(89)));
        assert!(newcomers.lets_in(from(1), at(90)));
        assert!(newcomers.lets_in(from(1), at(149)));
        assert!(!newcomers.lets_in(from(1), at(149)));
        assert!(newcomers.lets_in(from(1), at(150)));
    }

    #[test]
    fn addresses_that_sent_persisted_queries_are_forgotten_after_their_minute() {
        let mut newcomers = Newcomers::new(1);
        for number in 0..REMEMBERED {
            assert!(newcomers.lets_in(from(number), at(u64::from(number >= 10))));
        }
        assert!(!newcomers.lets_in(from(REMEMBERED), at(59)));
        assert!(
            !newcomers.lets_in(from(0), at(59)),
            "nobody makes room for herself"
        );
        assert!(newcomers.lets_in(from(REMEMBERED), at(60)));
        assert_eq!(newcomers.minutes.len(), REMEMBERED - 9);
    }
}
