//! How often one may try to log in, and register.
//!
//! An address may log in and register so many times an hour. An account takes so many wrong passwords an
//! hour, from anywhere; once they are used up, every address still has one try of its own each quarter of an
//! hour. So an account cannot be locked by somebody who keeps guessing: its owner, at an address from which
//! nobody else guesses, gets in with the right password at her first try, and guesses from many addresses
//! stay few. A right password uses nothing up.
//!
//! Counted in this process only, and in bounded memory: who was tried least, and longest ago, is forgotten first.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

use super::error::Exceeded;
use crate::config::Limits;

/// The time that the limits are for.
const HOUR: TimeDelta = TimeDelta::hours(1);
/// How long an address waits for another try at an account that is being guessed.
const SPARE: TimeDelta = TimeDelta::minutes(15);
/// Addresses or accounts that are kept in mind, of each kind.
const REMEMBERED: usize = 50_000;

/// An account, by the blind index of its e-mail address: there need not be one.
type Account = Vec<u8>;

/// Counts logins and registrations.
#[derive(Debug)]
pub struct Throttle {
    registrations: Buckets<Network>,
    logins: Buckets<Network>,
    guesses: Buckets<Account>,
    spare: Buckets<(Account, Network)>,
}

/// A login that may be tried.
#[derive(Debug)]
pub struct Attempt {
    account: Account,
    network: Network,
    spare: bool,
}

impl Throttle {
    /// Counts from nothing.
    pub fn new(limits: &Limits) -> Self {
        Self {
            registrations: Buckets::new(
                "REGISTRATIONS_PER_ADDRESS",
                limits.registrations_per_address,
                HOUR,
            ),
            logins: Buckets::new("LOGINS_PER_ADDRESS", limits.logins_per_address, HOUR),
            guesses: Buckets::new("LOGINS_PER_ACCOUNT", limits.logins_per_account, HOUR),
            spare: Buckets::new("LOGINS_PER_ACCOUNT", 1, SPARE),
        }
    }

    /// Takes note of a registration, or refuses it.
    pub fn registration(&self, from: IpAddr, now: DateTime<Utc>) -> Result<(), Exceeded> {
        self.registrations.take(Network::of(from), now)
    }

    /// Takes note of a login as if its password were wrong, or refuses it; [`forgive`](Self::forgive) takes
    /// that back. So guesses that are made at the same time are all counted.
    pub fn login(&self, from: IpAddr, account: &[u8], now: DateTime<Utc>) -> Result<Attempt, Exceeded> {
        let (account, network) = (account.to_vec(), Network::of(from));
        self.logins.take(network, now)?;
        let spare = match self.guesses.take(account.clone(), now) {
            Ok(()) => false,
            Err(exceeded) => {
                self.spare
                    .take((account.clone(), network), now)
                    .map_err(|_| exceeded)?;
                true
            }
        };
        Ok(Attempt {
            account,
            network,
            spare,
        })
    }

    /// The password was not wrong.
    pub fn forgive(&self, attempt: Attempt) {
        if attempt.spare {
            self.spare.give_back(&(attempt.account, attempt.network));
        } else {
            self.guesses.give_back(&attempt.account);
        }
    }
}

/// Whom an address counts as: of IPv6 everybody has a whole network of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Network(IpAddr);

impl Network {
    fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(address) => address.into(),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
            }
        })
    }
}

/// Token buckets: each is full at first, and fills again evenly.
///
/// A bucket is kept as the time at which it will be full (the generic cell rate algorithm), so one that is
/// full need not be kept at all.
#[derive(Debug)]
struct Buckets<K> {
    limit: &'static str,
    maximum: usize,
    /// The time in which an empty bucket fills.
    whole: TimeDelta,
    full_at: Mutex<HashMap<K, DateTime<Utc>>>,
}

impl<K: Eq + Hash> Buckets<K> {
    fn new(limit: &'static str, maximum: usize, whole: TimeDelta) -> Self {
        Self {
            limit,
            maximum,
            whole,
            full_at: Mutex::default(),
        }
    }

    /// The time in which one token comes back.
    fn one(&self) -> TimeDelta {
        self.whole / i32::try_from(self.maximum).unwrap_or(i32::MAX)
    }

    fn take(&self, key: K, now: DateTime<Utc>) -> Result<(), Exceeded> {
        let mut buckets = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let full_at = buckets.get(&key).map_or(now, |full_at| now.max(*full_at)) + self.one();
        if full_at - now > self.whole {
            return Err(Exceeded {
                limit: self.limit,
                value: self.maximum + 1,
                maximum: self.maximum,
            });
        }
        if buckets.len() >= REMEMBERED && !buckets.contains_key(&key) {
            forget(&mut buckets, now);
        }
        buckets.insert(key, full_at);
        Ok(())
    }

    fn give_back(&self, key: &K) {
        let mut buckets = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(full_at) = buckets.get_mut(key) {
            *full_at -= self.one();
        }
    }
}

/// Makes room: the full buckets go and, of the others, so many of the fullest that half are left.
fn forget<K: Eq + Hash>(buckets: &mut HashMap<K, DateTime<Utc>>, now: DateTime<Utc>) {
    const HALF: usize = REMEMBERED / 2;
    buckets.retain(|_, full_at| *full_at > now);
    if buckets.len() <= HALF {
        return;
    }
    let mut times: Vec<_> = buckets.values().copied().collect();
    let excess = times.len() - HALF;
    let (_, edge, emptier) = times.select_nth_unstable(excess);
    let edge = *edge;
    let mut room = HALF - emptier.iter().filter(|time| **time > edge).count();
    buckets.retain(|_, full_at| {
        if *full_at == edge && room > 0 {
            room -= 1;
            return true;
        }
        *full_at > edge
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::seconds(seconds)
    }

    fn from(address: &str) -> IpAddr {
        address.parse().unwrap()
    }

    fn throttle() -> Throttle {
        Throttle::new(&Limits {
            logins_per_account: 3,
            logins_per_address: 10,
            registrations_per_address: 2,
            ..Limits::default()
        })
    }

    #[test]
    fn registrations_are_counted_for_each_address_and_come_back_evenly() {
        let throttle = throttle();
        let here = from("192.0.2.1");
        for _ in 0..2 {
            throttle.registration(here, at(0)).unwrap();
        }
        let exceeded = throttle.registration(here, at(1799)).unwrap_err();
        assert_eq!(
            (exceeded.limit, exceeded.value, exceeded.maximum),
            ("REGISTRATIONS_PER_ADDRESS", 3, 2)
        );
        throttle.registration(from("192.0.2.2"), at(0)).unwrap();
        throttle.registration(here, at(1800)).unwrap();
        throttle.registration(here, at(1801)).unwrap_err();
    }

    #[test]
    fn an_account_that_is_guessed_leaves_each_address_one_try_of_its_own() {
        let throttle = throttle();
        let (guesser, owner) = (from("192.0.2.1"), from("192.0.2.2"));
        for _ in 0..3 {
            throttle.login(guesser, b"olga", at(0)).unwrap();
        }
        throttle.login(guesser, b"olga", at(0)).unwrap();
        let exceeded = throttle.login(guesser, b"olga", at(0)).unwrap_err();
        assert_eq!((exceeded.limit, exceeded.maximum), ("LOGINS_PER_ACCOUNT", 3));
        for _ in 0..5 {
            let attempt = throttle.login(owner, b"olga", at(1)).unwrap();
            throttle.forgive(attempt);
        }
        throttle.login(owner, b"olga", at(1)).unwrap();
        throttle.login(owner, b"olga", at(1)).unwrap_err();
        throttle.login(guesser, b"carla", at(1)).unwrap();
        // The guesser has one more at 900 s by itself; nothing of the owner's.
        throttle.login(owner, b"olga", at(902)).unwrap();
    }

    #[test]
    fn a_right_password_uses_nothing_of_the_account_up() {
        let throttle = throttle();
        for second in 0..10 {
            let attempt = throttle.login(from("192.0.2.1"), b"olga", at(second)).unwrap();
            throttle.forgive(attempt);
        }
        let exceeded = throttle.login(from("192.0.2.1"), b"olga", at(10)).unwrap_err();
        assert_eq!(exceeded.limit, "LOGINS_PER_ADDRESS");
        throttle.login(from("192.0.2.2"), b"olga", at(10)).unwrap();
    }

    #[test]
    fn a_network_of_ipv6_counts_as_one_address() {
        let throttle = throttle();
        throttle.registration(from("2001:db8::1"), at(0)).unwrap();
        throttle.registration(from("2001:db8::2"), at(0)).unwrap();
        throttle.registration(from("2001:db8::3"), at(0)).unwrap_err();
        throttle.registration(from("2001:db8:0:1::1"), at(0)).unwrap();
        throttle.registration(from("::ffff:192.0.2.1"), at(0)).unwrap();
        throttle.registration(from("192.0.2.1"), at(0)).unwrap();
        throttle.registration(from("192.0.2.1"), at(0)).unwrap_err();
    }

    #[test]
    fn memory_is_bounded_and_keeps_who_was_tried_most() {
        let buckets: Buckets<usize> = Buckets::new("TESTS", 2, HOUR);
        let kept = || buckets.full_at.lock().unwrap().len();
        for key in 0..10 {
            buckets.take(key, at(0)).unwrap();
            buckets.take(key, at(0)).unwrap();
        }
        // All others are equally full, then fuller and fuller.
        for (second, keys) in [(0, 10..REMEMBERED), (1, REMEMBERED..3 * REMEMBERED)] {
            for key in keys {
                buckets.take(key, at(second)).unwrap();
            }
            assert!((REMEMBERED / 2..=REMEMBERED).contains(&kept()), "{}", kept());
        }
        for key in 0..10 {
            buckets.take(key, at(1)).unwrap_err();
        }
        // Room is made seldom: each time for half of all.
        let mut full = buckets.full_at.lock().unwrap().clone();
        full.extend((0..REMEMBERED).map(|key| (4 * REMEMBERED + key, at(1801))));
        forget(&mut full, at(2));
        assert_eq!(full.len(), REMEMBERED / 2);
        assert!((0..10).all(|key| full.contains_key(&key)));
        forget(&mut full, at(8000));
        assert!(full.is_empty());
    }
}
