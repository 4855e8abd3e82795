//! How often one may try to log in, register, and come with secrets that open nothing.
//!
//! An address may log in and register so many times an hour, and come with so many tokens and tickets that open
//! nothing. An account takes so many wrong passwords an hour, from anywhere; once they are used up, every address
//! still has one try of its own each quarter of an hour. So an account cannot be locked by somebody who keeps
//! guessing: its owner, at an address from which nobody else guesses, gets in with the right password at her first
//! try, and guesses from many addresses stay few. What is right uses nothing of that up.
//!
//! Neither does what could not be judged, whatever the reason: each try is a guard that counts nothing unless it is
//! told how it came out. While tries are under way that could use up what is left, others wait for them: so guesses
//! that are made at the same time are all counted, and right ones are not refused for each other.
//!
//! Counted in this process only, and in bounded memory: who was tried least, and longest ago, is forgotten first.

mod buckets;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use self::buckets::Buckets;
use super::error::Exceeded;
use crate::clock::Clock;
use crate::config::Limits;
use crate::network::Network;

/// The time that the limits are for.
const HOUR: Duration = Duration::from_hours(1);
/// How long an address waits for another try at an account that is being guessed.
const SPARE: Duration = Duration::from_mins(15);

/// An account, by the blind index of its e-mail address: there need not be one.
type Account = Vec<u8>;

/// Counts tries.
#[derive(Clone, Debug)]
pub struct Throttle(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    clock: Clock,
    registrations: Buckets<Network>,
    logins: Buckets<Network>,
    guesses: Buckets<Account>,
    spare: Buckets<(Account, Network)>,
    tokens: Buckets<Network>,
}

impl Throttle {
    /// Counts from nothing.
    pub fn new(limits: &Limits, clock: Clock) -> Self {
        Self(Arc::new(Inner {
            clock,
            registrations: Buckets::new(
                "REGISTRATIONS_PER_ADDRESS",
                limits.registrations_per_address,
                HOUR,
            ),
            logins: Buckets::new("LOGINS_PER_ADDRESS", limits.logins_per_address, HOUR),
            guesses: Buckets::new("LOGINS_PER_ACCOUNT", limits.logins_per_account, HOUR),
            spare: Buckets::new("LOGINS_PER_ACCOUNT", 1, SPARE),
            tokens: Buckets::new("WRONG_TOKENS_PER_ADDRESS", limits.wrong_tokens_per_address, HOUR),
        }))
    }

    /// Begins a registration, or refuses it.
    pub fn registration(&self, from: IpAddr) -> Result<Registration, Exceeded> {
        let network = Network::of(from);
        self.0.registrations.take(network, self.0.clock.elapsed())?;
        Ok(Registration(Counted::new(&self.0, network, |inner| {
            &inner.registrations
        })))
    }

    /// Begins a login, or refuses it.
    pub fn login(&self, from: IpAddr, account: &[u8]) -> Result<Login, Exceeded> {
        let (account, network) = (account.to_vec(), Network::of(from));
        let (inner, now) = (&self.0, self.0.clock.elapsed());
        inner.logins.take(network, now)?;
        let login = Login {
            address: Counted::new(inner, network, |inner| &inner.logins),
            key: (account, network),
        };
        if inner.guesses.has_some(&login.key.0, now) || inner.spare.has_some(&login.key, now) {
            Ok(login)
        } else {
            Err(inner.guesses.exceeded())
        }
    }

    /// Begins to look whether a token or ticket opens anything, or refuses to. It waits while tries are under way
    /// that could use up what the address has left.
    pub async fn token(&self, from: IpAddr) -> Result<Token, Exceeded> {
        let (inner, network) = (&self.0, Network::of(from));
        inner.tokens.reserve(&network, || inner.clock.elapsed()).await?;
        Ok(Token {
            inner: Arc::clone(inner),
            network,
            is_wrong: false,
        })
    }
}

/// What an address was counted with; given back unless it is used.
#[derive(Debug)]
struct Counted {
    inner: Arc<Inner>,
    network: Network,
    buckets: fn(&Inner) -> &Buckets<Network>,
    used: bool,
}

impl Counted {
    fn new(inner: &Arc<Inner>, network: Network, buckets: fn(&Inner) -> &Buckets<Network>) -> Self {
        Self {
            inner: Arc::clone(inner),
            network,
            buckets,
            used: false,
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        if !self.used {
            (self.buckets)(&self.inner).give_back(&self.network);
        }
    }
}

/// A registration that may be tried. It counts only if it is told that it was.
#[derive(Debug)]
pub struct Registration(Counted);

impl Registration {
    /// It was carried out, or refused for what is in it.
    pub fn was_tried(mut self) {
        self.0.used = true;
    }
}

/// A login that may be tried. It counts only if its password was judged.
#[derive(Debug)]
pub struct Login {
    address: Counted,
    key: (Account, Network),
}

impl Login {
    /// Begins to judge the password, or refuses to. It waits while passwords of the account are judged of which the
    /// outcome decides.
    pub async fn judge(self) -> Result<Judging, Exceeded> {
        let inner = &self.address.inner;
        let now = || inner.clock.elapsed();
        let spare = match inner.guesses.reserve(&self.key.0, now).await {
            Ok(()) => false,
            Err(exceeded) => {
                let spare = inner.spare.reserve(&self.key, now).await;
                spare.map_err(|_| exceeded)?;
                true
            }
        };
        Ok(Judging {
            login: self,
            spare,
            is_wrong: false,
        })
    }
}

/// A password that is being judged.
#[derive(Debug)]
pub struct Judging {
    login: Login,
    spare: bool,
    is_wrong: bool,
}

impl Judging {
    /// The password was judged.
    pub fn judged(mut self, is_right: bool) {
        self.is_wrong = !is_right;
        self.login.address.used = true;
    }
}

impl Drop for Judging {
    fn drop(&mut self) {
        let Login { address, key } = &self.login;
        let inner = &address.inner;
        let now = inner.clock.elapsed();
        if self.spare {
            inner.spare.settle(key, self.is_wrong, now);
        } else {
            inner.guesses.settle(&key.0, self.is_wrong, now);
        }
    }
}

/// A token or ticket that is looked up. It counts only if it is told that it was wrong.
#[derive(Debug)]
pub struct Token {
    inner: Arc<Inner>,
    network: Network,
    is_wrong: bool,
}

impl Token {
    /// It was looked up.
    pub fn judged(mut self, is_right: bool) {
        self.is_wrong = !is_right;
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        let now = self.inner.clock.elapsed();
        self.inner.tokens.settle(&self.network, self.is_wrong, now);
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta};
    use futures_util::FutureExt as _;
    use futures_util::future::join_all;

    use super::*;

    fn from(address: &str) -> IpAddr {
        address.parse().unwrap()
    }

    fn throttle() -> (Throttle, Clock) {
        let clock = Clock::manual(DateTime::UNIX_EPOCH + TimeDelta::days(20_000));
        let limits = Limits {
            logins_per_account: 3,
            logins_per_address: 10,
            registrations_per_address: 2,
            wrong_tokens_per_address: 2,
            ..Limits::default()
        };
        (Throttle::new(&limits, clock.clone()), clock)
    }

    /// Begins to judge a password, unless it is refused.
    fn judge(throttle: &Throttle, address: &str, account: &[u8]) -> Result<Judging, Exceeded> {
        let login = throttle.login(from(address), account)?;
        login.judge().now_or_never().expect("nothing is under way")
    }

    /// Judges a password, unless it is refused.
    fn login(throttle: &Throttle, address: &str, account: &[u8], is_right: bool) -> Result<(), Exceeded> {
        judge(throttle, address, account).map(|judging| judging.judged(is_right))
    }

    #[test]
    fn registrations_are_counted_for_each_address_and_come_back_evenly() {
        let (throttle, clock) = throttle();
        let here = from("192.0.2.1");
        for _ in 0..2 {
            throttle.registration(here).unwrap().was_tried();
        }
        clock.advance(TimeDelta::seconds(1799));
        let exceeded = throttle.registration(here).unwrap_err();
        assert_eq!(
            (exceeded.limit, exceeded.value, exceeded.maximum),
            ("REGISTRATIONS_PER_ADDRESS", 3, 2)
        );
        throttle.registration(from("192.0.2.2")).unwrap().was_tried();
        clock.advance(TimeDelta::seconds(1));
        throttle.registration(here).unwrap().was_tried();
        clock.advance(TimeDelta::seconds(1));
        throttle.registration(here).unwrap_err();
    }

    #[test]
    fn an_account_that_is_guessed_leaves_each_address_one_try_of_its_own() {
        let (throttle, clock) = throttle();
        let (guesser, owner) = ("192.0.2.1", "192.0.2.2");
        for _ in 0..4 {
            login(&throttle, guesser, b"olga", false).unwrap();
        }
        let exceeded = login(&throttle, guesser, b"olga", false).unwrap_err();
        assert_eq!((exceeded.limit, exceeded.maximum), ("LOGINS_PER_ACCOUNT", 3));
        for _ in 0..5 {
            login(&throttle, owner, b"olga", true).unwrap();
        }
        login(&throttle, owner, b"olga", false).unwrap();
        login(&throttle, owner, b"olga", false).unwrap_err();
        login(&throttle, guesser, b"carla", false).unwrap();
        // The guesser has one more at 900 s by itself; nothing of the owner's.
        clock.advance(TimeDelta::seconds(902));
        login(&throttle, owner, b"olga", false).unwrap();
    }

    #[test]
    fn a_right_password_uses_nothing_of_the_account_up() {
        let (throttle, _) = throttle();
        for _ in 0..10 {
            login(&throttle, "192.0.2.1", b"olga", true).unwrap();
        }
        let exceeded = login(&throttle, "192.0.2.1", b"olga", true).unwrap_err();
        assert_eq!(exceeded.limit, "LOGINS_PER_ADDRESS");
        login(&throttle, "192.0.2.2", b"olga", true).unwrap();
    }

    #[tokio::test]
    async fn what_could_not_be_judged_is_not_counted_whatever_became_of_it() {
        let (throttle, _) = throttle();
        let here = from("192.0.2.1");
        for _ in 0..100 {
            // It was refused before its turn; while it was judged; and by a panic.
            drop(throttle.login(here, b"olga").unwrap());
            drop(judge(&throttle, "192.0.2.1", b"olga").unwrap());
            drop(throttle.registration(here).unwrap());
            drop(throttle.token(here).await.unwrap());
        }
        let judging = judge(&throttle, "192.0.2.1", b"olga").unwrap();
        let panics = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
            let _judging = judging;
            std::panic::resume_unwind(Box::new("hashing"));
        }));
        panics.unwrap_err();
        for _ in 0..4 {
            login(&throttle, "192.0.2.1", b"olga", false).unwrap();
        }
        login(&throttle, "192.0.2.1", b"olga", false).unwrap_err();
    }

    #[tokio::test]
    async fn right_passwords_that_come_together_wait_for_each_other_and_none_is_refused() {
        let (throttle, _) = throttle();
        let logins = (0..10).map(async |number: u8| {
            let login = throttle
                .login(from(&format!("192.0.2.{number}")), b"olga")
                .unwrap();
            let judging = login.judge().await.unwrap();
            tokio::task::yield_now().await;
            judging.judged(true);
        });
        join_all(logins).await;
    }

    #[tokio::test]
    async fn of_guesses_that_are_made_together_no_more_are_judged_than_there_may_be() {
        let (throttle, _) = throttle();
        let guesses = (0..50).map(async |number: u8| {
            let login = throttle.login(from(&format!("192.0.2.{}", number % 5)), b"olga");
            let Ok(judging) = login.unwrap().judge().await else {
                return 0;
            };
            tokio::task::yield_now().await;
            judging.judged(false);
            1
        });
        let judged: usize = join_all(guesses).await.into_iter().sum();
        // Three for the account, and one for each of the five addresses.
        assert_eq!(judged, 3 + 5);
    }

    #[tokio::test]
    async fn tokens_that_open_nothing_are_counted_and_right_ones_are_not() {
        let (throttle, clock) = throttle();
        let here = from("192.0.2.1");
        for _ in 0..20 {
            throttle.token(here).await.unwrap().judged(true);
        }
        let [first, second] = [throttle.token(here).await, throttle.token(here).await].map(Result::unwrap);
        // Both could turn out wrong.
        let mut third = Box::pin(throttle.token(here));
        assert!(third.as_mut().now_or_never().is_none());
        first.judged(false);
        assert!(third.as_mut().now_or_never().is_none());
        second.judged(true);
        third.await.unwrap().judged(false);
        let exceeded = throttle.token(here).await.unwrap_err();
        assert_eq!(
            (exceeded.limit, exceeded.maximum),
            ("WRONG_TOKENS_PER_ADDRESS", 2)
        );
        throttle.token(from("192.0.2.2")).await.unwrap();
        clock.advance(TimeDelta::minutes(30));
        throttle.token(here).await.unwrap();
    }

    #[tokio::test]
    async fn a_clock_that_is_set_back_refuses_nobody_and_forgets_nothing() {
        let (throttle, clock) = throttle();
        let here = from("192.0.2.1");
        login(&throttle, "192.0.2.1", b"olga", false).unwrap();
        throttle.token(here).await.unwrap().judged(false);
        throttle.registration(here).unwrap().was_tried();
        for hours in [-1, 5] {
            clock.set(TimeDelta::hours(hours));
            login(&throttle, "192.0.2.1", b"olga", true).unwrap();
        }
        throttle.token(here).await.unwrap().judged(false);
        throttle.token(here).await.unwrap_err();
        throttle.registration(here).unwrap().was_tried();
        throttle.registration(here).unwrap_err();
    }
}
